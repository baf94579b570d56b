r"""Adagrad: every coordinate divided by the root of all its squared gradients so far."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros


def adagrad(lr: Any = 1e-2, eps: Any = 1e-10, initial_accumulator: Any = 0.0) -> Optimizer:
    r"""Adagrad, the diagonal form.

    .. math::
        G_t = G_{t-1} + g_t^2, \qquad
        \theta_t = \theta_{t-1} - \eta \frac{g_t}{\sqrt{G_0 + G_t} + \epsilon}

    :math:`\epsilon` stands outside the root, as in the paper and PyTorch; optax puts it inside.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        eps: :math:`\epsilon` >= 0.
        initial_accumulator: :math:`G_0` >= 0. It is added at each step, not stored in the slot,
            so it too can be set and swept in the state.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adagrad(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-0.5, 0.5]

    References:
        Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
        Optimization", JMLR 12, 2011, figure 1 with diagonal matrices and no regulariser.
    """
    return elementwise(
        _adagrad, slots={"nu": real_zeros}, lr=lr, eps=eps, initial_accumulator=initial_accumulator
    )


def _adagrad(p, g, s, h):
    nu = s.nu + abs_sq(g)
    return p - h.lr * g / (jnp.sqrt(h.initial_accumulator + nu) + h.eps), {"nu": nu}
