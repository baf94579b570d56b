"""A batch part by part: the mean of what each says, in the memory of one."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def over_parts(fn: Callable, batch: Any, key: jax.Array, parts: int) -> Any:
    """The mean of `fn(batch, key)` over equal parts of a batch, one after another.

    What is no number with a fraction is as the last part has it.

    Args:
        fn: it returns a pytree of arrays.
        batch: a pytree of arrays whose leading axis is the sample.
        key: each part gets one of its own, where there are two or more.
        parts: >= 1; they divide the samples.
    """
    if parts == 1:
        return fn(batch, key)
    pieces = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), batch)
    keys = jax.random.split(key, parts)

    def add(total, xs):
        return jax.tree.map(lambda a, b: a + b if _is_inexact(b) else b, total, fn(*xs)), None

    like = jax.eval_shape(fn, *jax.tree.map(lambda x: x[0], (pieces, keys)))
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), like)
    total, _ = jax.lax.scan(add, zeros, (pieces, keys))
    return jax.tree.map(lambda x: x / parts if _is_inexact(x) else x, total)


def _is_inexact(x: jax.Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.inexact)
