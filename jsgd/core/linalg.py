"""Norms and matrix kernels that optimizers are made of, each a free function."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core.numerics import abs_sq

# Keller Jordan's quintic: its slope at 0 is as steep as can be (small singular values grow
# 3.4-fold a step) at the price that they end in about [0.7, 1.2], not at 1 exactly.
MUON_QUINTIC = (3.4445, -4.7750, 2.0315)


def newton_schulz(g: jax.Array, steps: int = 5, eps: float = 1e-7) -> jax.Array:
    """The orthogonal matrix nearest to `g`, roughly: `U V^T` for `g = U S V^T`.

    Args:
        g: shape (m, n), real or complex.
        steps: iterations of the odd polynomial `a X + b (X X^H) X + c (X X^H)^2 X`.
        eps: added to the Frobenius norm that `g` is divided by.

    Returns:
        shape (m, n); its singular values lie in about [0.7, 1.2].

    References:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        https://kellerjordan.github.io/posts/muon/, `zeropower_via_newtonschulz5`. Theirs runs in
        bfloat16; this one in the dtype of `g`.
    """
    a, b, c = MUON_QUINTIC
    tall = g.shape[0] > g.shape[1]
    x = g.conj().T if tall else g
    x = x / (jnp.linalg.norm(x) + eps).astype(x.dtype)
    for _ in range(steps):
        gram = x @ x.conj().T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.conj().T if tall else x


def leading_vectors(g: jax.Array, rank: int) -> jax.Array:
    """The left singular vectors of `g` for its largest singular values, as columns.

    A singular vector is unique but for a factor of length one, and what LAPACK returns differs
    between machines. Here the largest number of each is positive.

    Args:
        g: shape (m, n), real or complex.
        rank: how many, at most min(m, n).

    Returns:
        shape (m, min(rank, m, n)).
    """
    u, _, _ = jnp.linalg.svd(g, full_matrices=False)
    u = u[:, :rank]
    largest = jnp.take_along_axis(u, jnp.argmax(jnp.abs(u), axis=0, keepdims=True), axis=0)
    return u * jnp.sign(largest).conj()


def trust_ratio(
    p: jax.Array, u: jax.Array, coefficient: Any = 1, eps: Any = 0, min_norm: Any = 0
) -> jax.Array:
    """`coefficient * |p| / (|u| + eps)`, by which an update gets the length of its parameter.

    Args:
        p, u: of one shape, real or complex; the norms are over all their numbers.
        coefficient, eps: real scalars.
        min_norm: the least value of either norm.

    Returns:
        a real scalar; 1 where a norm is 0, so that a parameter of zeros can start.
    """
    p_norm, u_norm = (jnp.maximum(jnp.linalg.norm(x), min_norm) for x in (p, u))
    return jnp.where((p_norm == 0) | (u_norm == 0), 1, coefficient * p_norm / (u_norm + eps))


def rms(x: jax.Array) -> jax.Array:
    """The root mean square of all numbers, a real scalar; NaN where there are none."""
    return jnp.sqrt(jnp.mean(abs_sq(x)))


def rank_one(rows: jax.Array, columns: jax.Array, axis: int) -> jax.Array:
    """The matrices of rank one that have these means of rows and of columns.

    Args:
        rows: shape (..., m, 1, ...), the mean of every row; `axis` is that of length m.
        columns: shape (..., 1, n, ...), the mean of every column.
        axis: the one along which the rows lie.

    Returns:
        shape (..., m, n, ...). The quotient is formed before the product, which might underflow.
    """
    return rows / jnp.mean(rows, axis, keepdims=True) * columns
