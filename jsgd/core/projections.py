r"""Projections: the point of a set that is nearest to a tree, which counts as one vector.

Every kernel takes a tree (or one array) of real or complex leaves in their working dtype and
gives one like it. Numbers are scalars; those that are trees (`normal`, `direction`) are prefixes.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import tree
from jsgd.core.numerics import hyper_dtype, real_dtype


def nonnegative(x: Any) -> Any:
    """Onto the orthant where no number is below zero."""
    return jax.tree.map(lambda leaf: jnp.maximum(leaf, 0), x)


def box(x: Any, lower: Any, upper: Any) -> Any:
    """Onto the box where every number is in `[lower, upper]`."""
    return jax.tree.map(
        lambda leaf: jnp.clip(leaf, jnp.asarray(lower, leaf.dtype), jnp.asarray(upper, leaf.dtype)),
        x,
    )


def hypercube(x: Any, side: Any) -> Any:
    """Onto the cube where every number is in `[0, side]`."""
    return box(x, 0, side)


def linf_ball(x: Any, radius: Any) -> Any:
    """Onto the ball where no number is larger than `radius`."""

    def one(leaf):
        too_large = jnp.abs(leaf) > jnp.asarray(radius, real_dtype(leaf.dtype))
        return jnp.where(too_large, tree.scale(radius, jnp.sign(leaf)), leaf)

    return jax.tree.map(one, x)


def l2_ball(x: Any, radius: Any) -> Any:
    """Onto the ball of this Euclidean norm; leaves of any dtype, so that it serves clipping."""
    norm = tree.norm(x)
    return tree.scale(jnp.where(norm > radius, radius / norm, 1), x)


def l2_sphere(x: Any, radius: Any) -> Any:
    """Onto the sphere of this Euclidean norm; zero goes where all coordinates are equal."""
    norm = tree.norm(x)
    x = jax.tree.map(lambda leaf: jnp.where(norm == 0, jnp.ones_like(leaf), leaf), x)
    return tree.scale(radius / jnp.maximum(tree.norm(x), jnp.finfo(norm.dtype).tiny), x)


def simplex(x: Any, total: Any) -> Any:
    """Onto the simplex: no number below zero, and all of them sum to `total`."""
    level = _level(x, total)
    return jax.tree.map(lambda leaf: jnp.maximum(leaf - level.astype(leaf.dtype), 0), x)


def l1_ball(x: Any, radius: Any) -> Any:
    """Onto the ball where the magnitudes sum to at most `radius`."""
    level = _level(jax.tree.map(jnp.abs, x), radius)
    return jax.tree.map(
        lambda leaf, moved: jnp.where(level > 0, moved, leaf), x, _lowered(x, level)
    )


def l1_sphere(x: Any, radius: Any) -> Any:
    """Onto the sphere where the magnitudes sum to `radius`; zero counts as positive."""
    return _lowered(x, _level(jax.tree.map(jnp.abs, x), radius))


def hyperplane(x: Any, normal: Any, offset: Any) -> Any:
    """Onto the plane where `<normal, x> = offset`."""
    a = _spread(normal, x, "normal")
    return _added(x, _ratio(offset - tree.dot(a, x), tree.dot(a, a)), a)


def halfspace(x: Any, normal: Any, offset: Any) -> Any:
    """Onto the half of the space where `<normal, x> <= offset`."""
    a = _spread(normal, x, "normal")
    return _added(x, _ratio(jnp.minimum(offset - tree.dot(a, x), 0), tree.dot(a, a)), a)


def line(x: Any, direction: Any) -> Any:
    """Onto the line through zero along `direction`."""
    a = _spread(direction, x, "direction")
    return tree.scale(_ratio(tree.dot(a, x), tree.dot(a, a)), a)


def _level(sizes: Any, total: Any) -> jax.Array:
    """What to take off all numbers so that those that stay above zero sum to `total`.

    Condat, "Fast projection onto the simplex and the l1 ball", Mathematical Programming 158, 2016,
    Algorithm 1, after Held et al., 1974. With the numbers in falling order the quotients below
    rise as long as the next number lies above them, so the one looked for is the largest.
    """
    flat = [leaf.ravel().astype(hyper_dtype()) for leaf in jax.tree.leaves(sizes)]
    falling = jnp.sort(jnp.concatenate([jnp.zeros(0, hyper_dtype()), *flat]), descending=True)
    k = jnp.arange(1, falling.size + 1, dtype=falling.dtype)
    return jnp.max((jnp.cumsum(falling) - total) / k, initial=-jnp.inf)


def _lowered(x: Any, level: jax.Array) -> Any:
    """Every magnitude less `level`, where that is above zero, with the sign that it had."""

    def one(leaf):
        size = jnp.abs(leaf)
        sign = jnp.where(size == 0, jnp.ones_like(leaf), jnp.sign(leaf))
        return tree.scale(jnp.maximum(size - level.astype(size.dtype), 0), sign)

    return jax.tree.map(one, x)


def _spread(prefix: Any, x: Any, name: str) -> Any:
    return jax.tree.map(
        lambda a, leaf: jnp.broadcast_to(a.astype(leaf.dtype), leaf.shape),
        tree.fill(prefix, x, name),
        x,
    )


def _added(x: Any, factor: jax.Array, a: Any) -> Any:
    return jax.tree.map(jnp.add, x, tree.scale(factor, a))


def _ratio(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.where(b > 0, a / b, 0)
