"""scikit-learn's own checks of estimators, held against ours."""

from functools import partial

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from jsgd.estimators import MLPClassifier, MLPRegressor, NeuralClassifier, NeuralRegressor
from jsgd.estimators.mlp import Perceptron

FIT = {"max_iter": 60, "learning_rate_init": 0.05}
# of no hidden layer, which compiles fastest
MLPS = [MLPClassifier((), **FIT), MLPRegressor((), **FIT)]
# of the same network, so that they share the programs of the others
NETWORK = partial(Perceptron, features=())
NETWORKS = [NeuralClassifier(NETWORK, **FIT), NeuralRegressor(NETWORK, **FIT)]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def expected(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": (
            "they agree to float32's rounding, and it asks for 1e-7"
        )
    }


@parametrize_with_checks([*MLPS, *NETWORKS], expected_failed_checks=expected, xfail_strict=False)
def test_checks(estimator, check):
    check(estimator)
