"""The search: its members are the fits of scikit-learn's searches, and its table is theirs."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform, rankdata
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
)

import jsgd
from jsgd.estimators import MLPClassifier, MLPRegressor, SweepSearchCV
from jsgd.estimators.search_space import candidates

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MLP = MLPClassifier((8,), max_iter=12, random_state=0)
RATES = {"learning_rate_init": loguniform(1e-3, 0.3), "alpha": loguniform(1e-4, 1)}


@pytest.fixture(scope="module")
def search(blobs):
    how = {"n_iter": 4, "cv": KFold(7), "random_state": 0, "return_train_score": True}
    return SweepSearchCV(MLP, RATES, **how).fit(*blobs)


def test_table_is_that_of_one_by_one(search, blobs):
    """With 7 folds of 60 samples, which are of two sizes."""
    how = {"n_iter": 4, "cv": KFold(7), "random_state": 0, "return_train_score": True}
    theirs = RandomizedSearchCV(MLP, RATES, **how).fit(*blobs)
    assert set(theirs.cv_results_) == set(search.cv_results_)
    for name, column in theirs.cv_results_.items():
        if "time" not in name and name != "params":
            np.testing.assert_allclose(
                np.ma.getdata(search.cv_results_[name]), np.ma.getdata(column), err_msg=name
            )
    assert search.cv_results_["params"] == theirs.cv_results_["params"]
    assert search.best_params_ == theirs.best_params_
    assert search.n_splits_ == 7
    np.testing.assert_array_equal(search.predict(blobs[0]), theirs.predict(blobs[0]))
    np.testing.assert_allclose(search.score(*blobs), theirs.score(*blobs))


def test_what_is_no_number_makes_groups(blobs):
    """Each member stops when it would alone, where others go on."""
    space = {"hidden_layer_sizes": [(4,), (8,)], "n_iter_no_change": [1, 20], "tol": [5.0]}
    how = {"cv": 2, "refit": False, "scoring": "neg_log_loss"}
    search = SweepSearchCV(MLP, space, n_iter=4, random_state=0, **how).fit(*blobs)
    for row, params in enumerate(search.cv_results_["params"]):
        grid = {name: [x] for name, x in params.items()}
        alone = RandomizedSearchCV(MLP, grid, n_iter=1, **how).fit(*blobs)
        assert alone.best_score_ == pytest.approx(search.cv_results_["mean_test_score"][row])
    assert not hasattr(search, "best_estimator_")


def test_halving_is_that_of_scikit_learn(blobs):
    """It restarts where ours goes on, which is the same."""
    how = {"cv": 2, "factor": 2, "random_state": 0}
    space = {"learning_rate_init": [1e-4, 1e-3, 1e-2, 0.1]}
    ours = SweepSearchCV(MLP, space, n_iter=4, **how).fit(*blobs)
    theirs = HalvingRandomSearchCV(
        MLP,
        space,
        n_candidates=4,
        resource="max_iter",
        min_resources="exhaust",
        max_resources=12,
        **how,
    ).fit(*blobs)
    for name in ("iter", "n_resources", "mean_test_score", "param_learning_rate_init"):
        mine = pd.DataFrame(ours.cv_results_).sort_values(["iter", "param_learning_rate_init"])
        other = pd.DataFrame(theirs.cv_results_).sort_values(["iter", "param_learning_rate_init"])
        np.testing.assert_allclose(mine[name].tolist(), other[name].tolist(), err_msg=name)
    assert ours.n_candidates_ == [4, 2, 1]
    assert ours.n_resources_ == theirs.n_resources_ == [3, 6, 12]
    assert ours.best_params_["learning_rate_init"] == theirs.best_params_["learning_rate_init"]


def test_several_scorers_and_early_stopping(line):
    x, y = line
    groups = np.arange(60) // 12
    network = MLPRegressor((8,), max_iter=40, random_state=0, early_stopping=True)
    search = SweepSearchCV(
        network,
        {"learning_rate_init": [1e-4, 0.05]},
        n_iter=2,
        cv=GroupKFold(3),
        scoring=["r2", "neg_mean_absolute_error"],
        refit="neg_mean_absolute_error",
    ).fit(pd.DataFrame(x, columns=list("abcd")), y, groups=groups)
    table = search.cv_results_
    assert set(search.scorer_) == {"r2", "neg_mean_absolute_error"}
    assert search.best_params_ == {"learning_rate_init": 0.05}
    ranks = rankdata(-table["mean_test_r2"], method="min")
    np.testing.assert_array_equal(table["rank_test_r2"], ranks)
    assert list(search.feature_names_in_) == list("abcd")


def test_what_diverges_comes_last(line):
    network = MLPRegressor((8,), optimizer="sgd", max_iter=12, random_state=0)
    space = {"learning_rate_init": [0.01, 1e6]}
    search = SweepSearchCV(network, space, n_iter=2, cv=2, random_state=0)
    with pytest.warns(FitFailedWarning, match="2 of 4 fits diverged"):
        search.fit(*line)
    assert search.best_params_ == {"learning_rate_init": 0.01}
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 1
    with pytest.raises(ValueError, match="diverged"):
        search.set_params(error_score="raise").fit(*line)


def test_candidates_are_those_of_scikit_learn():
    space = {
        "a": jsgd.sweeps.choice([16, 32]),
        "b": jsgd.sweeps.randint(2, 5),
        "c": jsgd.sweeps.loguniform(0.1, 1),
        "d": ["relu", "tanh"],
    }
    drawn = candidates(space, 20, 0)
    assert {type(one["a"]) for one in drawn} == {type(one["b"]) for one in drawn} == {int}
    assert {one["b"] for one in drawn} == {2, 3, 4}
    assert all(0.1 <= one["c"] <= 1 for one in drawn)
    assert {one["d"] for one in drawn} == {"relu", "tanh"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estimator": LogisticRegression()}, "RandomizedSearchCV"),
        ({"n_iter": 0}, "n_iter = 0"),
        ({"factor": 1}, "factor = 1"),
        ({"factor": 2, "param_distributions": {"max_iter": [1, 2]}}, "max_iter"),
        ({"param_distributions": {"alpha": 0.1}}, "alpha = 0.1"),
        ({"param_distributions": {}}, "param_distributions"),
        ({"param_distributions": {"alpha": [-1.0]}, "n_iter": 1}, r"alpha = -1\.0"),
        ({"scoring": ["accuracy", "f1_macro"]}, "refit = True"),
    ],
)
def test_bad_parameters(blobs, changes, message):
    search = SweepSearchCV(MLP, RATES, n_iter=2, cv=2).set_params(**changes)
    with pytest.raises(ValueError, match=message):
        search.fit(*blobs)
