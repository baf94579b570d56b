"""Both linear models against scikit-learn's own checks of an estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from jsgd.estimators import SGDClassifier, SGDRegressor

# As for scikit-learn's own two: a sample of weight 2 is one step, and a sample that comes twice
# are two.
WEIGHTS = {
    f"check_sample_weight_equivalence_on_{kind}_data": "SGD takes a step a sample, not a weight"
    for kind in ("dense", "sparse")
}


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
@parametrize_with_checks(
    [SGDClassifier(max_iter=5), SGDRegressor(max_iter=5)],
    expected_failed_checks=lambda estimator: WEIGHTS,
)
def test_check(estimator, check):
    check(estimator)
