"""Bounds: two trees of the lowest and the highest values, and starts between them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core import tree
from jsgd.core.linesearch import Bounds

_FORMS = (
    "for one array it is scipy.optimize.Bounds, one pair (low, high) per number, or two numbers, "
    "and for a tree a pair (low, high) of trees that are prefixes of x0; None is no bound"
)


def read_bounds(bounds: Any, x: Any) -> Bounds:
    """Bounds as two trees like `x`, in its dtypes; `None` if there are none.

    Args:
        bounds: as of `jsgd.minimize`.
        x: a tree of arrays.

    Raises:
        ValueError: they are not of a form that `minimize` takes, or a low one is above its high
            one, or a leaf of `x` is complex.

    >>> low, high = read_bounds([(0, 1), (None, 2)], jnp.zeros(2))
    >>> low.tolist(), high.tolist()
    ([0.0, -inf], [1.0, 2.0])
    """
    if bounds is None:
        return None
    for path, leaf in tree.leaves_by_path(x).items():
        if jnp.iscomplexobj(leaf):
            raise ValueError(f"bounds: {path!r} of x0 is complex, and such numbers have no order")
    low, high = _two_trees(bounds, x)
    low, high = _like(low, x, -np.inf), _like(high, x, np.inf)
    for (path, a), b in zip(tree.leaves_by_path(low).items(), jax.tree.leaves(high)):
        if not np.all(a <= b):
            raise ValueError(f"bounds: at {path!r} low = {a} must be at most high = {b}")
    with np.errstate(over="ignore"):  # beyond float32 is none
        low, high = (jax.tree.map(lambda b, y: b.astype(y.dtype), b, x) for b in (low, high))
    return jax.tree.map(jnp.asarray, (low, high))


def draw_starts(x: Any, bounds: Bounds, n: int, key: Any) -> Any:
    """`x` and n - 1 more, uniform between the bounds: a tree with one more axis in front.

    Raises:
        ValueError: there are no bounds, or not all are finite; or `key` is none.
    """
    if bounds is None or not all(np.all(np.isfinite(b)) for b in jax.tree.leaves(bounds)):
        raise ValueError(f"n_starts = {n}: starts are drawn between bounds, which must be finite")
    if isinstance(key, bool) or not isinstance(key, int | jax.Array):
        raise ValueError(f"key = {key!r}: it must be an int seed or a JAX key")
    key = jax.random.key(key) if isinstance(key, int) else key
    leaves, treedef = jax.tree.flatten(x)
    keys = treedef.unflatten(jax.random.split(key, len(leaves)))

    def one(x, low, high, key):
        part = jax.random.uniform(key, (n - 1, *x.shape), x.dtype)
        return jnp.concatenate([x[None], low[None] + (high - low)[None] * part])

    return jax.tree.map(one, x, *bounds, keys)


def _two_trees(bounds: Any, x: Any) -> tuple[Any, Any]:
    """(low, high), whose leaves may still be `None`."""
    is_array = jax.tree_util.treedef_is_leaf(jax.tree.structure(x))
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        if is_array:
            return bounds.lb, bounds.ub
        raise ValueError(f"bounds: x0 is a tree of arrays, and SciPy's are for one; {_FORMS}")
    try:
        rows = [*bounds]
        if not is_array or (len(rows) == 2 and all(np.ndim(row) == 0 for row in rows)):
            low, high = rows
            return low, high
        low, high = zip(*((a, b) for a, b in rows), strict=True)
    except (TypeError, ValueError):
        raise ValueError(f"bounds = {bounds!r}: {_FORMS}") from None
    if len(rows) != x.size:
        raise ValueError(f"bounds: {len(rows)} pairs for {x.size} numbers; {_FORMS}")
    return _filled(low, -np.inf), _filled(high, np.inf)


def _filled(column: tuple, default: float) -> np.ndarray:
    return np.array([default if b is None else b for b in column], float)


def _like(prefix: Any, x: Any, default: float) -> Any:
    """Spread out to the shapes of `x`, as float64."""
    spread = tree.broadcast_prefix(prefix, x, "bounds", lambda b: b is None)
    arrays = []
    for (path, leaf), b in zip(tree.leaves_by_path(x).items(), spread, strict=True):
        try:
            array = np.asarray(default if b is None else b, float)
            shape = leaf.shape if array.size == leaf.size else array.shape  # SciPy's are flat
            arrays.append(np.broadcast_to(array.reshape(shape), leaf.shape))
        except (TypeError, ValueError):
            raise ValueError(
                f"bounds: {b!r} at {path!r}, of shape {leaf.shape}; {_FORMS}"
            ) from None
    return jax.tree.unflatten(jax.tree.structure(x), arrays)
