"""What the parameters of the estimators of networks may be, and the weights of samples."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import jax
import numpy as np
from sklearn.utils import check_array

from jsgd.core.ranges import INF, Range

_AMOUNT, _AT_LEAST_1 = Range(0, INF, open_high=True), Range(1, INF, open_high=True)
_INTEGERS = {
    "batch_size": _AT_LEAST_1,
    "hidden": _AT_LEAST_1,
    "max_iter": _AT_LEAST_1,
    "n_iter_no_change": _AT_LEAST_1,
}
_REALS = {
    "alpha": _AMOUNT,
    "dropout": Range(0, 1, open_high=True),
    "learning_rate_init": _AMOUNT,
    "tol": _AMOUNT,
    "validation_fraction": Range(0, 1, open_low=True, open_high=True),
}
_FLAGS = ("early_stopping", "shuffle", "warm_start")
_ALSO = {"batch_size": "auto", "learning_rate_init": None, "n_iter_no_change": math.inf}


def check_parameters(estimator: Any) -> None:
    """Raises `ValueError` if a parameter that is a number or a flag is none, or out of its range.

    What an estimator does not have is passed over.
    """
    given = vars(estimator)
    for ranges, kind, word in [(_INTEGERS, Integral, "a whole number"), (_REALS, Real, "a number")]:
        for name, allowed in ranges.items():
            value = given.get(name)
            if name not in given or (name in _ALSO and _is(value, _ALSO[name])):
                continue
            if isinstance(value, bool) or not isinstance(value, kind) or value not in allowed:
                also = f", or {_ALSO[name]!r}" if name in _ALSO else ""
                raise ValueError(f"{name} = {value!r}: it must be {word} in {allowed}{also}")
    for name in _FLAGS:
        if not isinstance(given[name], bool | np.bool_ | Integral):
            raise ValueError(f"{name} = {given[name]!r}: it must be True or False")


def _is(value: Any, word: Any) -> bool:
    return isinstance(value, type(word)) and value == word  # an array is no word


def whole_numbers(name: str, given: Any) -> tuple[int, ...]:
    """Sizes, one or a sequence, as a tuple; raises `ValueError` unless they are whole and >= 1."""
    sizes = tuple(given) if isinstance(given, Sequence | np.ndarray) else (given,)
    if not all(isinstance(x, Integral) and x is not True and int(x) >= 1 for x in sizes):
        raise ValueError(f"{name} = {given!r}: it must be whole numbers >= 1, one or a sequence")
    return tuple(map(int, sizes))


def sample_weights(sample_weight: Any, samples: int) -> np.ndarray:
    """What each sample counts: 1, or as it was given; raises `ValueError` if it is no weight."""
    if sample_weight is None or isinstance(sample_weight, Real):
        sample_weight = np.full(samples, 1.0 if sample_weight is None else sample_weight)
    how: Any = {"ensure_2d": False, "dtype": np.float64, "input_name": "sample_weight"}
    weights = check_array(sample_weight, **how)
    if weights.shape != (samples,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(samples,)}!")
    if weights.min() < 0:
        raise ValueError("sample_weight: the weights must not be negative")
    return weights


def check_goes_on(how: str, before: Any, now: Any) -> None:
    """Raises `ValueError` unless two pytrees have one structure, and leaves of the same shapes.

    Args:
        how: what goes on from `before`: "warm_start", or "partial_fit".
        before: what was learnt.
        now: what would be begun with, as arrays or shapes.
    """
    (old, structure), (new, other) = jax.tree.flatten(before), jax.tree.flatten(now)
    if structure != other or any(a.shape != b.shape for a, b in zip(old, new)):
        raise ValueError(
            f"{how} goes on from what was learnt with another network or optimizer, and cannot: "
            "leave them as they were, or begin with a new estimator"
        )
