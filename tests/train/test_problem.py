"""Problems: what the losses are, and which hyperparameters reach the model."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from sklearn.utils.class_weight import compute_sample_weight

from jsgd.data import Dataset
from jsgd.data.augment import STRENGTHS
from jsgd.models import MLP, Model, from_linen
from jsgd.train import classification, regression
from jsgd.train.losses import penalty

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
LABELS = np.arange(12, dtype=np.int32) % 3
DATA = Dataset((X, LABELS), (X[:5], LABELS[:5]), 3)


@pytest.fixture(scope="module")
def problem():
    return classification(from_linen(MLP(outputs=3, features=(5,)), X), DATA)


def evaluate(problem, hyper=None, *, train):
    hyper = problem.hyper | (hyper or {})
    hyper = {name: jnp.float32(x) for name, x in hyper.items() if x is not None}
    params, state = problem.init(KEY, hyper)
    return problem.loss(params, state, problem.train, hyper, train=train, key=KEY)


def test_a_problem_knows_its_names_and_their_defaults(problem):
    on = {name: x for name, x in problem.hyper.items() if x is not None}
    assert on == {"label_smoothing": 0.0, "init_scale": 1.0, "dropout": 0.0}
    assert problem.hyper.keys() - on.keys() == {"l1", "l2", "mixup"}


def test_pictures_may_be_augmented_in_every_way():
    x = np.ones((12, 4, 4, 1), np.float32)
    problem = classification(from_linen(MLP(outputs=3), x), Dataset((x, LABELS), (x, LABELS), 3))
    assert problem.hyper.keys() >= STRENGTHS.keys()


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


@pytest.mark.parametrize(
    ("name", "value"), [("dropout", 1.0), ("label_smoothing", -0.1), ("mixup", -1.0), ("l2", -0.5)]
)
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


def _linear(data=DATA, **how):
    """Logits that are the inputs' first three columns times the parameters, one each."""

    def apply(params, state, x, *, train, key):
        return x[:, :3] * params[:1], state

    return classification(Model(lambda key: (jnp.ones((1, 3)), {}), apply), data, **how)


P = np.exp(X[:, :3]) / np.exp(X[:, :3]).sum(1, keepdims=True)  # softmax
Q = 1 / (1 + np.exp(-X[:, :3]))  # of each logit alone
HIT = np.eye(3)[LABELS]
QT = np.where(HIT == 1, Q, 1 - Q)  # of what is right
NAMES = {
    "cross_entropy": -np.log((P * HIT).sum(1)),
    "binary": -np.log(QT).sum(1),
    "focal": -((1 - QT) ** 1.5 * np.log(QT)).sum(1),
}


@pytest.mark.parametrize("loss", NAMES)
def test_losses_are_those_of_their_formulas(loss):
    hyper = {"focal_gamma": 1.5} if loss == "focal" else {}
    value, _ = evaluate(_linear(loss=loss), hyper, train=True)
    np.testing.assert_allclose(value, NAMES[loss].mean(), rtol=1e-5)


def test_a_loss_of_ones_own_brings_its_hyperparameters():
    def loss(logits, targets, *, temperature=1.0):
        return optax.softmax_cross_entropy(logits / temperature, targets)

    problem = _linear(loss=loss)
    assert problem.hyper["temperature"] == 1.0
    value, _ = evaluate(problem, {"temperature": 2.0}, train=False)
    halved = np.exp(X[:, :3] / 2)
    np.testing.assert_allclose(
        value, -np.log((halved * HIT).sum(1) / halved.sum(1)).mean(), rtol=1e-5
    )


def test_one_logit_for_two_classes():
    labels = LABELS % 2
    model = Model(
        lambda key: (jnp.float32(1), {}), lambda p, s, x, *, train, key: (p * x[:, :1], s)
    )
    data = Dataset((X, labels), (X, labels), 2)
    value, (metrics, _) = evaluate(classification(model, data, loss="binary"), train=True)
    np.testing.assert_allclose(
        value, -np.log(np.where(labels == 1, Q[:, 0], 1 - Q[:, 0])).mean(), rtol=1e-5
    )
    np.testing.assert_allclose(metrics["accuracy"], ((X[:, 0] > 0) == labels).mean(), rtol=1e-6)


@pytest.mark.parametrize("weight", ["balanced", [0.5, 1.0, 4.0]])
def test_class_weights_are_scikit_learns(weight):
    labels = np.array([0] * 8 + [2] * 4, np.int32)  # and none of class 1
    problem = _linear(Dataset((X, labels), (X, labels), 3), class_weight=weight)
    given = weight if weight == "balanced" else dict(enumerate(weight))
    each = compute_sample_weight(given, labels)
    losses = -np.log(P[np.arange(12), labels])
    np.testing.assert_allclose(evaluate(problem, train=True)[0], (each * losses).mean(), rtol=1e-5)
    np.testing.assert_allclose(evaluate(problem, train=False)[0], losses.mean(), rtol=1e-5)


