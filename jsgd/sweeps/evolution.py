"""Population-based training: the worst go on from the state of the best, with other values."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jsgd.sweeps.dimension import Interval, Rounded, Values
from jsgd.sweeps.scheduler import Standing, Verdict, check_whole
from jsgd.sweeps.space import Either
from jsgd.train.names import unknown


def population_based(
    every: int = 1,
    quantile: float = 0.25,
    resample_probability: float = 0.25,
    factors: Iterable[float] = (0.8, 1.2),
    names: Iterable[str] | None = None,
) -> "PopulationBased":
    """Every few epochs the worst settings take over the state of one of the best, and explore.

    Exploit: each of the worst `quantile`, and each that diverged, goes on from the state and the
    values of one of the best `quantile`, drawn at random, never of one that diverged. Explore: each
    of its values is drawn anew from the space with `resample_probability`, and else multiplied by
    one of `factors`, within its dimension: what would reach an end goes half of the way to it.
    Whole numbers and multiples of a step are rounded, and move by at least one step; grids and
    choices move to a neighbour; a `normal` has no ends. After the last epoch nothing changes.

    Settings of different shapes (another optimizer, another batch size, other names) cannot take
    over from one another: each kind is a population of its own. A kind that diverged as a whole is
    stopped.

    Args:
        every: epochs from one time to the next, >= 1.
        quantile: in (0, 0.5]; how many are replaced, and how many they choose from: rounded up,
            half of the settings at most.
        resample_probability: in [0, 1].
        factors: one or more, each positive and finite.
        names: the hyperparameters that explore; `None` for all. The others come with the state.

    Raises:
        ValueError: a number is out of range; or, when called, the space lacks one of `names`.

    >>> population_based(every=5, names=["lr"])
    PopulationBased(every=5, quantile=0.25, resample_probability=0.25, factors=(0.8, 1.2), \
names=('lr',))

    References:
        Jaderberg et al., "Population Based Training of Neural Networks", 2017,
        https://arxiv.org/abs/1711.09846, Algorithm 1, with truncation selection and with both ways
        to explore, perturb and resample (section 4.1.1).
    """
    factors = tuple(float(x) for x in factors)
    check_whole("every", every)
    if not 0 < quantile <= 0.5:
        raise ValueError(f"quantile = {quantile}: it must be in (0, 0.5]")
    if not 0 <= resample_probability <= 1:
        raise ValueError(f"resample_probability = {resample_probability}: it must be in [0, 1]")
    if not factors or not all(0 < x < math.inf for x in factors):
        raise ValueError(f"factors = {factors}: one or more, each positive and finite")
    if isinstance(names, str):
        raise ValueError(f"names = {names!r}: give a list of names")
    names = None if names is None else tuple(names)
    return PopulationBased(int(every), quantile, resample_probability, factors, names)


@dataclass(frozen=True)
class PopulationBased:
    """The scheduler that `population_based` makes."""

    every: int
    quantile: float
    resample_probability: float
    factors: tuple[float, ...]
    names: tuple[str, ...] | None

    def __call__(self, standing: Standing) -> Verdict:
        for name in self.names or ():
            if name not in standing.space:
                raise ValueError(unknown("hyperparameter", name, standing.space))
        running = standing.running
        if standing.epoch % self.every or standing.epoch == standing.epochs:
            return Verdict(running)
        source = np.arange(len(standing.rank))
        lost = []
        for rows in _kinds(standing):
            diverged = standing.diverged[rows]
            rows = rows[np.lexsort((standing.rank[rows], diverged))]  # from best to worst
            bad = int(diverged.sum())
            healthy = len(rows) - bad
            if not healthy:
                lost.extend(rows)
                continue
            share = min(math.ceil(self.quantile * len(rows)), len(rows) // 2)
            worst = rows[len(rows) - max(share, bad) :]
            if len(worst):
                donors = rows[: min(share, healthy)]
                source[worst] = standing.rng.choice(donors, len(worst))
        keep = np.setdiff1d(running, lost)
        source = source[keep]
        if (source == keep).all():
            return Verdict(keep)
        return Verdict(keep, source, self._explore(standing, keep, source))

    def _explore(
        self, standing: Standing, keep: np.ndarray, source: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The values of all settings that go on: those with a new state have new ones."""
        rng, out = standing.rng, {}
        for name, dim in standing.space.items():
            if standing.params[name].dtype.kind == "U":
                continue
            out[name] = standing.params[name][source]
            if self.names is not None and name not in self.names:
                continue
            for i in np.flatnonzero((source != keep) & ~np.isnan(out[name])):
                part = _part(dim, out[name][i])
                anew, u, factor = rng.random(), rng.random(), rng.choice(self.factors)
                if anew < self.resample_probability:
                    out[name][i] = part.at(np.asarray(u))
                else:
                    out[name][i] = _perturbed(part, out[name][i], factor)
        return out


def _kinds(standing: Standing) -> list[np.ndarray]:
    """The running rows, those together whose states are of one shape."""
    kinds: dict[tuple, list[int]] = {}
    columns = [x if x.dtype.kind == "U" else np.isnan(x) for x in standing.params.values()]
    for row in standing.running:
        kinds.setdefault(tuple(x[row] for x in columns), []).append(row)
    return [np.array(rows) for rows in kinds.values()]


def _part(dim: Any, value: float) -> Any:
    """The dimension that the value is of: of several, the first that it lies within."""
    if not isinstance(dim, Either):
        return dim
    return next((part for part in dim.parts if _perturbed(part, value, 1.0) == value), dim.parts[0])


def _perturbed(dim: Any, value: float, factor: float) -> float:
    """The value times the factor, or the next one in that direction, within the dimension."""
    up = np.sign(factor - 1)
    if isinstance(dim, Values):
        values = np.unique(dim.values)
        place = np.argmin(np.abs(values - value)) + up
        return values[int(np.clip(place, 0, len(values) - 1))]
    x = value * factor
    if not isinstance(dim, Interval):
        return x
    step = dim.q if isinstance(dim, Rounded) else float(dim.kind == "randint")
    if step:
        x = np.round(x / step) * step
        return float(np.clip(value + step * up if x == value else x, *dim.at(np.array([0.0, 1.0]))))
    # an end, such as a momentum of 1, may not be allowed, and no draw is one
    return x if dim.low < x < dim.high else (value + (dim.high if x > value else dim.low)) / 2
