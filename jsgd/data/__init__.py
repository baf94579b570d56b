"""Data sets that need no download."""

from jsgd.data.dataset import Dataset as Dataset
from jsgd.data.digits import digits as digits
from jsgd.data.registry import REGISTRY as REGISTRY
from jsgd.data.synthetic import linear_regression as linear_regression
