"""Estimators: scikit-learn's interface over jsgd's programs."""

from jsgd.estimators.linear import SGDClassifier as SGDClassifier
from jsgd.estimators.linear_regression import SGDRegressor as SGDRegressor
