"""The estimators of networks: what scikit-learn's checks do not hold already."""

import copy
import pickle

import jax
import numpy as np
import pandas as pd
import pytest
from flax import linen as nn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as TheirMLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import jsgd
from jsgd.estimators import (
    CNNClassifier,
    MLPClassifier,
    MLPRegressor,
    NeuralClassifier,
    NeuralRegressor,
    neural_network,
)
from jsgd.estimators.neural_data import Part, batches_of, tabulate
from jsgd.estimators.neural_run import neural_run

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def mlp(**changes):
    how = {"max_iter": 30, "learning_rate_init": 0.05, "random_state": 0} | changes
    return MLPClassifier(how.pop("hidden_layer_sizes", (8,)), **how)


@pytest.fixture(scope="module")
def fitted(blobs):
    return mlp().fit(*blobs)


@pytest.fixture(scope="module")
def early(blobs):
    return mlp(early_stopping=True, n_iter_no_change=3, validation_fraction=0.25).fit(*blobs)


@pytest.fixture(scope="module")
def images():
    y = np.arange(40) % 2
    return np.random.default_rng(0).normal(size=(40, 6, 4)) + 2 * y[:, None, None], y


def cnn(**changes):
    how = {"learning_rate_init": 0.02, "max_iter": 10, "random_state": 0, "dropout": 0.1}
    return CNNClassifier((4,), hidden=8, **how | changes)


@pytest.fixture(scope="module")
def seer(images):
    return cnn().fit(*images)


def compilations(estimator):
    """How many programs of its epochs there are."""
    run = neural_run(
        neural_network.model_of(estimator.network_, (4,)),
        neural_network.optimizer_of(estimator.optimizer),
        "softmax",
        None,
        shuffle=True,
        early_stopping=False,
    )
    return neural_network.programs(run)[1]._cache_size()


def test_learns_names(fitted, blobs):
    assert fitted.score(*blobs) > 0.9
    assert set(fitted.predict(blobs[0])) == {"ant", "bee", "cat"}


