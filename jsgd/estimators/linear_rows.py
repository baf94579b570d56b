"""Samples in rows, dense or sparse, and coefficients that a step touches where its row does.

A rule written for one row `x` reads the coefficients that the row meets, `weights.at(row)`, and
puts them back, `weights.put(row, values, shrink)`. All others are to shrink by the factor too:
dense rows meet them all, and for sparse ones that is put off until a row meets them.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

_GIB = 2**30
_LIMIT = 8 * _GIB  # of the rows of a sparse matrix, padded to the length of its longest


class Row(NamedTuple):
    """One sample: its values, and of which features they are (`None` is all of them)."""

    x: jax.Array
    index: jax.Array | None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """Samples. Sparse ones have as many entries as the longest; what is not there is no feature's.

    Attributes:
        x: (n, n_features), or (n, n_entries) if they are sparse.
        index: `None`, or int32 of shape (n, n_entries); `n_features` and above are no feature's.
    """

    x: jax.Array
    index: jax.Array | None

    def row(self, i: Any) -> Row:
        """A sample, or several."""
        return Row(self.x[i], None if self.index is None else self.index[i])


def scores(rows: Rows | Row, coef: jax.Array) -> jax.Array:
    """`x @ coef` of each sample."""
    return rows.x @ coef if rows.index is None else jnp.sum(rows.x * take(coef, rows), axis=-1)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Dense:
    """Coefficients that dense rows meet, all of them."""

    values: jax.Array  # (n_features,)

    def at(self, row: Row) -> jax.Array:
        return self.values

    def put(self, row: Row, values: jax.Array, shrink: jax.Array) -> "Dense":
        return Dense(values)

    def all(self) -> jax.Array:
        return self.values


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Lazy:
    """Coefficients that shrink when a row meets them, by all that has come up since the last time.

    Attributes:
        kept: (n_features, 2), what they were when a row last met them, and what `owed` was then. It
            is one array, so that what is written waits for what is read, and XLA needs no copy.
        owed: the logarithm of how far all coefficients should have shrunk by now.
    """

    kept: jax.Array
    owed: jax.Array

    def at(self, row: Row) -> jax.Array:
        return self._now(take(self.kept, row))

    def put(self, row: Row, values: jax.Array, shrink: jax.Array) -> "Lazy":
        smallest = jnp.finfo(values.dtype).tiny  # a factor of 0 has no logarithm
        owed = self.owed + jnp.log(jnp.maximum(shrink, smallest))
        new = jnp.stack([values, jnp.full_like(values, owed)], axis=-1)
        return Lazy(place(self.kept, row, new), owed)

    def all(self) -> jax.Array:
        return self._now(self.kept)

    def _now(self, kept: jax.Array) -> jax.Array:
        return kept[..., 0] * jnp.exp(self.owed - kept[..., 1])


Weights = Dense | Lazy


def weights(values: jax.Array, rows: Rows) -> Weights:
    """Coefficients for the rows that they will meet."""
    if rows.index is None:
        return Dense(values)
    kept = jnp.stack([values, jnp.zeros_like(values)], axis=-1)
    return Lazy(kept, jnp.zeros((), values.dtype))


def take(values: jax.Array, row: Row | Rows) -> jax.Array:
    """Of each feature of a row its value."""
    return values if row.index is None else values.at[row.index].get(mode="fill", fill_value=0)


def place(values: jax.Array, row: Row, new: jax.Array) -> jax.Array:
    """The features of a row get new values."""
    if row.index is None:
        return new
    return values.at[row.index].set(new, mode="drop", unique_indices=True)


def pack(X: Any, size: int, width: int) -> Rows:
    """The rows of a matrix, with empty rows and features beyond, that change nothing.

    Args:
        X: a NumPy array or a scipy.sparse CSR matrix, of shape (n, n_features).
        size: >= n, how many rows there are to be.
        width: >= n_features, how many features.

    Raises:
        ValueError: the padded rows of a sparse `X` would take more than 8 GiB.
    """
    n, n_features = X.shape
    if not sparse.issparse(X):
        return Rows(jnp.asarray(np.pad(X, [(0, size - n), (0, width - n_features)])), None)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    lengths = np.diff(X.indptr)
    longest = room(int(lengths.max(initial=0)), 8)
    memory = size * longest * (X.dtype.itemsize + 4)
    if memory > _LIMIT:
        raise ValueError(
            f"X: {n} sparse rows, of which the longest has {lengths.max()} entries, would take "
            f"{memory / _GIB:.0f} GiB, and at most {_LIMIT // _GIB} are allowed; "
            "use partial_fit on parts of X, or scale the long rows down to fewer features"
        )
    filled = np.zeros((size, longest), bool)
    filled[:n] = np.arange(longest) < lengths[:, None]
    x = np.zeros(filled.shape, X.dtype)
    x[filled] = X.data
    # every index of a row is another one, so that a step may write them in any order
    index = np.broadcast_to(width + np.arange(longest, dtype=np.int32), filled.shape).copy()
    index[filled] = X.indices
    return Rows(jnp.asarray(x), jnp.asarray(index))


def room(n: int, least: int) -> int:
    """How many places there are for `n`, so that other numbers of them find a program ready.

    Beyond `least` they are at most an eighth more than are needed, or `least` more.

    >>> [room(n, 64) for n in (3, 65, 129, 2000, 2049)]
    [64, 128, 192, 2048, 2304]
    """
    unit = max(least, (1 << max(0, n - 1).bit_length()) // 16)
    return max(1, -(-n // unit)) * unit
