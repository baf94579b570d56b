r"""SM3: Adagrad whose sums of squares are kept for rows and columns, not for single numbers."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, leafwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros, zeros


def sm3(lr: Any = 1e-1, b1: Any = 0.9, eps: Any = 1e-8) -> Optimizer:
    r"""SM3: Adagrad in the memory of momentum SGD.

    Every index :math:`i` of every axis of a leaf (a row, a column) has one accumulator
    :math:`\nu(i)`, and a number's sum of squares is bounded by the smallest that covers it:

    .. math::
        \nu_t'(j) = \min_{i \ni j} \nu_{t-1}(i) + g_t(j)^2, \quad
        \nu_t(i) = \max_{j \in i} \nu_t'(j), \\
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) \frac{g_t}{\sqrt{\nu_t' + \epsilon}}, \quad
        \theta_t = \theta_{t-1} - \eta \mu_t

    with :math:`0/0 = 0`. On vectors and numbers this is Adagrad. The paper has no
    :math:`\epsilon`; optax's is 1e-8, fixed.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1: decay rate :math:`\beta_1` of the momentum, in [0, 1).
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> state = jsgd.sm3().init({"kernel": jnp.zeros((300, 200))})
    >>> [x.shape for x in state.slots["nu"]["kernel"]]
    [(300, 1), (1, 200)]

    References:
        Anil et al., "Memory-Efficient Adaptive Optimization", NeurIPS 2019,
        https://arxiv.org/abs/1901.11150, Algorithm SM3-II, the cover made of all slices of
        co-dimension one, with momentum.
    """
    return leafwise(_sm3, slots={"mu": zeros, "nu": _cover}, lr=lr, b1=b1, eps=eps)


def _sm3(p, g, s, h):
    """Algorithm SM3-II."""
    bound = functools.reduce(jnp.minimum, s.nu) + abs_sq(g)
    u = jnp.where(bound > 0, g / jnp.sqrt(bound + h.eps), 0)
    mu = h.b1 * s.mu + (1 - h.b1) * u
    nu = tuple(_largest_but(axis, bound) for axis in range(len(s.nu)))
    return p - h.lr * mu, {"mu": mu, "nu": nu}


def _largest_but(axis: int, x: jax.Array) -> jax.Array:
    """The largest numbers along all axes but one."""
    others = tuple(i for i in range(x.ndim) if i != axis)
    return jnp.max(x, others, keepdims=True, initial=0)


def _cover(leaf: Any) -> tuple[jax.Array, ...]:
    """One accumulator for every index of every axis, shaped to broadcast; one for a 0-d leaf."""
    return tuple(_largest_but(axis, real_zeros(leaf)) for axis in range(max(leaf.ndim, 1)))