def test_one_seed_gives_the_same_bits(fitted, blobs):
    for a, b in zip(mlp().fit(*blobs).coefs_, fitted.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.any(mlp(random_state=1).fit(*blobs).coefs_[0] != fitted.coefs_[0])


def test_layers_are_what_predicts(fitted, blobs):
    hidden = np.maximum(blobs[0] @ fitted.coefs_[0] + fitted.intercepts_[0], 0)
    logits = hidden @ fitted.coefs_[1] + fitted.intercepts_[1]
    np.testing.assert_allclose(
        fitted.predict_log_proba(blobs[0]), logits - np.log(np.exp(logits).sum(1, keepdims=True)),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_values_and_folds_share_a_program(fitted, blobs):
    before = compilations(fitted)
    for changes in ({"alpha": 0.1}, {"learning_rate_init": 0.01}, {"tol": 0.1, "max_iter": 5}):
        mlp(**changes).fit(*blobs)
    cross_val_score(mlp(), *blobs, cv=4)
    assert compilations(fitted) == before == 1


def test_an_epoch_is_that_of_scikit_learn(blobs):
    """Full batches from the same start: the same losses, with the penalty and SGD's momentum."""
    own = MLPClassifier((8,), optimizer=jsgd.sgd(0.1), alpha=0.5, max_iter=5, random_state=0)
    own.set_params(warm_start=True).fit(*blobs)
    theirs = TheirMLPClassifier(
        (8,), solver="sgd", learning_rate_init=0.1, momentum=0, alpha=0.5, max_iter=1,
        warm_start=True,
    ).fit(*blobs)  # fmt: skip
    theirs.coefs_ = [x.astype(np.float64) for x in own.coefs_]
    theirs.intercepts_ = [x.astype(np.float64) for x in own.intercepts_]
    theirs.set_params(max_iter=5).fit(*blobs)
    own.fit(*blobs)
    np.testing.assert_allclose(own.loss_curve_[-5:], theirs.loss_curve_[-5:], rtol=1e-5)


def test_weights_count_as_repetitions(blobs):
    x, y = blobs
    counts = np.arange(60) % 3
    weighed = mlp().fit(x, y, sample_weight=counts)
    rows = np.repeat(np.arange(60), counts)
    repeated = mlp().fit(x[rows], y[rows])
    np.testing.assert_allclose(weighed.coefs_[0], repeated.coefs_[0], rtol=1e-3, atol=1e-4)


def test_class_weights_count(blobs):
    guesses = mlp(class_weight={"ant": 1e4, "bee": 1e-4, "cat": 1e-4}).fit(*blobs).predict(blobs[0])
    assert np.mean(guesses == "ant") > 0.9


def test_warm_start_goes_on(blobs):
    model = mlp(max_iter=3, warm_start=True).fit(*blobs)
    first = list(model.loss_curve_)
    model.fit(*blobs)
    assert len(model.loss_curve_) == 6
    assert model.loss_curve_[:3] == first
    assert model.loss_curve_[3] < first[2]


def test_partial_fit_is_fit_epoch_by_epoch(blobs):
    model = mlp()
    for _ in range(4):
        model.partial_fit(*blobs, classes=["ant", "bee", "cat"])
    whole = mlp(max_iter=4).fit(*blobs)
    np.testing.assert_array_equal(model.coefs_[0], whole.coefs_[0])
    again = pickle.loads(pickle.dumps(model)).partial_fit(*blobs)
    np.testing.assert_array_equal(again.coefs_[0], model.partial_fit(*blobs).coefs_[0])


def test_early_stopping_keeps_the_best_epoch(early, blobs):
    best = int(np.argmax(early.validation_scores_))
    assert early.n_iter_ == len(early.validation_scores_) < 30
    assert early.best_validation_score_ == early.validation_scores_[best]
    shorter = clone(early).set_params(max_iter=best + 1).fit(*blobs)
    np.testing.assert_array_equal(shorter.coefs_[0], early.coefs_[0])


def test_partial_fit_goes_on_after_early_stopping(early, blobs):
    model = copy.copy(early).set_params(early_stopping=False, n_iter_no_change=10)
    losses = [model.partial_fit(*blobs).loss_ for _ in range(5)]
    assert losses[-1] < losses[0] < early.loss_curve_[0]


def test_early_stopping_may_come_with_a_warm_start(fitted, early, blobs):
    model = copy.copy(fitted).set_params(**early.get_params() | {"warm_start": True}).fit(*blobs)
    assert len(model.validation_scores_) == model.n_iter_


@pytest.mark.parametrize(
    ("changes", "train"),
    [
        ({"hidden_layer_sizes": (9,), "warm_start": True}, MLPClassifier.fit),
        ({"hidden_layer_sizes": (8, 8)}, MLPClassifier.partial_fit),
        ({"optimizer": "sgd"}, MLPClassifier.partial_fit),
    ],
)
def test_nothing_goes_on_with_another_network(fitted, blobs, changes, train):
    with pytest.raises(ValueError, match="another network or optimizer"):
        train(copy.copy(fitted).set_params(**changes), *blobs)


@pytest.mark.parametrize(
    ("changes", "classes", "message"),
    [
        ({}, None, "classes must be passed"),
        ({}, ["ant", "bee"], "y has labels"),
        ({"early_stopping": True}, ["ant", "bee", "cat"], "early_stopping = True"),
        ({"class_weight": "balanced"}, ["ant", "bee", "cat"], "class_weight = 'balanced' needs"),
    ],
)
def test_what_partial_fit_cannot_do(blobs, changes, classes, message):
    with pytest.raises(ValueError, match=message):
        mlp(**changes).partial_fit(*blobs, classes)


def test_verbose_prints_every_epoch(blobs, capsys):
    mlp(verbose=True, max_iter=2).fit(*blobs)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["Iteration 1", "Iteration 2"]


def test_stops_where_nothing_gets_better(blobs):
    assert mlp(tol=10.0, n_iter_no_change=2).fit(*blobs).n_iter_ == 4  # inf is worse than the first
    with pytest.warns(ConvergenceWarning, match="max_iter = 2"):
        mlp(max_iter=2).fit(*blobs)


def test_regression_of_several_values(line):
    x, y = line
    model = MLPRegressor((8,), learning_rate_init=0.05, random_state=0, early_stopping=True)
    model.fit(x, np.stack([y, -y], axis=1))
    assert model.predict(x).shape == (60, 2)
    assert model.score(x, np.stack([y, -y], axis=1)) > 0.9


@pytest.mark.parametrize("outputs", [1, 2])
def test_two_classes_may_have_one_output_or_two(blobs, outputs):
    x, y = blobs[0], blobs[1] == "ant"
    model = NeuralClassifier(nn.Dense(outputs), learning_rate_init=0.1, random_state=0).fit(x, y)
    assert model.score(x, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1, rtol=1e-6)


def test_any_network_regresses(line):
    model = NeuralRegressor(nn.Dense, learning_rate_init=0.05, max_iter=400, random_state=0).fit(
        *line
    )
    np.testing.assert_allclose(model.params_["kernel"][:, 0], [1, -2, 0.5, 0], atol=0.05)


def test_a_model_without_flax(blobs):
    def init(key):
        return {"w": 0.01 * jax.random.normal(key, (4, 3))}, {}

    def apply(params, model_state, x, *, train=False, key=None):
        return x @ params["w"], model_state

    model = NeuralClassifier(jsgd.models.Model(init, apply), learning_rate_init=0.1).fit(*blobs)
    assert model.score(*blobs) > 0.8


def test_statistics_of_batches_are_kept(blobs):
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, train=False):
            return nn.Dense(3)(nn.BatchNorm(use_running_average=not train, momentum=0.5)(x))

    model = NeuralClassifier(Net(), learning_rate_init=0.1, random_state=0).fit(*blobs)
    mean = model.model_state_["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(mean, blobs[0].mean(axis=0), atol=0.2)


def test_images_with_their_shape_or_flat(seer, images):
    x, y = images
    flat = cnn(image_shape=(6, 4)).fit(x.reshape(40, -1), y)
    assert seer.score(x, y) > 0.9
    np.testing.assert_array_equal(seer.predict_proba(x), flat.predict_proba(x.reshape(40, -1)))
    with pytest.raises(ValueError, match="X has shape"):
        cnn().fit(x.reshape(40, -1), y)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((40, 6, 5), r"samples have shape \(6, 5, 1\), and they had \(6, 4, 1\)"),
        ((40, 6, 4, 2), r"samples have shape \(6, 4, 2\)"),
    ],
)
def test_images_of_another_shape(seer, images, shape, message):
    for use in (lambda x: seer.predict(x), lambda x: copy.copy(seer).partial_fit(x, images[1])):
        with pytest.raises(ValueError, match=message):
            use(np.zeros(shape))


