r"""GaLore: Adam on the few directions of a matrix in which its gradient is large."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, leafwise
from jsgd.core.bind import bind
from jsgd.core.linalg import leading_vectors
from jsgd.core.numerics import abs_sq, working_dtype
from jsgd.optimizers.adam import MOMENTS


def galore(
    lr: Any = 1e-2,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    scale: Any = 0.25,
    every: Any = 200,
    *,
    rank: int = 128,
) -> Optimizer:
    r"""GaLore: Adam in a subspace of low rank, taken from the gradient and renewed now and then.

    Of a matrix of shape (m, n) with :math:`m \le n` (another is transposed) the gradient is
    projected, and Adam's step on the projection is projected back:

    .. math::
        P_t = \begin{cases}
            U_{:,1..r} \text{ of } g_t = U S V^\top & \text{at every $k$-th step from the first} \\
            P_{t-1} & \text{else}
        \end{cases} \qquad
        \theta_t = \theta_{t-1} + \alpha P_t\, \mathrm{Adam}(P_t^\top g_t)

    Adam's moments, of shape (r, n), go on through a change of :math:`P`, as in the paper. Other
    leaves are given to Adam as they are. optax projects the longer side, where the paper and its
    code project the shorter one. A singular vector is unique but for its sign, and the moments go
    by that sign: here the largest number of each is positive, so that the path is the same on all
    machines.

    Under `vmap` over a whole state both branches are computed, the decomposition at every step.

    Args:
        lr: learning rate, >= 0. The paper's for matrices.
        b1, b2: Adam's decay rates in [0, 1).
        eps: Adam's :math:`\epsilon` >= 0.
        scale: :math:`\alpha` >= 0, for matrices. 0.25 is the paper's; optax's is 1.
        every: :math:`k` >= 1, the number of steps for which a subspace is kept.
        rank: static; :math:`r`, at most the shorter side.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> state = jsgd.galore(rank=8).init({"kernel": jnp.zeros((300, 200))})
    >>> state.slots["projector"]["kernel"].shape, state.slots["mu"]["kernel"].shape
    ((200, 8), (8, 300))

    References:
        Zhao et al., "GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection",
        ICML 2024, https://arxiv.org/abs/2403.03507, Algorithm 2.
    """
    if not isinstance(rank, int) or rank < 1:
        raise ValueError(f"rank = {rank}: it is static, a whole number >= 1")
    moments = {name: bind(_moment, rank, zeros) for name, zeros in MOMENTS.items()}
    return leafwise(
        bind(_galore, rank),
        slots={"projector": bind(_projector, rank)} | moments,
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        scale=scale,
        every=every,
    )


def _galore(rank, p, g, s, h):
    """Algorithm 2."""
    is_matrix, is_tall, projector = _is_matrix(p), p.ndim == 2 and p.shape[0] > p.shape[1], ()
    if is_matrix:
        g = g.T if is_tall else g
        projector = jax.lax.cond(
            (h.t - 1) % h.every == 0, lambda: leading_vectors(g, rank), lambda: s.projector
        )
        g = projector.conj().T @ g
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g)
    u = mu / (1 - h.b1**h.t) / (jnp.sqrt(nu / (1 - h.b2**h.t)) + h.eps)
    if is_matrix:
        u = h.scale * projector @ u
        u = u.T if is_tall else u
    return p - h.lr * u, {"projector": projector, "mu": mu, "nu": nu}


def _is_matrix(leaf: Any) -> bool:
    return leaf.ndim == 2 and leaf.size > 0


def _projector(rank: int, leaf: Any) -> Any:
    """Of shape (m, r) for a matrix whose shorter side is m; a vector has none."""
    if not _is_matrix(leaf):
        return ()
    short = min(leaf.shape)
    return jnp.zeros_like(leaf, working_dtype(leaf), shape=(short, min(rank, short)))


def _moment(rank: int, zeros: Callable, leaf: Any) -> jax.Array:
    """Of shape (r, n) for a matrix whose longer side is n; for a vector like the leaf itself."""
    if not _is_matrix(leaf):
        return zeros(leaf)
    return jnp.zeros_like(zeros(leaf), shape=(min(rank, *leaf.shape), max(leaf.shape)))
