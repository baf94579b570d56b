"""The data sets by name, for the command line."""

from collections.abc import Callable

from jsgd.data.dataset import Dataset
from jsgd.data.digits import digits
from jsgd.data.synthetic import linear_regression

REGISTRY: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "linear_regression": linear_regression,
}
