"""Dimensions: where the values of one hyperparameter come from.

Every one maps [0, 1) to its values (`at`), so that a draw from several is a point of the unit cube:
whatever spreads points over a cube can sample a space.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

_TINY = 2.0**-53  # the least that NumPy draws above 0; it keeps a normal within 8.3 deviations


@dataclass(frozen=True)
class Values:
    """A finite list of numbers or strings: `kind` is "grid" (all of them) or "choice" (drawn)."""

    kind: str
    values: tuple[Any, ...]

    @property
    def strings(self) -> bool:
        """Whether these are strings, and not numbers."""
        return isinstance(self.values[0], str)

    @property
    def positive(self) -> bool:
        """Whether these are numbers above 0."""
        return not self.strings and min(self.values) > 0

    @property
    def log(self) -> bool:
        """Whether these are numbers best seen on a log axis: positive, over a wide range."""
        return self.positive and max(self.values) / min(self.values) >= 50

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
        x = self.low + u * (self.high - self.low)  # rounding may carry it up to `high`
        return np.minimum(np.floor(x), self.high - 1) if self.kind == "randint" else x


@dataclass(frozen=True)
class Rounded(Interval):
    """Numbers from `low` to `high`, rounded to multiples of `q`: `kind` is "quniform"."""

    q: float

    def at(self, u: np.ndarray) -> np.ndarray:
        return np.round(super().at(u) / self.q) * self.q + 0.0  # + 0.0: no -0.0


@dataclass(frozen=True)
class Normal:
    """Numbers about `mean`, on a linear axis: `kind` is "normal"."""

    kind: str
    mean: float
    std: float

    @property
    def log(self) -> bool:
        return False

    def at(self, u: np.ndarray) -> np.ndarray:
        from scipy.special import ndtri  # here: it takes a while to import

        return self.mean + self.std * ndtri(np.clip(u, _TINY, 1 - _TINY))


@dataclass(frozen=True)
class Branches:
    """A pick of one of several spaces: `kind` is "choice", `labels` is what each is called."""

    kind: str
    labels: Values
    spaces: tuple[Mapping[str, Any], ...]


Dimension = Values | Interval | Rounded | Normal


def grid(values: Iterable[float | str]) -> Values:
    """Every one of these numbers, or of these strings. Booleans are the numbers 0 and 1.

    Raises:
        ValueError: there are none, there are both, a number is not finite, or a string is empty.

    >>> grid([0.1, 0.2]).values
    (0.1, 0.2)
    >>> grid(["sgd", "adam"]).values
    ('sgd', 'adam')
    """
    return _values("grid", values)


def loggrid(low: float, high: float, num: int) -> Values:
    """A grid of `num` numbers from `low` to `high`, equal in ratio.

    >>> loggrid(0.01, 1, 3).values
    (0.01, 0.1, 1.0)
    """
    check(0 < low < high < math.inf, f"a log grid needs 0 < low < high, not {low} and {high}")
    check(int(num) == num >= 2, f"a log grid has 2 numbers or more, not {num}")
    # 15 digits: 0.1 and not 0.10000000000000002
    return _values("grid", [float(f"{x:.15g}") for x in np.geomspace(low, high, int(num))])


@overload
def choice(values: Mapping[Any, Mapping[str, Any]] | Iterable[Mapping[str, Any]]) -> Branches: ...
@overload
def choice(values: Iterable[float | str]) -> Values: ...
def choice(values: Any) -> Values | Branches:
    """One of these numbers, strings or spaces, drawn at random.

    A choice of spaces is a condition: the hyperparameters that a space names, which may be none,
    apply where it is drawn, and nowhere else. In a dict of spaces each has its label, in a list its
    number. Spaces may name the same hyperparameter, and may hold choices of spaces in turn; what
    they name cannot also stand outside.

    Args:
        values: a list of numbers or of strings; or spaces, each a dict name -> dimension, list,
            number or string: a dict label -> space, or a list of them.

    Raises:
        ValueError: as `grid`; or only some of them are spaces.

    >>> choice([0.9, 0.99]).values
    (0.9, 0.99)
    >>> optimizer = choice({"sgd": {"momentum": uniform(0, 1)}, "adam": {}})
    >>> optimizer.labels.values
    ('sgd', 'adam')

    References:
        Bergstra, Yamins and Cox, "Making a Science of Model Search", ICML 2013,
        https://proceedings.mlr.press/v28/bergstra13.html: spaces as trees, `hp.choice` of hyperopt.
    """
    named = isinstance(values, Mapping)
    items: Any = values if isinstance(values, str) else list(values.values() if named else values)
    if not named and not any(isinstance(x, Mapping) for x in items):
        return _values("choice", items)
    wrong = [x for x in items if not isinstance(x, Mapping)]
    check(not wrong, f"{wrong[:1]} in a choice of spaces: each is a dict, which may be empty")
    return Branches("choice", _values("choice", values if named else range(len(items))), (*items,))


def uniform(low: float, high: float) -> Interval:
    """A number from `low` to `high`, drawn evenly."""
    return _interval("uniform", low, high)


def loguniform(low: float, high: float) -> Interval:
    """A number from `low` to `high`, 0 < low, drawn so that its logarithm is even."""
    check(low > 0, f"loguniform needs 0 < low < high, not {low} and {high}")
    return _interval("loguniform", low, high)


def randint(low: int, high: int) -> Interval:
    """A whole number `low <= k < high`, as NumPy's `integers` draws it."""
    check(low == int(low) and high == int(high), f"randint takes whole numbers: {low}, {high}")
    return _interval("randint", low, high)


