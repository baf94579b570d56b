"""Folds: the rows that each part of a cross-validation trains on and is tested on."""

from typing import Any

import jax
import numpy as np


def fold_rows(data: Any, folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Index tables of K folds; every fold tests floor(n / K) samples and trains on the others.

    Where `data` is `(x, y)` with integer labels, each class keeps its share in every fold
    (scikit-learn's `StratifiedKFold`); otherwise, and where no class has K samples, the rows are
    dealt at random (`KFold`). Both shuffle with `random_state=0`: the folds are those of the data,
    the same for every run, key and setting. The `n % K` samples too many, each of a class that its
    fold has most of, are in no test and train in every fold.

    Args:
        data: a pytree of arrays with one row per sample, n of them.
        folds: K, 2 to n.

    Returns:
        The rows to train on, int32 of shape (K, n - floor(n / K)), and the rows to test on, of
        shape (K, floor(n / K)), both rising.

    Raises:
        ValueError: `folds` is out of range.

    >>> train, test = fold_rows((np.zeros(7), np.array([0, 0, 0, 1, 1, 1, 1])), folds=3)
    >>> train.shape, test.shape
    ((3, 5), (3, 2))
    """
    from sklearn.model_selection import KFold, StratifiedKFold  # here: it takes a second to import

    n = jax.tree.leaves(data)[0].shape[0]
    if isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= n:
        raise ValueError(f"folds = {folds!r}: it must be 2 to {n} samples")
    classes = _classes(data, folds)
    split = KFold if classes is None else StratifiedKFold
    kind = np.zeros(n, int) if classes is None else classes

    def even(rows):
        values, counts = np.unique(kind[rows], return_counts=True)
        spare = np.flatnonzero(kind[rows] == values[counts.argmax()])
        return np.delete(rows, spare[: len(rows) - n // folds])  # one too many at most

    parts = split(folds, shuffle=True, random_state=0).split(kind, kind)
    test = np.stack([even(rows) for _, rows in parts])
    train = np.stack([np.setdiff1d(np.arange(n), rows) for rows in test])
    return train.astype(np.int32), test.astype(np.int32)


def _classes(data: Any, folds: int) -> np.ndarray | None:
    """The integer labels of `(x, y)`, if some class can be dealt to all folds."""
    if not isinstance(data, tuple) or len(data) != 2 or getattr(data[1], "ndim", None) != 1:
        return None
    if not np.issubdtype(data[1].dtype, np.integer):
        return None
    y = np.asarray(data[1])
    return y if np.unique(y, return_counts=True)[1].max() >= folds else None
