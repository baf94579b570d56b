r"""Adadelta: a step in the units of the parameters, from two running mean squares."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros


def adadelta(lr: Any = 1.0, decay: Any = 0.9, eps: Any = 1e-6) -> Optimizer:
    r"""Adadelta: the gradient, times the root mean square of past steps over that of gradients.

    .. math::
        \nu_t = \rho \nu_{t-1} + (1-\rho) g_t^2, \quad
        u_t = \frac{\sqrt{\delta_{t-1} + \epsilon}}{\sqrt{\nu_t + \epsilon}} g_t, \quad
        \delta_t = \rho \delta_{t-1} + (1-\rho) u_t^2, \quad
        \theta_t = \theta_{t-1} - \eta u_t

    Args:
        lr: learning rate :math:`\eta`, >= 0; the paper has none, which is 1.
        decay: :math:`\rho` in [0, 1).
        eps: :math:`\epsilon` >= 0; with 0 it never moves.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adadelta(decay=0.0, eps=1e-2)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -3.0]), opt.init(jnp.zeros(2)))
    >>> [f"{x:.2f}" for x in params]
    ['-0.10', '0.10']

    References:
        Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012,
        https://arxiv.org/abs/1212.5701, Algorithm 1.
    """
    slots = {"nu": real_zeros, "delta": real_zeros}
    return elementwise(_adadelta, slots=slots, lr=lr, decay=decay, eps=eps)


def _adadelta(p, g, s, h):
    """Algorithm 1."""
    nu = h.decay * s.nu + (1 - h.decay) * abs_sq(g)
    u = jnp.sqrt(s.delta + h.eps) / jnp.sqrt(nu + h.eps) * g
    delta = h.decay * s.delta + (1 - h.decay) * abs_sq(u)
    return p - h.lr * u, {"nu": nu, "delta": delta}
