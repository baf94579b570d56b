"""scikit-learn's own checks of estimators, held against the search."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from jsgd.estimators import MLPClassifier, SweepSearchCV

# of no hidden layer, which compiles fastest
MLP = MLPClassifier((), optimizer="sgd", max_iter=20, learning_rate_init=0.5, random_state=0)
ALPHAS = {"alpha": [1e-4, 1e-3]}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([SweepSearchCV(MLP, ALPHAS, n_iter=2, cv=2, random_state=0)])
def test_checks(estimator, check):
    check(estimator)
