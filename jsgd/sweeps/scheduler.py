"""Schedulers: after each epoch of a sweep, which settings go on, and from whose state.

A scheduler is a pure function from a `Standing` to a `Verdict`. It keeps nothing between epochs, so
that a sweep that was killed decides the same when it resumes. Ours are frozen dataclasses of plain
values: equal by value, and JSON through `dataclasses.asdict`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jsgd.sweeps.dimension import Dimension
from jsgd.sweeps.space import Either


class Standing(NamedTuple):
    """What a scheduler decides by: where every setting stands after an epoch.

    Attributes:
        epoch: the epochs done by the settings that run.
        epochs: how many a setting does that is never stopped.
        losses: of shape (settings, epoch), float64: the metric after each epoch, the mean over the
            seeds, with its sign turned where higher is better, so that LOWER is better. NaN where a
            setting diverged or had been stopped.
        rank: of shape (settings,), 1 = best, of all settings; diverged ones rank last.
        diverged: of shape (settings,), bool.
        running: the rows that run, rising. A scheduler decides about these only; others may be of
            earlier batches, finished or stopped.
        params: name -> values now, of shape (settings,): numbers are float64, NaN where a name does
            not apply; what cannot change on the way, such as the optimizer or the batch size, is
            strings.
        space: name -> dimension, flat, as `jsgd.sweeps.space.dimensions` has it.
        first, count: rows `first` to `first + count - 1` are the batch, and began together.
        rng: the randomness of this epoch, the same again when it is decided again.
    """

    epoch: int
    epochs: int
    losses: np.ndarray
    rank: np.ndarray
    diverged: np.ndarray
    running: np.ndarray
    params: dict[str, np.ndarray]
    space: dict[str, Dimension | Either]
    first: int
    count: int
    rng: np.random.Generator


class Verdict(NamedTuple):
    """What a scheduler decides.

    Attributes:
        keep: the running rows that go on, rising. The others are stopped, for good.
        source: for each of `keep` the row whose state it goes on from; `None`: its own.
        params: name -> for each of `keep` its value from now on; a name that is not here, and all
            of them for `None`: as it is.
    """

    keep: np.ndarray
    source: np.ndarray | None = None
    params: dict[str, np.ndarray] | None = None


Scheduler = Callable[[Standing], Verdict]


def check_whole(name: str, x: float, high: float = math.inf, upper: str = "or more") -> None:
    """Raises `ValueError` unless a number of epochs or settings is whole, and 1 to `high`."""
    if not (1 <= x <= high and x % 1 == 0):
        raise ValueError(f"{name} = {x}: it must be a whole number, 1 {upper}")