def test_the_penalty_is_the_elastic_net_of_weights():
    params = {"kernel": jnp.array([[1.5, -2.0], [0.0, 3.0]]), "bias": jnp.ones(2)}
    value, slope = jax.value_and_grad(penalty)(params, jnp.float32(0.1), jnp.float32(0.01))
    w = np.asarray(params["kernel"])
    np.testing.assert_allclose(value, 0.1 * abs(w).sum() + 0.01 * (w**2).sum() / 2, rtol=1e-6)
    np.testing.assert_allclose(slope["kernel"], 0.1 * np.sign(w) + 0.01 * w, rtol=1e-6)
    np.testing.assert_array_equal(slope["bias"], 0)


def test_penalties_are_of_the_training_loss():
    both = {"l1": 0.1, "l2": 0.01}  # of three parameters at 1
    value, (metrics, _) = evaluate(_linear(), both, train=True)
    np.testing.assert_allclose(value, NAMES["cross_entropy"].mean() + 0.315, rtol=1e-5)
    assert metrics["loss"] == value
    value, _ = evaluate(_linear(), both, train=False)
    np.testing.assert_allclose(value, NAMES["cross_entropy"].mean(), rtol=1e-5)


def test_huber_is_the_square_of_what_is_small_and_the_rest_linear():
    x, y = np.ones((3, 1), np.float32), np.array([0.5, 1.0, 5.5], np.float32)
    problem = regression(_halves(), Dataset((x, y), (x, y)), loss="huber")
    value, _ = evaluate(problem, {"huber_delta": 2.0}, train=True)
    np.testing.assert_allclose(value, np.mean([0, 0.5**2 / 2, 2 * (5 - 1)]), rtol=1e-6)


def test_augmentation_is_of_training_alone_and_mixes_the_targets():
    """Inputs that are their own targets: mixed, the logits are the mixed targets."""
    x = np.eye(3, dtype=np.float32)[LABELS]
    problem = _linear(Dataset((x, LABELS), (x, LABELS), 3), mixup=1.0)
    assert problem.hyper["mixup"] == 1.0
    plain = np.log(np.exp(1) + 2) - 1
    np.testing.assert_allclose(evaluate(problem, train=False)[0], plain, rtol=1e-5)
    value, (metrics, _) = evaluate(problem, train=True)
    assert value > plain + 0.01
    assert metrics["accuracy"] == 1


def test_bfloat16_is_of_the_model_alone():
    seen = []

    def apply(params, state, x, *, train, key):
        seen.append((params.dtype, x.dtype))
        return x[:, :3] * params, state

    model = Model(lambda key: (jnp.ones((1, 3)), {}), apply)
    wide, narrow = (classification(model, DATA, compute=c) for c in (None, "bfloat16"))
    hyper = {"label_smoothing": jnp.float32(0.1)}

    def slope(problem):
        def loss(p):
            return problem.loss(p, {}, problem.train, hyper, train=True, key=KEY)[0]

        return jax.value_and_grad(loss)(jnp.ones((1, 3)))

    (a, da), (b, db) = slope(wide), slope(narrow)
    assert seen == [(jnp.float32,) * 2, (jnp.bfloat16,) * 2]
    assert (b.dtype, db.dtype) == (jnp.float32, jnp.float32)
    assert a != b
    np.testing.assert_allclose(a, b, rtol=0.02)
    np.testing.assert_allclose(da, db, atol=0.02)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"loss": "focl"}, "no loss 'focl': did you mean 'focal'"),
        ({"class_weight": "even"}, "class_weight = 'even': it must be 'balanced'"),
        ({"class_weight": [1.0, 2.0]}, "it must be 3 numbers >= 0"),
        ({"compute": "float16"}, "compute = 'float16': it must be 'bfloat16' or None"),
        ({"mixpu": 0.2}, "no hyperparameter 'mixpu': did you mean 'mixup'"),
        ({"mixup": -0.2}, r"mixup = -0.2: mixup must be in \[0, inf\)"),
        ({"flip": 0.5}, "no hyperparameter 'flip'"),  # these are no pictures
    ],
)
def test_what_is_impossible_is_refused(how, says):
    with pytest.raises(ValueError, match=says):
        _linear(**how)


def test_labels_that_are_beyond_the_classes_are_refused():
    with pytest.raises(ValueError, match="labels are 0 to 1, not 0 to 2"):
        _linear(Dataset(*DATA[:2], 2))


def test_a_loss_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"loss: it gives \(12, 3\), not a value for each of 12"):
        evaluate(_linear(loss=optax.sigmoid_binary_cross_entropy), train=False)


def test_too_few_outputs_are_refused():
    with pytest.raises(ValueError, match=r"output is \(12, 3\): for 4 classes .* \(12, 4\)"):
        evaluate(_linear(Dataset(*DATA[:2], 4)), train=False)
