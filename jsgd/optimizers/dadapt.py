r"""D-Adaptation: Adam whose learning rate is a lower bound, that only grows, of the distance."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, treewise
from jsgd.core.numerics import abs_sq, ratio
from jsgd.core.slots import real_zeros, scalar
from jsgd.optimizers.prodigy import corrected_rate


def dadapt_adamw(
    lr: Any = 1.0,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    d0: Any = 1e-6,
    weight_decay: Any = 0.0,
    *,
    bias_correction: bool = False,
) -> Optimizer:
    r"""D-Adapted Adam: Adam with a learning rate bounded below by what the gradients add up to.

    .. math::
        \mu_{t+1} = \beta_1 \mu_t + (1-\beta_1) \eta_t d_t g_t, \quad
        \nu_{t+1} = \beta_2 \nu_t + (1-\beta_2) g_t^2, \\
        r_{t+1} = \sqrt{\beta_2}\, r_t + (1-\sqrt{\beta_2})\, \eta_t d_t
            \left\langle g_t, \frac{s_t}{\sqrt{\nu_t} + \epsilon} \right\rangle, \quad
        s_{t+1} = \sqrt{\beta_2}\, s_t + (1-\sqrt{\beta_2})\, \eta_t d_t g_t, \\
        d_{t+1} = \max\left(d_t,
            \frac{r_{t+1}}{(1-\sqrt{\beta_2}) \lVert s_{t+1} \rVert_1}\right), \quad
        \theta_{t+1} = (1 - \eta_t d_t \lambda)\,\theta_t
            - \frac{\mu_{t+1}}{\sqrt{\nu_{t+1}} + \epsilon}

    The estimate is in the state's slot `"d"`. As in the authors' code and optax, the product with
    :math:`s_t` is weighed by the second moments from before this step. Adam's bias correction is
    off, as by default in the authors' code; optax always applies it. `prodigy` adapts faster.

    Args:
        lr: :math:`\eta` >= 0, a factor of the estimated rate: 1, or a schedule that ends at 0.
        b1, b2: decay rates in [0, 1).
        eps: :math:`\epsilon` >= 0.
        d0: the first estimate :math:`d_0` > 0, far below the true one.
        weight_decay: :math:`\lambda` >= 0, decoupled; it follows the estimated rate.
        bias_correction: static; correct :math:`\mu` and :math:`\nu` for their start at 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.dadapt_adamw(d0=0.5, bias_correction=True)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist(), float(state.slots["d"])
    ([-0.5, 0.5], 0.5)

    References:
        Defazio and Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023,
        https://arxiv.org/abs/2301.07733, the algorithm for Adam.
    """
    return treewise(
        _dadapt_adamw,
        slots={
            "mu": tree.zeros_like,
            "nu": real_zeros,
            "r": scalar,
            "s": tree.zeros_like,
            "d": scalar,
        },
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        d0=d0,
        weight_decay=weight_decay,
        bias_correction=bool(bias_correction),
    )


def _dadapt_adamw(params, grads, s, h):
    """The algorithm for Adam."""
    b3 = h.b2**0.5
    d = jnp.where(h.t == 1, h.d0, s.d)
    rate = corrected_rate(d, h)
    scaled = jax.tree.map(lambda a, v: ratio(a, jnp.sqrt(v) + h.eps), s.s, s.nu)
    r = b3 * s.r + (1 - b3) * rate * tree.dot(grads, scaled)
    mu = jax.tree.map(lambda m, g: h.b1 * m + (1 - h.b1) * rate * g, s.mu, grads)
    nu = jax.tree.map(lambda v, g: h.b2 * v + (1 - h.b2) * abs_sq(g), s.nu, grads)
    total = jax.tree.map(lambda a, g: b3 * a + (1 - b3) * rate * g, s.s, grads)
    d = jnp.maximum(d, ratio(r, (1 - b3) * tree.sum_abs(total)))

    def move(p, m, v):
        return p - rate * h.weight_decay * p - m / (jnp.sqrt(v) + h.eps)

    params = jax.tree.map(move, params, mu, nu)
    return params, {"mu": mu, "nu": nu, "r": r, "s": total, "d": d}
