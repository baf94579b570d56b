"""What slots start from: the initialisers that rules name, and keys as plain words."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core.numerics import hyper_dtype, real_dtype, working_dtype


def zeros(leaf: Any) -> jax.Array:
    """Zeros like the leaf in its working dtype: the slot of most rules."""
    return jnp.zeros_like(leaf, working_dtype(leaf))


def real_zeros(params: Any) -> Any:
    """Zeros, real also where a leaf is complex: a slot of magnitudes, of a leaf or a whole tree."""
    return jax.tree.map(lambda p: jnp.zeros_like(p, real_dtype(working_dtype(p))), params)


def copies(params: Any) -> Any:
    """A copy of the whole tree in its working dtype, which shares no buffer with it."""
    return jax.tree.map(lambda p: jnp.array(p, working_dtype(p), copy=True), params)


def scalar(params: Any) -> jax.Array:
    """A zero for the whole tree (or leaf), in the widest real dtype that its rule computes in."""
    kinds = [real_dtype(working_dtype(p)) for p in jax.tree.leaves(params)]
    return jnp.zeros((), max(kinds, key=lambda d: d.itemsize, default=hyper_dtype()))


def counter(params: Any) -> jax.Array:
    """An int32 zero for the whole tree: a slot that counts."""
    return jnp.zeros((), jnp.int32)


def raw_key(key: Any) -> Any:
    """A JAX key as plain words, which save, donate and compare like any array; a seed as it is."""
    if key is None or isinstance(key, int | np.integer):
        return key
    if not isinstance(key, jax.Array):
        raise ValueError(f"key = {key!r}: it is an int seed or a JAX key")
    return jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key


def key_slot(key: Any) -> jax.Array:
    """The slot of a seed or of a key's words: a buffer of its own."""
    words = key if isinstance(key, jax.Array) else jax.random.key_data(jax.random.key(key))
    return jnp.array(words, copy=True)