def test_pandas_pipelines_and_grids(blobs):
    x = pd.DataFrame(blobs[0], columns=list("abcd"))
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), mlp())
    grid = GridSearchCV(pipe, {"mlpclassifier__alpha": [1e-4, 0.1]}, cv=4).fit(x, blobs[1])
    assert grid.best_score_ > 0.8
    assert list(grid.best_estimator_[-1].feature_names_in_) == list("abcd")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": -1}, "alpha = -1"),
        ({"batch_size": 0}, "batch_size = 0.*'auto'"),
        ({"max_iter": 1.5}, r"max_iter = 1\.5"),
        ({"learning_rate_init": "fast"}, "learning_rate_init = 'fast'"),
        ({"activation": "gelu"}, "activation = 'gelu'"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes"),
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"optimizer": 3}, "optimizer = 3"),
        ({"optimizer": "cocob"}, "learning_rate_init.*None"),
        ({"validation_fraction": 1.0}, r"validation_fraction = 1\.0"),
        ({"early_stopping": True, "validation_fraction": 0.03}, "cannot set so many of 60 .* 3"),
        ({"early_stopping": "no"}, "early_stopping = 'no': it must be True or False"),
        ({"batch_size": np.ones(2)}, "batch_size = array"),
        ({"class_weight": {"ant": -1.0, "bee": 1.0, "cat": 1.0}}, "no weight may be negative"),
    ],
)
def test_bad_parameters(blobs, changes, message):
    model = mlp(**changes)
    with pytest.raises(ValueError, match=message):
        model.fit(*blobs)
    with pytest.raises(NotFittedError):
        model.predict(blobs[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": (2.5,)}, r"features = \(2\.5,\): it must be whole numbers"),
        ({"features": (2, 2, 2)}, "h and w at least 8"),
        ({"hidden": None}, "hidden = None: it must be a whole number"),
        ({"dropout": 1}, r"dropout = 1: it must be a number in \[0, 1\)"),
        ({"image_shape": (3, 5)}, r"image_shape = \(height, width\)"),
        ({"image_shape": (-6, -4)}, r"image_shape = \(-6, -4\): it must be whole numbers"),
    ],
)
def test_bad_parameters_of_images(images, changes, message):
    with pytest.raises(ValueError, match=message):
        cnn().set_params(**changes).fit(*images)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(60), "must not be negative"),
        (-1.0, "must not be negative"),
        (np.zeros(60), "must not be all zero"),
    ],
)
def test_bad_weights(blobs, weights, message):
    with pytest.raises(ValueError, match=message):
        mlp().fit(*blobs, weights)


