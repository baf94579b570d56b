"""What a network's training is given: the samples, and which of them each fold trains on.

Shapes decide which program is compiled, so that counts are rounded up to one of a few: fits of
about as many samples share a program. What fills up counts nothing: it repeats samples, with the
weight 0, so that statistics of batches see nothing strange.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

_FEW = 128  # samples: of so few it does not matter if twice as many are worked on
_STEP = 16  # samples: in multiples of these no row of a product is computed otherwise than others


class Data(NamedTuple):
    """Samples and tables of rows, arrays all of them.

    Attributes:
        x, y: inputs, and targets of shape (n, outputs); float32.
        rows: int32 (folds, samples): the rows that each fold trains on.
        weights: float32 (folds, samples): what each of these counts; the mean is 1.
        decay: float32 (folds,): what `alpha` is multiplied by.
        test_rows, test_weights: the same of early stopping, or `None`.
        test_scale: float32 (folds, outputs): one over the variances of the targets there.
    """

    x: Any
    y: Any
    rows: Any
    weights: Any
    decay: Any
    test_rows: Any = None
    test_weights: Any = None
    test_scale: Any = None


class Part(NamedTuple):
    """Rows, and what each of them counts, >= 0."""

    rows: np.ndarray
    weights: np.ndarray


def set_aside(
    part: Part, fraction: float, seed: int, strata: np.ndarray | None
) -> tuple[Part, Part]:
    """What is trained on, and what early stopping looks at.

    Args:
        part: both of them.
        fraction: the share of the latter.
        seed: of the choice.
        strata: what has its share in either part, for each row; or `None`.

    Raises:
        ValueError: there are too few samples.
    """
    kind = "" if strata is None else " by class"
    what = (
        f"validation_fraction = {fraction}: early stopping cannot set so many of {len(part.rows)} "
        f"samples aside{kind}"
    )
    try:
        how: Any = {"test_size": fraction, "random_state": seed, "stratify": strata}
        places = train_test_split(np.arange(len(part.rows)), **how)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    if len(places[1]) < 2:
        raise ValueError(f"{what}: it needs 2 at least")
    train, test = (Part(part.rows[at], part.weights[at]) for at in places)
    return train, test


def batches_of(samples: int, batch_size: int) -> tuple[int, int]:
    """How many batches, and of how many samples: as few as can be, and of equal size.

    >>> batches_of(1437, 200), batches_of(30, 200)
    ((8, 192), (1, 32))
    """
    steps = math.ceil(samples / batch_size)
    size = rounded(math.ceil(samples / steps))
    return steps, size if steps == 1 else min(batch_size, size)


def rounded(count: int) -> int:
    """Up to a power of two, or above 128 to a multiple of an eighth of the one below, or of 16.

    >>> [rounded(n) for n in (3, 17, 100, 180, 1000)]
    [16, 32, 128, 192, 1024]
    """
    power = 2 ** (count - 1).bit_length()
    if power <= _FEW:
        return max(power, _STEP)
    step = max(power // 16, _STEP)
    return math.ceil(count / step) * step


def filled(x: np.ndarray, count: int) -> np.ndarray:
    """So many rows: those of `x`, and then from its first on again."""
    return x if len(x) == count else x[np.arange(count) % len(x)]


def tabulate(
    x: np.ndarray,
    y: np.ndarray,
    folds: Sequence[Part],
    batch_size: int,
    tests: Sequence[Part] = (),
) -> tuple[Data, int | None]:
    """The data, and the size of its batches; `None` where a batch is all samples.

    Args:
        x, y: all samples.
        folds: what each trains on; they may be of different numbers.
        batch_size: at most, of the largest.
        tests: what each is held against on its way, or nothing.
    """
    steps, size = batches_of(max(len(fold.rows) for fold in folds), batch_size)
    rows, weights = _table(folds, steps * size)
    totals = np.array([fold.weights.sum() for fold in folds])
    data = Data(
        filled(x, rounded(len(x))),
        filled(y, rounded(len(y))),
        rows,
        weights,
        np.asarray(steps / totals, np.float32),
    )
    if tests:
        test_rows, test_weights = _table(tests, rounded(max(len(test.rows) for test in tests)))
        variances = np.array([y[test.rows].var(axis=0) for test in tests])
        scale = np.where(variances > 0, 1 / np.where(variances > 0, variances, 1), 1)
        data = data._replace(
            test_rows=test_rows, test_weights=test_weights, test_scale=np.float32(scale)
        )
    return data, None if steps == 1 else size


def _table(parts: Sequence[Part], count: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.stack([filled(part.rows, count) for part in parts])
    weights = np.zeros((len(parts), count))
    for row, part in zip(weights, parts):
        row[: len(part.rows)] = part.weights * (count / part.weights.sum())
    return rows.astype(np.int32), weights.astype(np.float32)
