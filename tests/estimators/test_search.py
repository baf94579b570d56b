"""The search: its members are the fits of scikit-learn's searches, and its table is theirs."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform, rankdata
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import (
    GroupKFold,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
)

import jsgd
from jsgd.estimators import CNNClassifier, MLPClassifier, MLPRegressor, SweepSearchCV
from jsgd.estimators.search_space import candidates
from jsgd.sweeps.program import compilations

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


def test_other_numbers_find_their_program(search, blobs):
    before = compilations()
    space = {"learning_rate_init": [0.02], "alpha": [0.1, 0.2, 0.3, 0.4]}
    SweepSearchCV(MLP, space, n_iter=4, cv=KFold(7), refit=False).fit(-blobs[0], blobs[1])
    assert compilations() == before


def test_what_is_no_number_makes_groups(blobs):
    """Each member stops when it would alone, where others go on."""
    x, y = blobs
    space = {"hidden_layer_sizes": [(4,), (8,)], "n_iter_no_change": [1, 20], "tol": [5.0]}
    how = {"cv": KFold(2), "refit": False, "scoring": "neg_log_loss"}
    before = compilations()
    search = SweepSearchCV(MLP, space, n_iter=4, random_state=0, **how).fit(x, y)
    assert compilations() == before + 2
    train, test = next(KFold(2).split(x))
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["split0_test_score"], strict=True
    ):
        alone = clone(MLP).set_params(**params).fit(x[train], y[train])
        assert get_scorer("neg_log_loss")(alone, x[test], y[test]) == pytest.approx(score)
    assert not hasattr(search, "best_estimator_")


def test_halving_is_that_of_scikit_learn(blobs):
    """It restarts where ours goes on, which is the same."""
    how = {"cv": 2, "factor": 3, "random_state": 0}
    space = {"learning_rate_init": [1e-4, 1e-2, 0.1]}
    ours = SweepSearchCV(MLP, space, n_iter=3, **how).fit(*blobs)
    theirs = HalvingRandomSearchCV(
        MLP,
        space,
        n_candidates=3,
        resource="max_iter",
        min_resources="exhaust",
        max_resources=12,
        **how,
    ).fit(*blobs)
    for name in ("iter", "n_resources", "mean_test_score", "param_learning_rate_init"):
        mine = pd.DataFrame(ours.cv_results_).sort_values(["iter", "param_learning_rate_init"])
        other = pd.DataFrame(theirs.cv_results_).sort_values(["iter", "param_learning_rate_init"])
        np.testing.assert_allclose(mine[name].tolist(), other[name].tolist(), err_msg=name)
    assert ours.n_candidates_ == [3, 1]
    assert ours.n_resources_ == theirs.n_resources_ == [4, 12]
    assert ours.best_params_["learning_rate_init"] == theirs.best_params_["learning_rate_init"]


@pytest.mark.parametrize(
    ("n", "factor", "most", "epochs"),
    [
        (4, 2, 12, [3, 6, 12]),
        (243, 3, 243, [1, 3, 9, 27, 81, 243]),
        (10, 3, 200, [22, 66, 200]),
        (64, 2, 3, [1, 3]),
    ],
)
def test_the_last_round_is_as_long_as_it_may_be(n, factor, most, epochs):
    search = SweepSearchCV(clone(MLP).set_params(max_iter=most), RATES, factor=factor)
    assert search._rounds([{}] * n) == epochs


def test_a_function_scores_and_another_chooses(search, blobs):
    def score(estimator, x, y):
        return {"acc": accuracy_score(y, estimator.predict(x)), "neg": -len(y)}

    how = {"n_iter": 4, "cv": KFold(7), "random_state": 0, "scoring": score}
    chosen = SweepSearchCV(MLP, RATES, refit=lambda table: 2, **how).fit(*blobs)
    assert chosen.best_params_ == chosen.cv_results_["params"][2]
    assert chosen.cv_results_["split0_test_neg"].tolist() == [-9] * 4
    means = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(chosen.cv_results_["mean_test_acc"], means)
    with pytest.raises(ValueError, match="refit chose row 4"):
        chosen.set_params(refit=lambda table: 4).fit(*blobs)


def test_splits_are_rows_or_masks(search, blobs):
    splits = list(KFold(7).split(blobs[0]))
    masks = [(np.isin(np.arange(60), train), test.tolist()) for train, test in splits]
    again = SweepSearchCV(MLP, RATES, n_iter=4, cv=masks, random_state=0, refit=False).fit(*blobs)
    means = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], means)


def test_several_scorers_and_early_stopping(line):
    x, y = line
    groups = np.arange(60) // 12
    network = MLPRegressor((), max_iter=40, random_state=0, early_stopping=True)
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
        ({"param_distributions": {"alpha": [0.1, -1.0]}}, r"alpha = -1\.0"),
        ({"param_distributions": {"alfa": [0.1]}, "n_iter": 1}, "Invalid parameter 'alfa'"),
        ({"param_distributions": {"max_iter": ["a", 3]}}, "max_iter = 'a'"),
        ({"estimator": clone(MLP).set_params(max_iter=0), "factor": 2}, "max_iter = 0"),
        ({"estimator": CNNClassifier(), "param_distributions": {"dropout": [0, 1]}}, "dropout = 1"),
        ({"factor": "2"}, "factor = '2'"),
        ({"error_score": "rise"}, "error_score = 'rise'"),
        ({"cv": []}, r"cv = \[\]"),
        ({"scoring": ["accuracy", "f1_macro"]}, "refit = True"),
    ],
)
def test_bad_parameters(blobs, changes, message):
    search = SweepSearchCV(MLP, RATES, n_iter=2, cv=2).set_params(**changes)
    with pytest.raises(ValueError, match=message):
        search.fit(*blobs)


def test_y_that_is_not_finite(line):
    search = SweepSearchCV(MLP, RATES, n_iter=2, cv=2)
    with pytest.raises(ValueError, match="y contains NaN"):
        search.fit(line[0], np.where(np.arange(60) == 7, np.nan, 1))
