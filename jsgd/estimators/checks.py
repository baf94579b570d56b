"""What the parameters of an estimator may be: numbers in ranges, and flags."""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from jsgd.core.ranges import INF, Range

AMOUNT, AT_LEAST_1 = Range(0, INF, open_high=True), Range(1, INF, open_high=True)
FRACTION = Range(0, 1, open_low=True, open_high=True)


def check_numbers(
    given: Mapping[str, Any],
    integers: Mapping[str, Range],
    reals: Mapping[str, Range],
    also: Mapping[str, Any],
    bools: bool = False,
) -> None:
    """Raises `ValueError` if a parameter is no number, or out of its range.

    Args:
        given: the parameters; one that is not there is passed over.
        integers, reals: name -> what a whole number and a number may be.
        also: name -> the one value that a parameter may have besides.
        bools: whether `True` is the number 1.
    """
    for ranges, kind, word in [(integers, Integral, "a whole number"), (reals, Real, "a number")]:
        for name, allowed in ranges.items():
            value = given.get(name)
            if name not in given or (name in also and _is(value, also[name])):
                continue
            is_number = isinstance(value, kind) and (bools or not isinstance(value, bool))
            if not is_number or value not in allowed:
                besides = f", or {also[name]!r}" if name in also else ""
                raise ValueError(f"{name} = {value!r}: it must be {word} in {allowed}{besides}")


def _is(value: Any, word: Any) -> bool:
    return isinstance(value, type(word)) and value == word  # an array is no word


def check_flags(given: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raises `ValueError` if one of these parameters is not `True` or `False`."""
    for name in names:
        if not isinstance(given[name], bool | np.bool_ | Integral):
            raise ValueError(f"{name} = {given[name]!r}: it must be True or False")