@pytest.mark.parametrize(("bad", "message"), [(None, "y contains NaN"), (1e300, "too large")])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_bad_values(line, bad, message):
    with pytest.raises(ValueError, match=message):
        MLPRegressor().fit(line[0], [bad, *line[1][1:]])


def test_bad_networks(blobs, line):
    for model, message in (
        (3, "model = 3"),
        (lambda: nn.Dense(3), "called with the number of outputs, 3"),
        (nn.Dense(2), "2 outputs, and for 3 classes"),
        (jsgd.models.MLP(3, features=[8]), "tuples"),
    ):
        with pytest.raises(ValueError, match=message):
            NeuralClassifier(model).fit(*blobs)
    with pytest.raises(ValueError, match="2 outputs, and y has 1"):
        NeuralRegressor(nn.Dense(2)).fit(*line)


@pytest.mark.parametrize(("sizes", "early"), [((8,), False), ((), False), ((), True)])
def test_divergence_is_an_error(line, sizes, early):
    """The parameters of a linear model may still be finite."""
    how = {"optimizer": "sgd", "learning_rate_init": 1e19, "early_stopping": early}
    model = MLPRegressor(sizes, warm_start=True, **how)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(*line)
    model.set_params(learning_rate_init=0.1).fit(*line)  # not from there
    assert model.score(*line) > 0.9


def test_batches_are_even():
    assert batches_of(1437, 200) == (8, 192)
    assert batches_of(60, 16) == (4, 16)


def test_folds_of_unequal_size_weigh_their_rows_equally():
    x, y = np.zeros((9, 2), np.float32), np.zeros((9, 1), np.float32)
    folds = [Part(np.arange(n), np.ones(n)) for n in (5, 9)]
    data, size = tabulate(x, y, folds, batch_size=200)
    assert size is None
    np.testing.assert_allclose(data.weights.mean(axis=1), 1)
    for weights, n in zip(data.weights, (5, 9), strict=True):
        assert np.count_nonzero(weights) == n
