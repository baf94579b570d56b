"""Means over samples that are worked on part by part, in the memory of one part."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def mean_over_batches(evaluate: Callable, data: Any, size: int) -> dict[str, jax.Array]:
    """The means of `evaluate(batch)` over all samples, of which no batch has more than `size`.

    The batches are of one shape and in one loop; what is left over is a smaller one, that counts by
    its size. Data whose arrays have no common axis of samples is one batch.

    >>> mean_over_batches(lambda batch: {"mean": jnp.mean(batch)}, jnp.arange(5.0), size=2)
    {'mean': Array(2., dtype=float32)}
    """
    rows = {x.shape[:1] for x in jax.tree.leaves(data)}
    if len(rows) != 1 or max(rows) <= (size,):
        return evaluate(data)
    ((n,),) = rows
    whole = n // size * size
    batches = jax.tree.map(lambda x: x[:whole].reshape(-1, size, *x.shape[1:]), data)
    means = jax.tree.map(lambda x: jnp.mean(x, axis=0), jax.lax.map(evaluate, batches))
    if whole == n:
        return means
    rest = evaluate(jax.tree.map(lambda x: x[whole:], data))
    return jax.tree.map(lambda mean, last: (whole * mean + (n - whole) * last) / n, means, rest)


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


def count_samples(data: Any) -> int:
    """Raises `ValueError` if its arrays have different numbers of rows."""
    counts = {x.shape[0] for x in jax.tree.leaves(data)}
    if len(counts) != 1:
        raise ValueError(f"the data must have one number of samples, not {sorted(counts)}")
    return counts.pop()


def _is_inexact(x: jax.Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.inexact)
