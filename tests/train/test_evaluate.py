"""Evaluations: scikit-learn's numbers, batches, what is printed and drawn, what is refused."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn import metrics

import jsgd
from jsgd.models import Model
from jsgd.train import classification, evaluate, fit, make_run, predict

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 7, 53)
LOGITS = (RNG.normal(size=(53, 7)) + 1.2 * np.eye(7)[Y]).astype(np.float32)


def table(seen=None):
    """A model whose input is its output, plus a parameter; it notes the shapes that it is given."""

    def apply(params, model_state, x, *, train, key=None):
        assert train is False
        if seen is not None:
            seen.append(x.shape)
        return x + params, model_state

    return Model(lambda key: (jnp.float32(0), {}), apply)


def of(outputs, y, **options):
    return evaluate(table(), jnp.float32(0), {}, (outputs, y), **options)


@pytest.fixture(scope="module")
def evaluation():
    return of(LOGITS, Y)


@pytest.mark.parametrize("n", [1, 4, 53])
def test_batches_are_of_one_shape_and_none_is_left_out(n):
    seen = []
    out = predict(table(seen), jnp.float32(1), {}, LOGITS, batch_size=n)
    np.testing.assert_array_equal(out, LOGITS + 1)
    assert seen == [(n, 7)]  # it was traced once


def test_outputs_are_as_precise_as_float32_at_least():
    x = jnp.ones((3, 2), jnp.bfloat16)
    assert predict(table(), jnp.bfloat16(1), {}, x).dtype == np.float32


def test_a_second_call_compiles_nothing():
    seen, x = [], np.zeros((4, 2), np.float32)
    model = table(seen)
    for shift in (0, 1):
        predict(model, jnp.float32(shift), {}, x)
    assert len(seen) == 1


def test_the_numbers_are_those_of_scikit_learn(evaluation):
    guess, probabilities = LOGITS.argmax(1), np.asarray(jax.nn.softmax(LOGITS))
    assert evaluation.metrics == pytest.approx(
        {
            "loss": metrics.log_loss(Y, probabilities),
            "accuracy": metrics.accuracy_score(Y, guess),
            "top_5_accuracy": metrics.top_k_accuracy_score(Y, LOGITS, k=5),
        },
        rel=1e-6,
    )
    report = metrics.classification_report(Y, guess, output_dict=True)
    for row, name in enumerate(evaluation.report["class"]):
        ours = [evaluation.report[x][row] for x in ("precision", "recall", "f1", "support")]
        assert ours == pytest.approx(list(report[name].values()))
    np.testing.assert_array_equal(evaluation.confusion, metrics.confusion_matrix(Y, guess))


@pytest.mark.parametrize("k", [1, 3, 7])
def test_top_k_counts_the_k_likeliest(k):
    found = of(LOGITS, Y, top_k=k).metrics[f"top_{k}_accuracy"]
    likelier = (LOGITS - LOGITS[np.arange(53), Y][:, None] > 0).sum(axis=1)
    assert found == pytest.approx((likelier < k).mean())


def test_a_class_without_samples_has_a_row():
    found = of(LOGITS[Y != 2], Y[Y != 2])
    assert found.report["support"][2] == 0
    assert found.report["recall"][2] == 0
    assert found.confusion.shape == (7, 7)


@pytest.mark.parametrize("loss", [None, "binary"])
def test_one_logit_is_of_two_classes(loss):
    logit, y = np.array([[-2.0], [3.0], [1.0]], np.float32), np.array([0, 1, 0])
    found = of(logit, y, loss=loss)
    expected = metrics.log_loss(y, 1 / (1 + np.exp(-logit[:, 0])))
    assert found.metrics == pytest.approx(
        {"loss": expected, "accuracy": 2 / 3, "top_1_accuracy": 2 / 3}
    )
    assert found.confusion.tolist() == [[1, 1], [0, 1]]


def test_values_have_their_errors():
    y, out = RNG.normal(size=(2, 40, 2)).astype(np.float32)
    found = of(out, y, loss="huber")
    expected = {
        "mse": metrics.mean_squared_error(y, out),
        "mae": metrics.mean_absolute_error(y, out),
        "r2": metrics.r2_score(y, out),
    }
    assert found.metrics == pytest.approx(
        {"loss": float(np.mean(jsgd.train.losses.huber(out, y)))} | expected
    )
    assert found.confusion is None
    assert found.to_pandas().to_dict("records") == [found.metrics]


def test_it_agrees_with_the_test_of_a_run():
    data = jsgd.data.from_arrays(LOGITS, Y, test_size=0.4)
    model = jsgd.models.REGISTRY["logistic"](data.train[0], data.outputs)
    problem = classification(model, data, loss="focal")
    run = make_run(problem, jsgd.ema(jsgd.sgd(0.1), 0.9), batch_size=8)
    trained = fit(run, epochs=2, progress=False)
    state = trained.carry.model_state
    found = evaluate(model, trained.params, state, data, loss="focal", batch_size=5)
    last = {name: trained.history[f"test_{name}"][-1] for name in ("loss", "accuracy")}
    assert {name: found.metrics[name] for name in last} == pytest.approx(last)


def test_it_reads_well(evaluation):
    lines = str(evaluation).splitlines()
    assert lines[0].startswith("loss 1.")
    assert lines[2].split() == ["class", "precision", "recall", "f1", "support"]
    assert len(lines[3:-2]) == 7
    assert max(map(len, lines)) <= 100
    mistakes = evaluation.confusion - np.diag(np.diag(evaluation.confusion))
    i, j = np.unravel_index(mistakes.argmax(), mistakes.shape)
    assert lines[-1].startswith(f"most often mistaken: {i} as {j} ({mistakes.max()})")
    right = of(np.eye(3, dtype=np.float32), np.arange(3))
    assert "mistaken" not in str(right)
    assert len(str(of(np.eye(300, dtype=np.float32), np.arange(300))).splitlines()) < 50


def test_classes_have_the_names_that_are_given():
    names = list("abcdefg")
    data = SimpleNamespace(test=(LOGITS, Y), class_names=names)
    found = evaluate(table(), jnp.float32(0), {}, data)
    assert found.to_pandas()["class"].tolist() == names
    renamed = evaluate(table(), jnp.float32(0), {}, data, class_names=names[::-1])
    assert renamed.report["class"].tolist() == names[::-1]


def test_the_confusion_matrix_is_drawn(evaluation, tmp_path):
    fig = evaluation.plot_confusion(tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").stat().st_size > 10_000
    assert fig._repr_png_().startswith(b"\x89PNG")
    ax = fig.axes[0]
    count, right = evaluation.confusion, np.eye(7, dtype=bool)
    cells = {(*text.get_position()[::-1], int(text.get_text())) for text in ax.texts}
    assert cells == {(i, j, count[i, j]) for i, j in np.argwhere(count)}
    red, _, blue, _ = np.moveaxis(ax.images[0].get_array(), -1, 0)
    assert (red[count == 0] == 1).all()
    assert (blue > red)[right & (count > 0)].all()
    assert (blue < red)[~right & (count > 0)].all()


def test_it_is_drawn_on_given_axes_with_names_at_every_size():
    fig = Figure()
    ax = fig.subplots()
    y = np.arange(60)
    found = of(np.eye(60, dtype=np.float32), y, class_names=[f"class {i}" for i in y])
    assert found.plot_confusion(ax=ax) is fig
    assert [x.get_text() for x in ax.get_yticklabels()[:2]] == ["class 0", "class 2"]
    assert not ax.texts


@pytest.mark.parametrize(
    ("outputs", "y", "options", "says"),
    [
        (LOGITS, Y[:3], {}, "53 inputs and 3 targets"),
        (LOGITS[:0], Y[:0], {}, "x holds no sample"),
        (LOGITS, Y, {"batch_size": 0}, "batch_size = 0: it must be a whole number >= 1"),
        (LOGITS, Y, {"top_k": 8}, "top_k = 8: it must be 1 to 7 classes"),
        (LOGITS, Y, {"class_names": ["a"]}, "class_names: 1 names for 7 classes"),
        (LOGITS, Y, {"loss": "hinge"}, "there is no loss 'hinge'"),
        (LOGITS, Y + 1, {}, "labels are 0 to 6 for this model, not 1 to 7"),
        (LOGITS * np.inf, Y, {}, "output for sample 0 is not finite: did it diverge"),
        (LOGITS[..., None], Y, {}, r"output is \(53, 7, 1\): logits are \(samples, classes\)"),
        (LOGITS, LOGITS[:, :2], {}, r"output is \(53, 7\), the targets are \(53, 2\)"),
        (LOGITS, LOGITS, {"top_k": 1}, "these are of classes, and the targets are float32"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(outputs, y, options, says):
    with pytest.raises(ValueError, match=says):
        of(outputs, y, **options)


def test_data_is_a_data_set_or_a_pair():
    with pytest.raises(ValueError, match=r"data: a Dataset or a pair \(x, y\), not a ndarray"):
        evaluate(table(), jnp.float32(0), {}, LOGITS)


def test_values_have_no_confusion_matrix():
    with pytest.raises(ValueError, match="no confusion matrix of values"):
        of(LOGITS, LOGITS).plot_confusion()
