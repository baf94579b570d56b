r"""Prodigy: Adam whose learning rate is an estimate, that only grows, of the distance to go."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, treewise
from jsgd.core.numerics import abs_sq, ratio
from jsgd.core.slots import copies, real_zeros, scalar


def prodigy(
    lr: Any = 1.0,
    b1: Any = 0.9,
    b2: Any = 0.999,
    b3: Any = None,
    eps: Any = 1e-8,
    d0: Any = 1e-6,
    d_coef: Any = 1.0,
    weight_decay: Any = 0.0,
    *,
    bias_correction: bool = False,
    safeguard_warmup: bool = False,
) -> Optimizer:
    r"""Prodigy: Adam with a learning rate estimated from how far the gradients have led.

    .. math::
        \mu_{t+1} = \beta_1 \mu_t + (1-\beta_1) d_t g_t, \quad
        \nu_{t+1} = \beta_2 \nu_t + (1-\beta_2) d_t^2 g_t^2, \\
        r_{t+1} = \beta_3 r_t
            + (1-\beta_3) \eta_t d_t^2 \langle g_t, \theta_0 - \theta_t \rangle, \quad
        s_{t+1} = \beta_3 s_t + (1-\beta_3) \eta_t d_t^2 g_t, \\
        d_{t+1} = \max\left(d_t, c\,\frac{r_{t+1}}{\lVert s_{t+1} \rVert_1}\right), \quad
        \theta_{t+1} = (1 - \eta_t d_t \lambda)\,\theta_t
            - \eta_t d_t \frac{\mu_{t+1}}{\sqrt{\nu_{t+1}} + d_{t+1} \epsilon}

    The estimate is in the state's slot `"d"`. The authors' code and optax weigh :math:`\epsilon`
    by :math:`d_{t+1}`, and so does this, where the paper has :math:`d_t`. Adam's bias correction
    is off, as in the paper and by default in the authors' code; optax always applies it.

    Args:
        lr: :math:`\eta` >= 0, a factor of the estimated rate: 1, or a schedule that ends at 0.
        b1, b2: decay rates in [0, 1).
        b3: decay rate of the estimate in [0, 1); `None` (static) is :math:`\sqrt{\beta_2}`.
        eps: :math:`\epsilon` >= 0.
        d0: the first estimate :math:`d_0` > 0, far below the true one.
        d_coef: :math:`c` > 0, the number to tune, if any.
        weight_decay: :math:`\lambda` >= 0, decoupled; it follows the estimated rate.
        bias_correction: static; correct :math:`\mu` and :math:`\nu` for their start at 0.
        safeguard_warmup: static; leave :math:`\eta` (and the bias correction) out of :math:`s`, for
            schedules that warm up.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.prodigy(d0=0.5, bias_correction=True)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist(), float(state.slots["d"])
    ([-0.5, 0.5], 0.5)

    References:
        Mishchenko and Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner",
        ICML 2024, https://arxiv.org/abs/2306.06101, the algorithm for Adam.
    """
    return treewise(
        _prodigy,
        slots={
            "mu": tree.zeros_like,
            "nu": real_zeros,
            "start": copies,
            "r": scalar,
            "s": tree.zeros_like,
            "d": scalar,
        },
        lr=lr,
        b1=b1,
        b2=b2,
        b3=b3,
        eps=eps,
        d0=d0,
        d_coef=d_coef,
        weight_decay=weight_decay,
        bias_correction=bool(bias_correction),
        safeguard_warmup=bool(safeguard_warmup),
    )


def _prodigy(params, grads, s, h):
    """The algorithm for Adam."""
    b3 = h.b2**0.5 if h.b3 is None else h.b3
    d = jnp.where(h.t == 1, h.d0, s.d)
    rate = corrected_rate(d, h)
    mu = jax.tree.map(lambda m, g: h.b1 * m + (1 - h.b1) * d * g, s.mu, grads)
    nu = jax.tree.map(lambda v, g: h.b2 * v + (1 - h.b2) * abs_sq(d * g), s.nu, grads)
    way = jax.tree.map(jnp.subtract, s.start, params)
    r = b3 * s.r + (1 - b3) * d * rate * tree.dot(grads, way)
    weight = (1 - b3) * d * (d if h.safeguard_warmup else rate)
    total = jax.tree.map(lambda a, g: b3 * a + weight * g, s.s, grads)
    d = jnp.maximum(d, h.d_coef * ratio(r, tree.sum_abs(total)))

    def move(p, m, v):
        return p - rate * h.weight_decay * p - rate * m / (jnp.sqrt(v) + d * h.eps)

    params = jax.tree.map(move, params, mu, nu)
    return params, {"mu": mu, "nu": nu, "start": s.start, "r": r, "s": total, "d": d}


def corrected_rate(d, h):
    """`d * lr`, with Adam's two bias corrections if they are asked for."""
    if not h.bias_correction:
        return d * h.lr
    return d * h.lr * jnp.sqrt(1 - h.b2**h.t) / (1 - h.b1**h.t)
