"""Problems: what the losses are, and which hyperparameters reach the model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jsgd.data import Dataset
from jsgd.models import MLP, Model, from_linen
from jsgd.train import classification, regression

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
LABELS = np.arange(12, dtype=np.int32) % 3
DATA = Dataset((X, LABELS), (X[:5], LABELS[:5]), 3)


@pytest.fixture(scope="module")
def problem():
    return classification(from_linen(MLP(outputs=3, features=(5,)), X), DATA)


def evaluate(problem, hyper=None, *, train):
    hyper = {name: jnp.float32(x) for name, x in (problem.hyper | (hyper or {})).items()}
    params, state = problem.init(KEY, hyper)
    return problem.loss(params, state, problem.train, hyper, train=train, key=KEY)


def test_a_problem_knows_its_names_and_their_defaults(problem):
    assert problem.hyper == {"label_smoothing": 0.0, "init_scale": 1.0, "dropout": 0.0}


def test_cross_entropy_with_label_smoothing_is_that_of_smoothed_targets(problem):
    value, (metrics, _) = evaluate(problem, {"label_smoothing": 0.3}, train=True)
    params, state = problem.init(KEY, problem.hyper)
    module = MLP(outputs=3, features=(5,))
    logits = np.asarray(module.apply({"params": params, **state}, X), np.float64)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    targets = 0.7 * np.eye(3)[LABELS] + 0.3 / 3
    np.testing.assert_allclose(value, -(targets * log_p).sum(1).mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["accuracy"], (logits.argmax(1) == LABELS).mean(), rtol=1e-6)


def test_the_test_loss_is_not_smoothed(problem):
    plain, _ = evaluate(problem, train=False)
    smoothed, _ = evaluate(problem, {"label_smoothing": 0.5}, train=False)
    assert plain == smoothed


def test_init_scale_multiplies_the_initial_parameters(problem):
    one, _ = problem.init(KEY, problem.hyper)
    two, _ = problem.init(KEY, problem.hyper | {"init_scale": 2.0})
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(2 * a, b), one, two)


def test_the_models_own_hyperparameters_reach_it(problem):
    _, state = problem.init(KEY, problem.hyper | {"dropout": 0.25})
    assert float(state["hyper"]["dropout"]) == 0.25
    kept, _ = evaluate(problem, train=True)
    dropped, _ = evaluate(problem, {"dropout": 0.9}, train=True)
    assert kept != dropped


def test_names_of_nested_modules_are_paths():
    class Outer(nn.Module):
        @nn.compact
        def __call__(self, x):
            return MLP(outputs=3, features=(5,), name="body")(x, train=False)

    problem = classification(from_linen(Outer(), X), DATA)
    assert problem.hyper["body__dropout"] == 0.0
    _, state = problem.init(KEY, problem.hyper | {"body__dropout": 0.5})
    assert float(state["hyper"]["body"]["dropout"]) == 0.5


@pytest.mark.parametrize(("name", "value"), [("dropout", 1.0), ("label_smoothing", -0.1)])
def test_a_number_out_of_its_range_is_refused(problem, name, value):
    with pytest.raises(ValueError, match=rf"{name} = {value}: {name} must be in \["):
        problem.init(KEY, problem.hyper | {name: value})


def test_labels_that_are_no_classes_are_refused():
    model = from_linen(MLP(outputs=3), X)
    with pytest.raises(ValueError, match="labels are integers of shape"):
        classification(model, Dataset((X, X), (X, X), 3))


def _halves():
    """A model whose prediction is half of its one input."""

    def apply(params, state, x, *, train, key):
        return x * params, state

    return Model(lambda key: (jnp.float32(0.5), {}), apply)


def test_a_column_of_outputs_meets_a_row_of_targets_one_to_one():
    x, y = np.ones((4, 1), np.float32), np.arange(4, dtype=np.float32)
    problem = regression(_halves(), Dataset((x, y), (x, y)))
    value, _ = evaluate(problem, train=False)
    np.testing.assert_allclose(value, ((0.5 - y) ** 2).mean())


def test_outputs_of_another_size_are_refused():
    x, y = np.ones((4, 2), np.float32), np.ones(4, np.float32)
    problem = regression(_halves(), Dataset((x, y), (x, y)))
    with pytest.raises(ValueError, match=r"the model's output is \(4, 2\), the targets are \(4,\)"):
        evaluate(problem, train=False)
