"""Rungs: the epochs after which a sweep goes on with its best settings alone."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np


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
    _check_factor(reduction_factor)
    rungs, at = [], float(grace_period)
    while math.ceil(at) < epochs:
        rungs.append(math.ceil(at))
        at = max(at * reduction_factor, rungs[-1] + 1)
    return tuple(rungs)


def check_rungs(rungs: Iterable[int], reduction_factor: float, epochs: int) -> tuple[int, ...]:
    """The rungs as a tuple.

    Raises:
        ValueError: they do not rise, are not between 1 and `epochs - 1`, or the factor is not
            above 1.
    """
    out = tuple(rungs)
    _check_factor(reduction_factor)
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


def survivors(table: dict[str, Any], running: np.ndarray, keep: int) -> np.ndarray:
    """The rows of the best `keep` of the running settings; none that diverged is among them.

    Args:
        table: the table of all settings so far.
        running: the rows that run, in their order.
        keep: how many go on.
    """
    healthy = running[table["status"][running] != "DIVERGED"]
    return np.sort(healthy[np.argsort(table["rank"][healthy])[:keep]])


def _check_factor(reduction_factor: float) -> None:
    if not 1 < reduction_factor < math.inf:
        raise ValueError(f"reduction_factor = {reduction_factor}: it must be above 1")