def quniform(low: float, high: float, q: float) -> Rounded:
    """A multiple of `q`: `round(x / q) * q` for an `x` from `low` to `high`, as hyperopt has it.

    What is nearest to `low` or `high` may lie up to `q / 2` beyond; where `low` and `high` are
    multiples themselves, each comes half as often as one between them.

    Raises:
        ValueError: not low < high, not 0 < q, or `q` so large that all of it is one multiple.

    >>> quniform(0, 1, 0.25).at(np.array([0, 0.3, 0.99]))
    array([0.  , 0.25, 1.  ])
    """
    x = _interval("quniform", low, high)
    fine = 0 < q < math.inf and np.round(x.low / q) < np.round(x.high / q)
    check(
        fine, f"quniform needs 0 < q, and low and high nearest to two multiples of q, not q = {q}"
    )
    return Rounded(x.kind, x.low, x.high, float(q))


def normal(mean: float, std: float) -> Normal:
    """A number drawn from the normal distribution: any real number, so not all suit a rate.

    Raises:
        ValueError: `mean` or `std` is not finite, or not 0 < std.

    >>> normal(0.9, 0.01).at(np.array([0.5]))
    array([0.9])
    """
    fine = math.isfinite(mean) and 0 < std < math.inf
    check(fine, f"normal needs a finite mean and 0 < std, not {mean} and {std}")
    return Normal("normal", float(mean), float(std))


def _values(kind: str, values: Iterable[Any]) -> Values:
    check(not isinstance(values, str), f"{values!r} is one string, and a {kind} takes a list")
    given = list(values)
    check(len(given) > 0, f"an empty {kind}: give at least one value")
    if all(isinstance(x, str) for x in given):
        # an empty string is what stands where a name does not apply, and some cannot be saved
        fine = all(x and x.isprintable() for x in given)
        check(fine, f"{given}: the strings of a {kind} are of one printable character or more")
        return Values(kind, tuple(map(str, given)))
    wrong = [x for x in given if isinstance(x, str | Mapping) or np.ndim(x) != 0]
    check(not wrong, f"{wrong[:1]} in a {kind}: values are all numbers or all strings")
    out = tuple(float(x) for x in given)
    check(all(map(math.isfinite, out)), f"{out}: the values of a {kind} are finite")
    return Values(kind, out)


def _interval(kind: str, low: float, high: float) -> Interval:
    fine = -math.inf < low < high < math.inf
    check(fine, f"{kind} needs low < high, both finite, not {low} and {high}")
    return Interval(kind, float(low), float(high))


def check(fine: Any, message: str) -> None:
    if not fine:
        raise ValueError(message)
