"""What the linear models do beyond scikit-learn's: optimizers, batches, programs, sparse rows."""

import pickle

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import jsgd
from jsgd.estimators import SGDClassifier, SGDRegressor, linear_rows
from jsgd.estimators.linear_epochs import accuracy, permutation, r2, run

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(40, 3))
Y = X @ [2.0, -1.0, 0.0] + 0.5
LABELS = np.where(Y > 0, "yes", "no")
QUIET = pytest.mark.filterwarnings("ignore:Maximum number of iterations")


def regressor(optimizer, **settings):
    given = {"shuffle": False, "max_iter": 1, "tol": None, "random_state": 0}
    return SGDRegressor(optimizer=optimizer, **given | settings)


def test_step_of_an_optimizer_takes_the_gradient_of_the_objective():
    start, alpha, ratio = np.array([0.5, -1.0, 0.0]), 0.1, 0.25
    weight = RANDOM.uniform(size=40)
    model = regressor(
        jsgd.sgd(0.1), penalty="elasticnet", alpha=alpha, l1_ratio=ratio, batch_size=40
    ).fit(X, Y, coef_init=start, intercept_init=[0.2], sample_weight=weight)
    slope = weight * (X @ start + 0.2 - Y)
    penalty = alpha * ((1 - ratio) * start + ratio * np.sign(start))
    expected = start - 0.1 * (slope @ X / 40 + penalty)
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-10)
    np.testing.assert_allclose(model.intercept_, 0.2 - 0.1 * slope.mean(), rtol=1e-10)


def test_last_batch_is_the_mean_over_what_is_left():
    model = regressor(jsgd.sgd(0.1), alpha=0.0, batch_size=39, fit_intercept=False).fit(X, Y)
    coef = 0.1 * Y[:39] @ X[:39] / 39
    coef = coef - 0.1 * (X[39] @ coef - Y[39]) * X[39]
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-10)
    assert model.intercept_ == [0.0]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_partial_fit_goes_on_with_the_optimizer(kind):
    opt = jsgd.adam(0.1)
    whole = regressor(opt, max_iter=2).fit(kind(X), Y)
    parts = pickle.loads(pickle.dumps(regressor(opt).partial_fit(kind(X), Y)))
    parts.partial_fit(kind(X), Y)
    np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-12)
    assert parts.t_ == whole.t_ == 81


def test_coefficients_are_those_to_evaluate():
    """With half of the first step and half of where it began, it is half of the step."""
    step = regressor(jsgd.sgd(0.1), batch_size=40).fit(X, Y)
    average = regressor(jsgd.swa(jsgd.sgd(0.1)), batch_size=40).fit(X, Y)
    twice = regressor(jsgd.swa(jsgd.sgd(0.1)), batch_size=40, max_iter=2).fit(X, Y)
    second = regressor(jsgd.sgd(0.1), batch_size=40, max_iter=2).fit(X, Y)
    np.testing.assert_allclose(average.coef_, step.coef_)
    np.testing.assert_allclose(twice.coef_, (step.coef_ + second.coef_) / 2)


@QUIET
def test_other_numbers_find_their_program():
    y = np.digitize(Y, [-1, 1])
    SGDClassifier(max_iter=2, random_state=0).fit(X, y)
    programs = run._cache_size()
    SGDClassifier(alpha=0.1, l1_ratio=0.5, max_iter=3, tol=0.1, n_iter_no_change=2).fit(
        X[:30], y[:30]
    )
    SGDClassifier(learning_rate="invscaling", eta0=0.3, power_t=0.2, max_iter=3).fit(X, y)
    SGDClassifier(penalty=None, fit_intercept=False, max_iter=3).fit(X[:, :2], y)
    assert run._cache_size() == programs


