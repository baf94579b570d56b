r"""MADGRAD: dual averaging, with a cube root where Adagrad has a square root."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros, zeros


def madgrad(lr: Any = 1e-2, momentum: Any = 0.9, eps: Any = 1e-6) -> Optimizer:
    r"""Dual averaging from the start, adapted to every coordinate, with momentum.

    .. math::
        \lambda_t = \eta \sqrt{t}, \quad
        s_t = s_{t-1} + \lambda_t g_t, \quad
        \nu_t = \nu_{t-1} + \lambda_t g_t^2, \\
        z_t = \theta_0 - \frac{s_t}{\sqrt[3]{\nu_t} + \epsilon}, \quad
        \theta_t = \mu \theta_{t-1} + (1-\mu) z_t

    :math:`\theta_0` is not kept: :math:`z` and :math:`\theta` are, as distances from it, so that
    what else moves the parameters (decoupled weight decay, say) is not undone. The authors' code
    and optax add :math:`\epsilon` to the learning rate; the paper does not, nor do we. Defaults
    are optax's.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        momentum: :math:`\mu` in [0, 1].
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.madgrad(lr=1.0, momentum=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([8.0, -1.0]), opt.init(jnp.zeros(2)))
    >>> params.round(3).tolist()
    [-1.0, 0.5]

    References:
        Defazio and Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive, Dual
        Averaged Gradient Method for Stochastic Optimization", JMLR 23, 2022,
        https://arxiv.org/abs/2101.11075, Algorithm 1.
    """
    slots = {"total": zeros, "nu": real_zeros, "moved": zeros}
    return elementwise(_madgrad, slots=slots, lr=lr, momentum=momentum, eps=eps)


def _madgrad(p, g, s, h):
    """Algorithm 1."""
    lamb = h.lr * jnp.sqrt(h.t)
    total = s.total + lamb * g
    nu = s.nu + lamb * abs_sq(g)
    z = -total / (jnp.cbrt(nu) + h.eps)
    moved = h.momentum * s.moved + (1 - h.momentum) * z
    return p + (moved - s.moved), {"total": total, "nu": nu, "moved": moved}
