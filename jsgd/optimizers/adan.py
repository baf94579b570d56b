r"""Adan: Adam with a Nesterov momentum that needs no second gradient."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros, zeros


def adan(
    lr: Any = 1e-3, b1: Any = 0.98, b2: Any = 0.92, b3: Any = 0.99, eps: Any = 1e-8
) -> Optimizer:
    r"""Adan: three averages, of the gradient, of its changes, and of the square of both.

    .. math::
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t, \quad
        \delta_t = \beta_2 \delta_{t-1} + (1-\beta_2)(g_t - g_{t-1}), \\
        \nu_t = \beta_3 \nu_{t-1} + (1-\beta_3) (g_t + \beta_2 (g_t - g_{t-1}))^2, \quad
        \theta_t = \theta_{t-1}
            - \eta \frac{\hat\mu_t + \beta_2 \hat\delta_t}{\sqrt{\hat\nu_t} + \epsilon}

    with hats for Adam's bias corrections and :math:`g_0 = g_1`. The rates are the authors' code's,
    near one; the paper's are their complements. optax weighs the changes by :math:`1 - \beta_2`
    where the paper and its code have :math:`\beta_2`. The paper's weight decay is proximal.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2, b3: decay rates in [0, 1).
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adan(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Xie et al., "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models",
        2022, https://arxiv.org/abs/2208.06677, Algorithm 1 without restart.
    """
    slots = {"mu": zeros, "delta": zeros, "nu": real_zeros, "gradient": zeros}
    return elementwise(_adan, slots=slots, lr=lr, b1=b1, b2=b2, b3=b3, eps=eps)


def _adan(p, g, s, h):
    """Algorithm 1."""
    d = jnp.where(h.t == 1, 0, g - s.gradient)
    mu = h.b1 * s.mu + (1 - h.b1) * g
    delta = h.b2 * s.delta + (1 - h.b2) * d
    nu = h.b3 * s.nu + (1 - h.b3) * abs_sq(g + h.b2 * d)
    u = mu / (1 - h.b1**h.t) + h.b2 * delta / (1 - h.b2**h.t)
    nu_hat = nu / (1 - h.b3**h.t)
    p = p - h.lr * u / (jnp.sqrt(nu_hat) + h.eps)
    return p, {"mu": mu, "delta": delta, "nu": nu, "gradient": g}
