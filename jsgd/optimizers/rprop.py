r"""Rprop: every coordinate has a step size of its own, and only signs of gradients count."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.slots import real_zeros, zeros


def rprop(
    lr: Any = 1e-2,
    eta_minus: Any = 0.5,
    eta_plus: Any = 1.2,
    min_step: Any = 1e-6,
    max_step: Any = 50.0,
) -> Optimizer:
    r"""Resilient backpropagation, for full batches.

    A coordinate's step :math:`\Delta`, at first the learning rate, grows by :math:`\eta^+` while
    its gradient keeps its sign; where the sign turned it shrinks by :math:`\eta^-`, and the
    coordinate rests for one step:

    .. math::
        \Delta_t = \mathrm{clip}(\Delta_{t-1}\,\eta^{\pm}, \Delta_{\min}, \Delta_{\max}), \qquad
        \theta_t = \theta_{t-1} - \Delta_t\,\mathrm{sign}(g_t)

    This is PyTorch's and optax's form, iRprop- : a turned gradient counts as 0 at the next step.

    Args:
        lr: the first step size, >= 0.
        eta_minus: :math:`\eta^-` in (0, 1).
        eta_plus: :math:`\eta^+` > 1.
        min_step, max_step: the bounds of a step size, >= 0.

    Raises:
        ValueError: a number is out of range; at `init`, a leaf is complex.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.rprop(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params, state = opt.step(params, jnp.array([1.0, 2.0]), state)
    >>> params.round(3).tolist()
    [-1.100000023841858, 0.5]

    References:
        Igel and Hüsken, "Improving the Rprop Learning Algorithm", NC 2000, Algorithm iRprop-;
        Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", 1993.
    """
    return elementwise(
        _rprop,
        slots={"step": _ordered_zeros, "gradient": zeros},
        lr=lr,
        eta_minus=eta_minus,
        eta_plus=eta_plus,
        min_step=min_step,
        max_step=max_step,
    )


def _rprop(p, g, s, h):
    """iRprop-."""
    turn = jnp.sign(g * s.gradient)
    factor = jnp.where(turn > 0, h.eta_plus, jnp.where(turn < 0, h.eta_minus, 1))
    step = jnp.clip(jnp.where(h.t == 1, h.lr, s.step) * factor, h.min_step, h.max_step)
    g = jnp.where(turn < 0, 0, g)
    return p - step * jnp.sign(g), {"step": step, "gradient": g}


def _ordered_zeros(leaf: Any):
    if jnp.iscomplexobj(leaf):
        raise ValueError("rprop compares signs, which complex numbers have not")
    return real_zeros(leaf)
