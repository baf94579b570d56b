"""Leaves: what a run carries as plain NumPy arrays, which a file can hold, and back again."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core.numerics import hyper_dtype
from jsgd.train.run import Run


def to_leaves(carry: Any) -> list[np.ndarray]:
    """The leaves of a carry; keys as the numbers that they are made of."""
    return jax.device_get([raw(x) for x in jax.tree.leaves(carry)])


def from_leaves(like: Any, leaves: list[np.ndarray]) -> Any:
    """The carry with these leaves: NumPy arrays still, but for keys.

    Args:
        like: a carry of the same run, or of many that are stacked; or the shapes of one.
        leaves: as `to_leaves` has them.
    """
    old, structure = jax.tree.flatten(like)
    return structure.unflatten([wrapped(*pair) for pair in zip(leaves, old, strict=True)])


def shapes(run: Run, key: Any, names: Iterable[str]) -> Any:
    """The shapes of a run's carry.

    Args:
        run: the run.
        key: any key of the kind that `run.init` is given.
        names: the hyperparameters that it is given.
    """
    return jax.eval_shape(run.init, key, numbers(names))


def numbers(names: Iterable[str]) -> dict[str, jax.ShapeDtypeStruct]:
    """The shapes of hyperparameters that are numbers."""
    return {name: jax.ShapeDtypeStruct((), hyper_dtype()) for name in names}


def raw(x: Any) -> Any:
    """A key as the numbers that it is made of, which any file takes; other arrays as they are."""
    return jax.random.key_data(x) if _is_key(x) else x


def wrapped(x: Any, like: Any) -> Any:
    """The key of these numbers, where `like` is a key; other arrays as they are."""
    if not _is_key(like):
        return x
    impl = jax.random.key_impl(jnp.empty((0,), like.dtype))
    return jax.random.wrap_key_data(jnp.asarray(x), impl=impl)


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
