"""What the readers of data share: pixels as numbers, labels that are classes, and the split."""

from typing import Any

import numpy as np


def pixels(x: np.ndarray) -> np.ndarray:
    """Bytes as float32 in [0, 1]; pictures without a channel get one: (n, h, w) -> (n, h, w, 1)."""
    return np.divide(x[..., None] if x.ndim == 3 else x, 255, dtype=np.float32)


def classes(y: Any, n_classes: int, source: Any) -> np.ndarray:
    """The labels as int32.

    Raises:
        ValueError: one is not a class, 0 to n_classes - 1; it names the source and the position.
    """
    y = np.asarray(y)
    wrong = np.flatnonzero((y < 0) | (y >= n_classes))
    if len(wrong):
        at = wrong[0]
        raise ValueError(f"{source}: label {at} is {y[at]}; it must be 0 to {n_classes - 1}")
    return y.astype(np.int32)


def split(x: np.ndarray, y: np.ndarray, test_size: float, seed: int) -> tuple[tuple, tuple]:
    """`((x, y) to train on, (x, y) to test on)`, each class with its share in both.

    Args:
        x, y: one row per sample; the split is by class where y holds integers.
        test_size: the share of the samples to test on, in (0, 1).
        seed: of the split.

    Raises:
        ValueError: `test_size` is out of range, or leaves a part without some class.
    """
    from sklearn.model_selection import train_test_split  # here: it takes a second to import

    if not 0 < test_size < 1:
        raise ValueError(f"test_size must be in (0, 1), got {test_size}")
    by_class = y if np.issubdtype(y.dtype, np.integer) else None
    rows = train_test_split(
        np.arange(len(y)), test_size=test_size, random_state=seed, stratify=by_class
    )
    train, test = ((x[part], y[part]) for part in rows)
    return train, test
