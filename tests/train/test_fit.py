"""`fit`: when it stops, what it keeps, what it prints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.train import Run, fit, make_run, regression


def curve(*losses, name="test_loss"):
    """A run that is no training: it reports these numbers one after another."""
    losses = jnp.asarray(losses, jnp.float32)

    def advance(t):
        return t + 1, {name: losses[t], "loss": losses[t]}

    return Run(lambda key, hyper: jnp.int32(0), advance)


def test_it_stops_after_the_epochs_and_keeps_every_metric():
    result = fit(curve(5, 4, 3, 2), epochs=3, progress=False)
    assert result.stopped == "epochs"
    assert result.carry == 3
    np.testing.assert_array_equal(result.history["loss"], [5, 4, 3])


def test_tol_stops_once_the_loss_changes_less():
    result = fit(curve(5, 4, 3.5, 3.45, 1, 0), epochs=6, tol=0.1, progress=False)
    assert result.stopped == "tol"
    np.testing.assert_allclose(result.history["loss"], [5, 4, 3.5, 3.45])


def test_patience_counts_epochs_since_the_best():
    result = fit(curve(5, 3, 4, 2, 3, 2, 1), epochs=7, patience=2, progress=False)
    assert result.stopped == "patience"
    assert len(result.history["loss"]) == 6


def test_patience_knows_that_an_accuracy_should_rise():
    run = curve(0.1, 0.5, 0.6, 0.6, 0.5, name="accuracy")
    result = fit(run, epochs=5, patience=2, monitor="accuracy", progress=False)
    assert len(result.history["accuracy"]) == 5


@pytest.fixture(scope="module")
def run():
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    return make_run(regression(model, data), jsgd.sgd())


def test_a_run_that_diverges_stops_there(run):
    result = fit(run, epochs=500, hyper={"lr": 100.0}, progress=False)
    assert result.stopped == "diverged"
    assert 0 < result.history["diverged_at"][-1] <= result.history["step"][-1] < 500


def test_equal_keys_repeat_a_run_bit_for_bit(run):
    a = fit(run, epochs=2, key=4, progress=False)
    b = fit(run, epochs=2, key=jax.random.key(4), progress=False)
    c = fit(run, epochs=2, key=5, progress=False)
    jax.tree.map(np.testing.assert_array_equal, a.params, b.params)
    assert a.params["linear"]["bias"] != c.params["linear"]["bias"]


def test_off_a_terminal_progress_is_plain_lines(run, capsys):
    fit(run, epochs=2)
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("epoch 2/2 ")
    assert "\x1b" not in out
    assert "\r" not in out
    fit(run, epochs=2, progress=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"tol": -1.0}, {"patience": 0}])
def test_impossible_numbers_are_refused(run, wrong):
    with pytest.raises(ValueError, match="it must be at least"):
        fit(run, **{"epochs": 1} | wrong, progress=False)


def test_a_number_out_of_range_is_refused_before_training(run):
    with pytest.raises(ValueError, match=r"lr = -1.0: lr must be in \[0, inf\)"):
        fit(run, epochs=1, hyper={"lr": -1.0}, progress=False)


def test_an_unknown_monitor_is_refused(run):
    with pytest.raises(ValueError, match="no metric 'test_los': did you mean 'test_loss'"):
        fit(run, epochs=1, patience=1, monitor="test_los", progress=False)


def test_params_of_a_foreign_run_are_not_guessed():
    with pytest.raises(ValueError, match="not made by make_run"):
        _ = fit(curve(1, 2), epochs=1, progress=False).params
