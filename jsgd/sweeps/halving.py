"""Rungs: the epochs after which a sweep goes on with its best settings alone."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from jsgd.sweeps.scheduler import Standing, Verdict


def halving(epochs: int, grace_period: int = 1, reduction_factor: float = 3) -> tuple[int, ...]:
    """The rungs of successive halving: `grace_period` epochs, and each time so many times longer.

    Args:
        epochs: how long the settings that are never stopped run, >= 1.
        grace_period: epochs before the first cut, >= 1.
        reduction_factor: > 1, from each rung to the next.

    Raises:
        ValueError: a number is out of range.

    >>> halving(27), halving(20, grace_period=2, reduction_factor=4)
    ((1, 3, 9), (2, 8))

    References:
        Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
        Optimization", AISTATS 2016, https://arxiv.org/abs/1502.07943, Successive Halving.
    """
    if not grace_period >= 1:
        raise ValueError(f"grace_period = {grace_period}: it must be at least 1")
    check_factor(reduction_factor)
    rungs, at = [], float(grace_period)
    while math.ceil(at) < epochs:
        rungs.append(math.ceil(at))
        at = max(at * reduction_factor, rungs[-1] + 1)
    return tuple(rungs)


@dataclass(frozen=True)
class Halving:
    """Successive halving: at each rung the best go on, one in `reduction_factor`, rounded up.

    How many is counted from the settings that began, so those that diverged leave no room. A
    setting that diverged stops at the next rung.

    Attributes:
        rungs: as `check_rungs` returns them.
        reduction_factor: > 1.
    """

    rungs: tuple[int, ...]
    reduction_factor: float

    def __call__(self, standing: Standing) -> Verdict:
        running = standing.running
        if standing.epoch not in self.rungs:
            return Verdict(running)
        after = self.rungs.index(standing.epoch) + 1
        keep = counts(standing.count, self.rungs, self.reduction_factor)[after]
        return Verdict(best(standing.rank, standing.diverged, running, keep))


def check_rungs(rungs: Iterable[int], reduction_factor: float, epochs: int) -> tuple[int, ...]:
    """The rungs as a tuple.

    Raises:
        ValueError: they do not rise, are not between 1 and `epochs - 1`, or the factor is not
            above 1.
    """
    out = tuple(rungs)
    check_factor(reduction_factor)
    if any(int(x) != x for x in out) or any(np.diff([0, *out, epochs]) <= 0):
        raise ValueError(f"rungs = {out}: they must be whole and rise, from 1 to below {epochs=}")
    return tuple(int(x) for x in out)


def counts(settings: int, rungs: tuple[int, ...], reduction_factor: float) -> list[int]:
    """How many settings run before the first rung, and at most after each.

    >>> counts(27, (1, 3, 9), 3)
    [27, 9, 3, 1]
    """
    out = [settings]
    for _ in rungs:
        out.append(math.ceil(out[-1] / reduction_factor))
    return out


def best(rank: np.ndarray, diverged: np.ndarray, rows: np.ndarray, keep: int) -> np.ndarray:
    """The best `keep` of these rows, rising; none that diverged is among them."""
    healthy = rows[~diverged[rows]]
    return np.sort(healthy[np.argsort(rank[healthy])[:keep]])


def check_factor(reduction_factor: float) -> None:
    if not 1 < reduction_factor < math.inf:
        raise ValueError(f"reduction_factor = {reduction_factor}: it must be above 1")
