r"""MoMo: momentum, and Adam, with Polyak's step size on an average of the losses' tangents."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, treewise
from jsgd.core.numerics import abs_sq, ratio
from jsgd.core.slots import real_zeros, scalar

_MODEL = {"mu": tree.zeros_like, "value": scalar, "gamma": scalar}
_BOUND = {False: {}, True: {"bound": scalar}}


def momo(
    lr: Any = 1.0,
    b1: Any = 0.9,
    lower_bound: Any = 0.0,
    weight_decay: Any = 0.0,
    *,
    adapt_lower_bound: bool = False,
) -> Optimizer:
    r"""MoMo: gradient descent with momentum whose rate is capped by a model of the loss.

    With averages :math:`\bar f, \mu, \gamma` (rate :math:`\beta_1`, started at their first values)
    of the loss :math:`f_t`, the gradient :math:`g_t` and :math:`\langle g_t, \theta_t \rangle`,

    .. math::
        \tau_t = \min\left(\eta, \frac{\left((1 + \eta\lambda)(\bar f_t - \gamma_t - f_*)
            + \langle \mu_t, \theta_t \rangle\right)_+}{\lVert \mu_t \rVert^2}\right), \qquad
        \theta_{t+1} = \frac{\theta_t - \tau_t \mu_t}{1 + \eta\lambda}

    The loss is given to the step: `opt.step(params, grads, state, value=loss)`. Weight decay is
    proximal, as in the paper and its code; optax shrinks the parameters before the step instead.

    Args:
        lr: the largest rate :math:`\eta` >= 0.
        b1: decay rate :math:`\beta_1` in [0, 1).
        lower_bound: :math:`f_*`, a lower bound of the loss.
        weight_decay: :math:`\lambda` >= 0.
        adapt_lower_bound: static; estimate :math:`f_*` on the way, from `lower_bound` up. It is in
            the state's slot `"bound"`.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.momo()
    >>> x = jnp.array([3.0, 4.0])
    >>> x, state = opt.step(x, 2 * x, opt.init(x), value=jnp.sum(x**2))
    >>> x.tolist()
    [1.5, 2.0]

    References:
        Schaipp et al., "MoMo: Momentum Models for Adaptive Learning Rates", ICML 2024,
        https://arxiv.org/abs/2305.07583, the algorithms MoMo and, for the bound, MoMo*.
    """
    return treewise(
        _momo,
        slots=_MODEL | _BOUND[bool(adapt_lower_bound)],
        lr=lr,
        b1=b1,
        lower_bound=lower_bound,
        weight_decay=weight_decay,
        adapt_lower_bound=bool(adapt_lower_bound),
    )


def _momo(params, grads, s, h):
    """MoMo and MoMo*."""
    slots = _model(jnp.where(h.t == 1, 1, 1 - h.b1), params, grads, s, h)
    return _truncated(1, slots["mu"], params, slots, s, h)


def momo_adam(
    lr: Any = 1e-2,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    lower_bound: Any = 0.0,
    weight_decay: Any = 0.0,
    *,
    adapt_lower_bound: bool = False,
) -> Optimizer:
    r"""MoMo-Adam: Adam whose rate is capped by a model of the loss.

    MoMo in Adam's metric :math:`D_t = \sqrt{\nu_t / (1 - \beta_2^t)} + \epsilon`, the averages
    started at 0, with :math:`\rho_t = 1 - \beta_1^t` for their correction:

    .. math::
        \tau_t = \min\left(\frac{\eta}{\rho_t},
            \frac{\left((1 + \eta\lambda)(\bar f_t - \gamma_t - \rho_t f_*)
            + \langle \mu_t, \theta_t \rangle\right)_+}{\langle \mu_t, D_t^{-1} \mu_t \rangle}
            \right), \qquad
        \theta_{t+1} = \frac{\theta_t - \tau_t D_t^{-1} \mu_t}{1 + \eta\lambda}

    Where the cap does not bind this is Adam. The loss is given to the step:
    `opt.step(params, grads, state, value=loss)`.

    Args:
        lr: Adam's learning rate :math:`\eta` >= 0, the largest that is taken.
        b1, b2: decay rates in [0, 1).
        eps: :math:`\epsilon` >= 0.
        lower_bound, weight_decay, adapt_lower_bound: as for `momo`.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.momo_adam(lr=0.5)
    >>> x = jnp.array([3.0, -0.1])
    >>> x, state = opt.step(x, x, opt.init(x), value=100.0)
    >>> x.round(4).tolist()
    [2.5, 0.3999999761581421]

    References:
        Schaipp et al., "MoMo: Momentum Models for Adaptive Learning Rates", ICML 2024,
        https://arxiv.org/abs/2305.07583, the algorithm MoMo-Adam.
    """
    return treewise(
        _momo_adam,
        slots=_MODEL | {"nu": real_zeros} | _BOUND[bool(adapt_lower_bound)],
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        lower_bound=lower_bound,
        weight_decay=weight_decay,
        adapt_lower_bound=bool(adapt_lower_bound),
    )


def _momo_adam(params, grads, s, h):
    """MoMo-Adam."""
    slots = _model(1 - h.b1, params, grads, s, h)
    nu = jax.tree.map(lambda v, g: h.b2 * v + (1 - h.b2) * abs_sq(g), s.nu, grads)

    def scaled(m, v):
        return ratio(m, jnp.sqrt(v / (1 - h.b2**h.t)) + h.eps)

    direction = jax.tree.map(scaled, slots["mu"], nu)
    return _truncated(1 - h.b1**h.t, direction, params, slots | {"nu": nu}, s, h)


def _model(weight, params, grads, s, h):
    """The averages of the losses' tangents, the newest with this weight."""

    def average(old, new):
        return old + weight * (new - old)

    return {
        "mu": jax.tree.map(average, s.mu, grads),
        "value": average(s.value, h.value),
        "gamma": average(s.gamma, tree.dot(grads, params)),
    }


def _truncated(rho, direction, params, slots, s, h):
    """The proximal step on the model, cut off at its lower bound."""
    shrink = 1 + h.lr * h.weight_decay
    size = tree.dot(slots["mu"], direction)
    inner = tree.dot(slots["mu"], params)
    ahead = shrink * (slots["value"] - slots["gamma"]) + inner
    bound = h.lower_bound
    if h.adapt_lower_bound:
        bound = jnp.where(h.t == 1, h.lower_bound, s.bound)
        reset = jnp.maximum(ahead / (2 * shrink * rho), h.lower_bound)
        bound = jnp.where(ahead < shrink * rho * bound, reset, bound)
    gap = jnp.maximum(ahead - shrink * rho * bound, 0)
    tau = jnp.minimum(h.lr / rho, ratio(gap, size))
    params = jax.tree.map(lambda p, d: (p - tau * d) / shrink, params, direction)
    if h.adapt_lower_bound:
        reached = (slots["value"] - slots["gamma"] + inner - tau * size / 2) / rho
        slots = slots | {"bound": jnp.maximum(reached, h.lower_bound)}
    return params, slots
