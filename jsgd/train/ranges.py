"""What numbers the hyperparameters of a problem may be."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jsgd.core.hyper import is_concrete
from jsgd.core.ranges import INF, RANGES, Range
from jsgd.data.augment import STRENGTHS

# A name that is not here may be any number.
_RANGES = {
    "label_smoothing": Range(0, 1),
    "init_scale": Range(0, INF, open_high=True),
    "dropout": Range(0, 1, open_high=True),
    "focal_gamma": Range(0, INF, open_high=True),
    "huber_delta": Range(0, INF, open_low=True),
    "l1": RANGES["l1"],
    "l2": RANGES["l2"],
    **STRENGTHS,
}


def check_ranges(hyper: Mapping[str, Any]) -> None:
    """Raises `ValueError` if a concrete number is out of the range of its name."""
    for name, value in hyper.items():
        if name in _RANGES and is_concrete(value) and np.asarray(value) not in _RANGES[name]:
            raise ValueError(f"{name} = {value}: {name} must be in {_RANGES[name]}")
