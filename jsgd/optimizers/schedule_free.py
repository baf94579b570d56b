r"""Schedule-free learning: an average of the iterates in the place of a falling learning rate."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise, tree, wrapper
from jsgd.core.nest import hyper_now
from jsgd.core.numerics import abs_sq, hyper_dtype
from jsgd.core.slots import copies, real_zeros
from jsgd.optimizers.sgd import sgd


def schedule_free(opt: Optimizer, b1: Any = 0.9, weight_lr_power: Any = 2.0) -> Optimizer:
    r"""Steps a sequence z, averages it to x, and takes the gradients between the two.

    .. math::
        z_{t+1} = z_t + \mathrm{step}(y_t), \quad
        x_{t+1} = (1 - c_t)\, x_t + c_t\, z_{t+1}, \quad
        y_{t+1} = (1 - \beta_1)\, z_{t+1} + \beta_1\, x_{t+1}, \\
        c_t = \frac{w_t}{\sum_{i \le t} w_i}, \qquad w_t = \left(\max_{i \le t} \eta_i\right)^r

    where :math:`\mathrm{step}(y_t)` is what `opt` adds to :math:`y_t`. The parameters are
    :math:`y`, and `jsgd.eval_params` gives :math:`x`. :math:`\eta` is the learning rate of `opt`
    as it is at the step; warm-up is an ordinary schedule of it. (optax weighs step :math:`t` by
    the rate of step :math:`t + 1`.) The interpolation takes the place of momentum, so `opt` should
    have none. What moves parameters by itself, such as weight decay, belongs inside.

    Args:
        opt: the optimizer that takes the step; it has one `lr`.
        b1: :math:`\beta_1` in [0, 1).
        weight_lr_power: :math:`r` >= 0; 0 weighs all steps alike.

    Raises:
        ValueError: a number is out of range; at the step, `opt` has no `lr`, several, or a tree.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.schedule_free(jsgd.sgd(1.0), b1=0.5)
    >>> params, state = jnp.zeros(()), opt.init(jnp.zeros(()))
    >>> for _ in range(2):
    ...     params, state = opt.step(params, jnp.ones(()), state)
    ...     print(float(params), float(jsgd.eval_params(params, state)))
    -1.0 -1.0
    -1.75 -1.5

    References:
        Defazio et al., "The Road Less Scheduled", NeurIPS 2024, https://arxiv.org/abs/2405.15682,
        equations 6 to 8, with the weights of the authors' code (Algorithm 1 has no maximum).
    """
    return wrapper(
        _schedule_free,
        opt,
        needs_params=True,
        slots={"z": copies, "average": copies, "max_lr": _zero, "weight_sum": _zero},
        b1=b1,
        weight_lr_power=weight_lr_power,
    )


def _schedule_free(step, params, grads, inner, s, h):
    """Equations 6 to 8."""
    lr = hyper_now(inner, "lr")
    if not isinstance(lr, jax.Array):
        raise ValueError(f"schedule_free weighs its average by one lr for all leaves, not {lr!r}")
    y = tree.widen(params)
    stepped, inner = step(y, grads, inner)
    z = jax.tree.map(lambda z, new, old: z + (new - old), s.z, stepped, y)
    max_lr = jnp.maximum(s.max_lr, lr)
    weight = max_lr**h.weight_lr_power
    weight_sum = s.weight_sum + weight
    # nothing has moved yet while all rates are 0
    x = tree.mix(s.average, z, jnp.where(weight_sum > 0, weight / weight_sum, 0))
    y = tree.mix(x, z, 1 - h.b1)
    return y, inner, {"z": z, "average": x, "max_lr": max_lr, "weight_sum": weight_sum}


def _zero(params: Any) -> jax.Array:
    return jnp.zeros((), hyper_dtype())


def schedule_free_sgd(lr: Any = 1.0, b1: Any = 0.9, weight_lr_power: Any = 2.0) -> Optimizer:
    r"""Schedule-free gradient descent.

    `schedule_free(sgd(lr), b1, weight_lr_power)`, and no more:

    .. math::
        z_{t+1} = z_t - \eta\, g(y_t)

    Args:
        lr: learning rate :math:`\eta`, >= 0. The authors advise 10 to 50 times the usual one.
        b1, weight_lr_power: as for `schedule_free`.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.schedule_free_sgd(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.ones(2), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-0.5, -0.5]

    References:
        Defazio et al., "The Road Less Scheduled", NeurIPS 2024, https://arxiv.org/abs/2405.15682,
        equations 6 to 8.
    """
    return schedule_free(sgd(lr), b1, weight_lr_power)


def schedule_free_adamw(
    lr: Any = 2.5e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 0.0,
    weight_lr_power: Any = 2.0,
) -> Optimizer:
    r"""Schedule-free AdamW.

    `schedule_free` over AdamW without its momentum,

    .. math::
        \nu_t = \beta_2 \nu_{t-1} + (1-\beta_2) g_t^2, \quad
        z_{t+1} = z_t - \eta
            \left(\frac{g_t}{\sqrt{\nu_t / (1-\beta_2^t)} + \epsilon} + \lambda y_t\right)

    with the gradient and the decay at :math:`y_t`. This is optax's form; in the paper the bias
    correction :math:`\sqrt{1-\beta_2^t}` is part of the learning rate, and so of the weights.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, weight_lr_power: as for `schedule_free`.
        b2: decay rate :math:`\beta_2` in [0, 1).
        eps: :math:`\epsilon` >= 0.
        weight_decay: :math:`\lambda` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.schedule_free_adamw(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Defazio et al., "The Road Less Scheduled", NeurIPS 2024, https://arxiv.org/abs/2405.15682,
        Algorithm 1, with Adam's bias correction.
    """
    inner = elementwise(
        _adamw_without_momentum,
        slots={"nu": real_zeros},
        needs_params=True,
        lr=lr,
        b2=b2,
        eps=eps,
        weight_decay=weight_decay,
    )
    return schedule_free(inner, b1, weight_lr_power)


def _adamw_without_momentum(p, g, s, h):
    """Algorithm 1, the line of z."""
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g)
    nu_hat = nu / (1 - h.b2**h.t)
    return p - h.lr * (g / (jnp.sqrt(nu_hat) + h.eps) + h.weight_decay * p), {"nu": nu}
