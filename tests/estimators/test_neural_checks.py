"""scikit-learn's own checks of estimators, held against ours."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from jsgd.estimators import MLPClassifier, MLPRegressor

TINY = {"hidden_layer_sizes": (8,), "max_iter": 60, "learning_rate_init": 0.05}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([MLPClassifier(**TINY), MLPRegressor(**TINY)])
def test_checks(estimator, check):
    check(estimator)
