"""Spaces: what a sweep tries. A dict from a hyperparameter's name to where its values come from.

`{"lr": loguniform(1e-4, 1), "momentum": grid([0, 0.9])}`; a list or an array means `grid`, a number
is itself. A space of grids alone is their product. Any other is a number of random draws, where a
grid is drawn from like a `choice`.

Every random dimension maps [0, 1) to its values (`at`), so a draw is a point of the unit cube:
whatever spreads points over a cube can sample a space.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Values:
    """A finite list of numbers: `kind` is "grid" (every one of them) or "choice" (drawn)."""

    kind: str
    values: tuple[float, ...]

    @property
    def log(self) -> bool:
        """Whether the numbers are best seen on a log axis: positive, over a wide range."""
        return min(self.values) > 0 and max(self.values) / min(self.values) >= 50

    def at(self, u: np.ndarray) -> np.ndarray:
        return np.asarray(self.values)[(u * len(self.values)).astype(int)]


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`: `kind` is "uniform", "loguniform" or "randint"."""

    kind: str
    low: float
    high: float

    @property
    def log(self) -> bool:
        return self.kind == "loguniform"

    def at(self, u: np.ndarray) -> np.ndarray:
        if self.kind == "loguniform":
            low, high = math.log(self.low), math.log(self.high)
            return np.clip(np.exp(low + u * (high - low)), self.low, self.high)
        x = self.low + u * (self.high - self.low)
        return np.floor(x) if self.kind == "randint" else x


Dimension = Values | Interval


def grid(values: Iterable[float]) -> Values:
    """Every one of these numbers.

    >>> settings({"lr": grid([0.1, 0.2]), "momentum": [0, 0.9]})
    {'lr': array([0.1, 0.1, 0.2, 0.2]), 'momentum': array([0. , 0.9, 0. , 0.9])}
    """
    return _values("grid", values)


def loggrid(low: float, high: float, num: int) -> Values:
    """A grid of `num` numbers from `low` to `high`, equal in ratio.

    >>> loggrid(0.01, 1, 3).values
    (0.01, 0.1, 1.0)
    """
    _check(0 < low < high < math.inf, f"a log grid needs 0 < low < high, not {low} and {high}")
    _check(int(num) == num >= 2, f"a log grid has 2 numbers or more, not {num}")
    # 15 digits: 0.1 and not 0.10000000000000002
    return _values("grid", [float(f"{x:.15g}") for x in np.geomspace(low, high, int(num))])


def choice(values: Iterable[float]) -> Values:
    """One of these numbers, drawn at random."""
    return _values("choice", values)


def uniform(low: float, high: float) -> Interval:
    """A number from `low` to `high`, drawn evenly."""
    return _interval("uniform", low, high)


def loguniform(low: float, high: float) -> Interval:
    """A number from `low` to `high`, 0 < low, drawn so that its logarithm is even."""
    _check(low > 0, f"loguniform needs 0 < low < high, not {low} and {high}")
    return _interval("loguniform", low, high)


def randint(low: int, high: int) -> Interval:
    """A whole number `low <= k < high`, as NumPy's `integers` draws it."""
    _check(low == int(low) and high == int(high), f"randint takes whole numbers: {low}, {high}")
    return _interval("randint", low, high)


def dimensions(space: Mapping[str, Any]) -> dict[str, Dimension]:
    """The space in full: lists, arrays and numbers as grids.

    Raises:
        ValueError: the space is empty, or something in it is neither a dimension nor numbers.
    """
    _check(isinstance(space, Mapping), f"a space is a dict name -> values, not {space!r}")
    _check(len(space) > 0, "the space is empty: name at least one hyperparameter")
    out: dict[str, Dimension] = {}
    for name, x in space.items():
        try:
            known = isinstance(x, Dimension)
            out[name] = x if known else grid(x if isinstance(x, Sequence) or np.ndim(x) else [x])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from None
    return out


def is_product(space: Mapping[str, Dimension]) -> bool:
    """Whether the space is all grids, so that its settings are their product."""
    return all(x.kind == "grid" for x in space.values())


def settings(
    space: Mapping[str, Any], n: int | None = None, seed: Any = 0
) -> dict[str, np.ndarray]:
    """The settings of a space, as a dict of float64 arrays of one length.

    Args:
        space: name -> dimension, list, array or number.
        n: how many to draw, >= 1; `None` if the space is all grids, whose product is taken, the
            last name varying fastest.
        seed: of the draws, whatever `numpy.random.default_rng` takes. More draws begin with the
            same ones.

    Raises:
        ValueError: the space is empty or malformed; or `n` is missing, below 1, or given for grids.
    """
    dims = dimensions(space)
    grids = [x.values for x in dims.values() if isinstance(x, Values) and x.kind == "grid"]
    if len(grids) == len(dims):
        _check(n is None, f"n = {n}: this space is all grids, which are swept whole; leave n out")
        product = itertools.product(*grids)
        columns = np.array(list(product), np.float64).T
        return dict(zip(dims, columns, strict=True))
    drawn = [name for name, x in dims.items() if x.kind != "grid"]
    _check(n is not None, f"give n, the number of draws: {', '.join(drawn)} is random")
    _check(n is not None and int(n) == n >= 1, f"n = {n}: it must be a whole number, 1 or more")
    cube = np.random.default_rng(seed).random((n or 0, len(dims)))
    return {name: dims[name].at(u) for name, u in zip(dims, cube.T, strict=True)}


def _values(kind: str, values: Iterable[float]) -> Values:
    given: list[Any] = [values] if isinstance(values, str) else list(values)
    _check(len(given) > 0, f"an empty {kind}: give at least one number")
    wrong = [x for x in given if isinstance(x, bool | np.bool_ | str) or np.ndim(x) != 0]
    _check(not wrong, f"{wrong[:1]} in a {kind}: values are numbers")
    out = tuple(float(x) for x in given)
    _check(all(map(math.isfinite, out)), f"{out}: the values of a {kind} are finite")
    return Values(kind, out)


def _interval(kind: str, low: float, high: float) -> Interval:
    fine = -math.inf < low < high < math.inf
    _check(fine, f"{kind} needs low < high, both finite, not {low} and {high}")
    return Interval(kind, float(low), float(high))


def _check(fine: Any, message: str) -> None:
    if not fine:
        raise ValueError(message)
