"""Parameters narrower than float32, and what wrappers keep of the digits that these have not."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core.numerics import working_dtype


def narrow(make: Callable, params: Any) -> Any:
    """`make(leaf)` for leaves narrower than float32; `None`, which takes no memory, for others."""
    return jax.tree.map(
        lambda p: None if working_dtype(p) == jnp.result_type(p) else make(p), params
    )


def its_own(x: jax.Array, p: jax.Array) -> jax.Array:
    """`x`, what is kept for `p` in full, number by number where it still rounds to `p`.

    Where it does not, the parameter was changed from outside, restored or projected, say: that
    change counts, and `p` itself is taken.
    """
    return jnp.where(x.astype(p.dtype) == p, x, p.astype(x.dtype))
