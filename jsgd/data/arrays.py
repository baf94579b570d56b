"""Data sets from NumPy arrays, in memory or in an `.npz` file."""

import os
from typing import Any

import numpy as np

from jsgd.data.dataset import Dataset
from jsgd.data.npz import read_npz
from jsgd.data.parts import classes, pixels, split


def from_arrays(
    x: Any,
    y: Any,
    x_test: Any = None,
    y_test: Any = None,
    *,
    test_size: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """A `Dataset` of arrays with one row per sample.

    Bytes (uint8) are pixels: divided by 255, and pictures of shape (n, height, width) given their
    one channel. All else becomes float32 as it is. Integer targets are classes, 0 to the greatest;
    floats are values.

    Args:
        x, y: to train on; `y` of shape (n,), or of (n, outputs) for values.
        x_test, y_test: to test on; without them a part of `x` and `y` is, each class with its
            share in both parts.
        test_size: the share of that part, in (0, 1).
        seed: of that split.

    Raises:
        ValueError: lengths or shapes do not match, a number is not finite, or a label is negative.

    >>> import numpy as np
    >>> data = from_arrays(np.full((10, 4, 4), 255, np.uint8), np.arange(10) % 2)
    >>> data.train[0].shape, float(data.test[0].max()), data.n_classes
    ((8, 4, 4, 1), 1.0, 2)
    """
    if (x_test is None) != (y_test is None):
        raise ValueError("x_test and y_test: give both or neither")
    parts = [(_inputs(x, "x"), _targets(y, "y"))]
    if x_test is not None:
        parts.append((_inputs(x_test, "x_test"), _targets(y_test, "y_test")))
    for (inputs, targets), end in zip(parts, ("", "_test")):
        if len(inputs) != len(targets):
            raise ValueError(f"x{end} has {len(inputs)} rows, y{end} has {len(targets)}")
    (inputs, targets), (others, theirs) = parts[0], parts[-1]
    if (inputs.shape[1:], targets.dtype.kind, targets.shape[1:]) != (
        (others.shape[1:], theirs.dtype.kind, theirs.shape[1:])
    ):
        raise ValueError(
            f"x_test, y_test: rows are of shape {others.shape[1:]} and {theirs.shape[1:]} "
            f"({theirs.dtype}), to train on {inputs.shape[1:]} and {targets.shape[1:]} "
            f"({targets.dtype})"
        )
    n_classes = None
    if targets.dtype.kind == "i":
        n_classes = 1 + int(max(part[1].max() for part in parts))
        ends = ("y", "y_test")
        parts = [(part[0], classes(part[1], n_classes, end)) for part, end in zip(parts, ends)]
    train, test = parts if len(parts) == 2 else split(*parts[0], test_size, seed)
    return Dataset(train, test, n_classes)


def _inputs(x: Any, name: str) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim < 2 or not x.size or x.dtype.kind not in "biuf":
        raise ValueError(
            f"{name}: {x.dtype} of shape {x.shape}; it must be numbers, with a row of one number "
            "or more per sample"
        )
    return pixels(x) if x.dtype == np.uint8 else _finite(x, name)


def _targets(y: Any, name: str) -> np.ndarray:
    y = np.asarray(y)
    if y.dtype.kind in "iu" and (y.ndim == 1 or y.shape[1:] == (1,)):
        return y.ravel().astype(np.int64)
    if y.dtype.kind == "f" and y.ndim in (1, 2):
        return _finite(y.reshape(len(y), -1), name)
    raise ValueError(
        f"{name}: {y.dtype} of shape {y.shape}; it must be integers (n,), which are classes, or "
        "floats (n,) or (n, outputs), which are values"
    )


def _finite(x: np.ndarray, name: str) -> np.ndarray:
    x = x.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(1))
    if len(wrong):
        raise ValueError(f"{name}: row {wrong[0]} holds a number that is not finite in float32")
    return x


def load_npz(path: str | os.PathLike, *, test_size: float = 0.2, seed: int = 0) -> Dataset:
    """Read a `Dataset` from an `.npz` file, as `numpy.savez(path, x=x, y=y)` writes it.

    Args:
        path: the file, with arrays `x` and `y`, or `x_train` and `y_train`; and, where there is a
            part to test on, `x_test` and `y_test`. They mean what they mean to `from_arrays`.
        test_size, seed: as for `from_arrays`.

    Raises:
        ValueError: the file is broken or lacks an array, or as for `from_arrays`.
    """
    arrays = read_npz(path)
    end = "_train" if "x_train" in arrays else ""
    for name in (f"x{end}", f"y{end}"):
        if name not in arrays:
            raise ValueError(f"{path} has no {name!r}; it has {', '.join(arrays) or 'nothing'}")
    tests = arrays.get("x_test"), arrays.get("y_test")
    try:
        given = arrays[f"x{end}"], arrays[f"y{end}"], *tests
        return from_arrays(*given, test_size=test_size, seed=seed)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
