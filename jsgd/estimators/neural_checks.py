"""What the parameters of the estimators of networks may be, and the weights of samples."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import jax
import numpy as np
from sklearn.utils import check_array

from jsgd.core.ranges import Range
from jsgd.estimators.checks import AMOUNT, AT_LEAST_1, FRACTION, check_flags, check_numbers

_INTEGERS = {
    "batch_size": AT_LEAST_1,
    "hidden": AT_LEAST_1,
    "max_iter": AT_LEAST_1,
    "n_iter_no_change": AT_LEAST_1,
}
_REALS = {
    "alpha": AMOUNT,
    "dropout": Range(0, 1, open_high=True),
    "learning_rate_init": AMOUNT,
    "tol": AMOUNT,
    "validation_fraction": FRACTION,
}
_FLAGS = ("early_stopping", "shuffle", "warm_start")
_ALSO = {"batch_size": "auto", "learning_rate_init": None, "n_iter_no_change": math.inf}


def check_parameters(estimator: Any) -> None:
    """Raises `ValueError` if a parameter that is a number or a flag is none, or out of its range.

    What an estimator does not have is passed over.
    """
    check_numbers(vars(estimator), _INTEGERS, _REALS, _ALSO)
    check_flags(vars(estimator), _FLAGS)


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
