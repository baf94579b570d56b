"""Means over all samples, evaluated a batch at a time."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def mean_over_batches(evaluate: Callable, data: Any, size: int) -> dict[str, jax.Array]:
    """The means of `evaluate(batch)` over all samples, of which no batch has more than `size`.

    The batches are of one shape and in one loop; what is left over is a smaller one, that counts by
    its size.

    >>> mean_over_batches(lambda batch: {"mean": jnp.mean(batch)}, jnp.arange(5.0), size=2)
    {'mean': Array(2., dtype=float32)}
    """
    n = count_samples(data)
    if n <= size:
        return evaluate(data)
    whole = n // size * size
    batches = jax.tree.map(lambda x: x[:whole].reshape(-1, size, *x.shape[1:]), data)
    means = jax.tree.map(lambda x: jnp.mean(x, axis=0), jax.lax.map(evaluate, batches))
    if whole == n:
        return means
    rest = evaluate(jax.tree.map(lambda x: x[whole:], data))
    return jax.tree.map(lambda mean, last: (whole * mean + (n - whole) * last) / n, means, rest)


def count_samples(data: Any) -> int:
    """Raises `ValueError` if its arrays have different numbers of rows."""
    counts = {x.shape[0] for x in jax.tree.leaves(data)}
    if len(counts) != 1:
        raise ValueError(f"the data must have one number of samples, not {sorted(counts)}")
    return counts.pop()
