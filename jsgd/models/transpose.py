"""Tangents of products whose gradients are written out."""

from collections.abc import Callable

import jax
from jax import Array, lax


def transposed(gradient: Callable, y: Array, tangent: Array) -> Array:
    """The part of the tangent of y that is linear in one argument's, by the gradient of that.

    It is the transpose of `gradient`, whose own transpose, which `jax.grad` takes, is `gradient`
    again, as it is written.

    Args:
        gradient: linear, from the shape of y to that of the argument.
        y: the value.
        tangent: the argument's.
    """
    # within `shard_map` y may be each device's own where the argument is one for all
    own = tuple(sorted(_axes(y) - _axes(tangent)))
    tangent = lax.pcast(tangent, own, to="varying") if own else tangent
    return jax.linear_transpose(gradient, y)(tangent)[0]


def _axes(x):
    """The axes of `shard_map` along which x is each device's own."""
    return jax.typeof(x).manual_axis_type.varying
