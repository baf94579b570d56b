"""Estimators: scikit-learn's interface over jsgd's programs."""

from jsgd.estimators.cnn import CNNClassifier as CNNClassifier
from jsgd.estimators.linear import SGDClassifier as SGDClassifier
from jsgd.estimators.linear_regression import SGDRegressor as SGDRegressor
from jsgd.estimators.mlp import MLPClassifier as MLPClassifier
from jsgd.estimators.mlp import MLPRegressor as MLPRegressor
from jsgd.estimators.neural import NeuralClassifier as NeuralClassifier
from jsgd.estimators.neural import NeuralRegressor as NeuralRegressor
from jsgd.estimators.search import SweepSearchCV as SweepSearchCV
