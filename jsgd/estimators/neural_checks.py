"""What the parameters of the estimators of networks may be, and the weights of samples."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_array

_RANGES = {  # the least value, and whether it is a whole number
    "alpha": (0, False),
    "batch_size": (1, True),
    "learning_rate_init": (0, False),
    "max_iter": (1, True),
    "n_iter_no_change": (1, True),
    "tol": (0, False),
}
_ALSO = {"batch_size": "auto", "learning_rate_init": None, "n_iter_no_change": math.inf}


def check_parameters(estimator: Any) -> None:
    """Raises `ValueError` if a parameter that is a number is out of its range."""
    for name, (low, whole) in _RANGES.items():
        value, kind = getattr(estimator, name), (Integral if whole else Real)
        if name in _ALSO and value == _ALSO[name]:
            continue
        if isinstance(value, bool) or not isinstance(value, kind) or not float(value) >= low:
            also = f", or {_ALSO[name]!r}" if name in _ALSO else ""
            what = "a whole number" if whole else "a number"
            raise ValueError(f"{name} = {value!r}: it must be {what} >= {low}{also}")
    fraction = estimator.validation_fraction
    if estimator.early_stopping and not 0 < fraction < 1:
        raise ValueError(f"validation_fraction = {fraction!r}: it must be between 0 and 1")


def sample_weights(sample_weight: Any, samples: int) -> np.ndarray:
    """What each sample counts: 1, or as it was given; raises `ValueError` if it is no weight."""
    if sample_weight is None or isinstance(sample_weight, Real):
        return np.full(samples, 1.0 if sample_weight is None else sample_weight)
    how: Any = {"ensure_2d": False, "dtype": np.float64, "input_name": "sample_weight"}
    weights = check_array(sample_weight, **how)
    if weights.shape != (samples,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(samples,)}!")
    if weights.min() < 0:
        raise ValueError("sample_weight: the weights must not be negative")
    return weights
