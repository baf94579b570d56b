"""Estimators: training behind the interface of scikit-learn."""

from jsgd.estimators.mlp import MLPClassifier as MLPClassifier
from jsgd.estimators.mlp import MLPRegressor as MLPRegressor