@QUIET
def test_optimizers_are_searched_in_a_pipeline_of_frames_and_strings():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    pipeline = make_pipeline(
        StandardScaler(), SGDClassifier("log_loss", max_iter=9, random_state=0)
    )
    pipeline.set_output(transform="pandas")
    search = GridSearchCV(
        pipeline, {"sgdclassifier__optimizer": [jsgd.adam(1e-5), jsgd.adam(0.1)]}, cv=2
    ).fit(frame, LABELS)
    assert search.best_params_ == {"sgdclassifier__optimizer": jsgd.adam(0.1)}
    best = search.best_estimator_[-1]
    assert list(best.feature_names_in_) == ["a", "b", "c"]
    assert list(best.classes_) == ["no", "yes"]
    assert cross_val_score(search.best_estimator_, frame, LABELS, cv=2).mean() > 0.8
    chances = best.predict_proba(best.__class__ and search.best_estimator_[:-1].transform(frame))
    np.testing.assert_allclose(chances.sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_that_of_the_samples(dtype):
    model = SGDRegressor(max_iter=50, random_state=0).fit(X.astype(dtype), Y)
    assert model.coef_.dtype == model.intercept_.dtype == dtype
    assert jnp.ones(1).dtype == jnp.float32


def test_random_state_decides_the_order():
    def coef(seed):
        return SGDRegressor(max_iter=2, tol=None, random_state=seed).fit(X, Y).coef_

    assert (coef(0) == coef(0)).all()
    assert (coef(0) != coef(1)).any()


def test_every_epoch_has_a_permutation_of_its_own():
    orders = [permutation(np.uint32(7), jnp.int32(i), np.int32(9), 12).tolist() for i in (0, 1)]
    assert orders[0] != orders[1]
    for order in orders:
        assert sorted(order[:9]) == list(range(9))
        assert order[9:] == [9, 10, 11]


def test_validation_scores_are_scikit_learns(x64):
    p, y, weight = jnp.asarray(RANDOM.normal(size=(3, 8)))
    weight = jnp.abs(weight)
    assert np.isclose(r2(p, y, weight), r2_score(y, p, sample_weight=weight))
    assert np.isclose(accuracy(p, y, weight), accuracy_score(y > 0, p > 0, sample_weight=weight))


def test_constant_targets_have_a_score():
    one = jnp.ones(3)
    assert [float(r2(p, one, one)) for p in (one, 2 * one)] == [1, 0]


@QUIET
def test_sparse_coefficients_shrink_to_nothing_at_once():
    """A factor of 0 has no logarithm: at a rate of 1 / alpha the penalty takes everything away."""
    settings = {"learning_rate": "constant", "eta0": 2.0, "alpha": 0.5, "shuffle": False}
    model = SGDClassifier(fit_intercept=False, max_iter=1, **settings)
    last = sparse.csr_array(np.eye(3))
    model.fit(last, ["a", "b", "a"])
    np.testing.assert_allclose(model.coef_, [[0, 0, -2]], atol=1e-30)


def test_sparse_rows_too_long_for_memory_are_refused(monkeypatch):
    monkeypatch.setattr(linear_rows, "_LIMIT", 1000)
    with pytest.raises(ValueError, match="X: 40 sparse rows, of which the longest has 3 entries"):
        SGDRegressor().fit(sparse.csr_array(X), Y)


def test_verbose_prints_every_epoch(capfd):
    SGDRegressor(max_iter=2, tol=None, verbose=1, early_stopping=True, random_state=0).fit(X, Y)
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert "validation score" in lines[0]


def test_nothing_goes_on_with_other_features():
    model = SGDRegressor(warm_start=True, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="warm_start: coef_ of the last fit"):
        model.fit(X[:, :2], Y)


def test_divergence_is_an_error():
    with pytest.raises(ValueError, match="under-/overflow occurred at epoch #"):
        SGDRegressor(random_state=0).fit(1e300 * X, Y)


def test_warns_where_it_was_cut_short():
    with pytest.warns(ConvergenceWarning, match="Maximum number of iterations"):
        SGDRegressor(max_iter=2, random_state=0).fit(X, Y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "ridge"}, r"loss = 'ridge': it must be one of 'hinge', 'log_loss'"),
        ({"penalty": "l3"}, "penalty = 'l3': it must be one of 'l2'"),
        ({"learning_rate": "fast"}, "learning_rate = 'fast': it must be one of 'constant'"),
        ({"alpha": -1.0}, r"alpha = -1.0: it must be a number in \[0, inf\)"),
        ({"l1_ratio": 2}, r"l1_ratio = 2: it must be a number in \[0, 1\]"),
        ({"power_t": -1.0}, "power_t = -1.0: it must be"),
        ({"tol": "small"}, "tol = 'small': it must be a number"),
        ({"max_iter": 0.5}, "max_iter = 0.5: it must be a whole number in"),
        ({"validation_fraction": 1.0}, r"validation_fraction = 1.0: .* in \(0, 1\)"),
        ({"average": -1}, "average = -1: it must be a bool or a whole number >= 1"),
        ({"penalty": "elasticnet", "l1_ratio": None}, "l1_ratio must be a number when"),
        ({"alpha": 0}, "alpha must be > 0 when learning_rate is 'optimal'"),
        ({"loss": "log_loss", "learning_rate": "pa1"}, "'pa1' only goes with loss='hinge'"),
        ({"shuffle": "no"}, "shuffle = 'no': it must be True or False"),
        ({"batch_size": 8}, "batch_size = 8: without optimizer="),
        ({"optimizer": "adam"}, "optimizer = 'adam': it must be a jsgd Optimizer"),
        ({"optimizer": jsgd.adam(), "eta0": 0.1}, "eta0 = 0.1 has no meaning with optimizer="),
        ({"optimizer": jsgd.adam(), "average": True}, "average = True has no meaning"),
    ],
)
def test_bad_parameters_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        SGDClassifier(**settings).fit(X, LABELS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"coef_init": np.zeros(2)}, r"coef_init has shape \(1, 2\): it must be \(1, 3\)"),
        ({"intercept_init": np.zeros(2)}, r"intercept_init has shape \(2,\): it must be \(1,\)"),
        ({"sample_weight": np.ones(3)}, r"sample_weight has shape \(3,\): it must be \(40,\)"),
        ({"sample_weight": np.zeros(40)}, "sample_weight is zero for all samples"),
        ({"sample_weight": np.full(40, np.nan)}, "sample_weight contains NaN"),
    ],
)
def test_bad_arguments_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        SGDClassifier().fit(X, LABELS, **given)


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({}, {}, "classes must be passed on the first call"),
        ({}, {"classes": ["no", "maybe"]}, r"y has labels that are not in classes: \['yes'\]"),
        ({"class_weight": "balanced"}, {"classes": ["no", "yes"]}, "class_weight='balanced' needs"),
        ({"early_stopping": True}, {"classes": ["no", "yes"]}, "early_stopping must be False"),
    ],
)
def test_what_partial_fit_cannot_do(settings, given, message):
    with pytest.raises(ValueError, match=message):
        SGDClassifier(**settings).partial_fit(X, LABELS, **given)
