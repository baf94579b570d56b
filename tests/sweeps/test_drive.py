"""The drive: schedulers, samplers that learn, folds and the winner, all in a sweep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.sweeps import (
    Verdict,
    hyperband,
    median_stopping,
    population_based,
    sweep,
    uniform,
)
from jsgd.train import Run

EPOCHS = 9


def swept(run, space, **how):
    fixed = {"epochs": EPOCHS, "metric": "score", "layout": ("chunk", 2), "progress": False}
    return sweep(run, space, **fixed | how)


class Climb:
    """The score rises by `speed` an epoch; counts how often it is traced."""

    def __init__(self):
        self.traces, self.changes = 0, 0

    @property
    def run(self):
        return Run(self.init, self.advance, self.set_hyper)

    def init(self, key, hyper):
        return {"x": 1e-3 * jax.random.uniform(key), "speed": hyper["speed"], "key": key}

    def advance(self, carry):
        self.traces += 1
        x = carry["x"] + carry["speed"]
        return carry | {"x": x}, {"score": x}

    def set_hyper(self, carry, hyper):
        self.changes += 1
        return carry | hyper


@pytest.fixture
def climb():
    return Climb()


SPEEDS = {"speed": [float(x) for x in range(12)]}


def test_population_based_training(climb):
    """A gather and new values: whoever takes over goes on from there, and nothing is compiled."""
    how = {"scheduler": population_based(every=2, resample_probability=0), "seeds": 2}
    result = swept(climb.run, {"speed": uniform(0, 1)}, n=12, **how)
    assert (climb.traces, climb.changes) == (2, 1)
    source, score = result.curves["source"], result.curves["score"].astype(np.float64)
    rows, cols = np.arange(12)[:, None], np.arange(EPOCHS)
    taken = (source != rows[..., None]) & (source >= 0)
    assert taken[:, 0].any()
    gain = np.diff(score, axis=-1)  # the speed of each epoch after the first
    for row, at in np.argwhere(taken[:, 0, :-1] & (cols[:-1] % 2 == 1)):
        donor = source[row, 0, at]
        old, new = gain[donor, 0, at - 1], score[row, :, at + 1] - score[donor, :, at]
        near = [abs(new - x).max() for x in (0.8 * old, 1.2 * old, (old + 1) / 2)]
        assert min(near) < 1e-5
    assert (result.table["status"] == "COMPLETED").all()
    best = result.best_run()
    assert best.carry["speed"] == pytest.approx(result.best_params["speed"], rel=1e-6)


def test_hyperband_lets_some_of_every_bracket_run(climb):
    result = swept(climb.run, SPEEDS, scheduler=hyperband(EPOCHS))
    lengths = (~np.isnan(result.curves["score"][:, 0])).sum(axis=-1)
    assert set(lengths) == {1, 3, 9}
    assert result.table["rank"][lengths == 9].min() == 1
    assert result.best_score == pytest.approx(
        EPOCHS * result.table["param_speed"][lengths == 9].max(), abs=1e-2
    )


def test_median_stopping_stops_the_lower_half_and_never_the_best(climb):
    result = swept(climb.run, SPEEDS, scheduler=median_stopping(grace_period=3))
    lengths = (~np.isnan(result.curves["score"][:, 0])).sum(axis=-1)
    assert lengths.min() == 3
    assert (np.diff(lengths) >= 0).all()
    assert result.best_params == {"speed": 11.0}


def test_a_scheduler_of_ones_own(climb):
    def odd(standing):
        return Verdict(keep=standing.running[standing.running % 2 == 1])

    result = swept(climb.run, SPEEDS, scheduler=odd)
    assert (result.table["status"] == "COMPLETED").tolist() == [False, True] * 6
    assert "odd" in result.info["scheduler"]


def test_a_run_that_takes_no_others_is_refused(climb):
    run = climb.run._replace(set_hyper=None)
    with pytest.raises(ValueError, match="the run needs set_hyper"):
        swept(run, SPEEDS, scheduler=population_based())


def test_a_sampler_of_optunas_is_told_what_became_of_its_settings(climb):
    """It sees all that came before: what it proposes last is better than what it did at first."""
    optuna = pytest.importorskip("optuna")
    sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=8)
    how = {"n": 40, "at_once": 8, "epochs": 1, "mode": "max"}
    speeds = swept(climb.run, {"speed": uniform(0, 1)}, sampler=sampler, **how)
    told = speeds.table["param_speed"]
    assert np.median(told[-8:]) > 0.8 > np.median(told[:8])
    again = swept(climb.run, {"speed": uniform(0, 1)}, sampler=sampler, **how)
    np.testing.assert_array_equal(again.table["param_speed"], told)


def test_folds_are_one_more_axis_and_the_score_is_their_mean():
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    problem = jsgd.train.regression(model, data)
    run = jsgd.train.make_run(problem, jsgd.sgd(), batch_size=16, folds=3)
    space, how = {"lr": [0.01, 0.1, 1e30]}, {"metric": "test_loss", "epochs": 2}
    result = swept(run, space, folds=3, seeds=2, **how)
    assert result.curves["test_loss"].shape == (3, 6, 2)
    init, advance = jax.jit(run.init), jax.jit(run.advance)
    for fold in range(3):
        for seed in range(2):
            key = jax.random.fold_in(jax.random.key(0), seed)
            carry = init(key, {"lr": jnp.float32(0.1), "fold": jnp.float32(fold)})
            (carry, _), (_, metrics) = advance(carry), advance(advance(carry)[0])
            got = result.curves["test_loss"][1, 2 * fold + seed, 1]
            np.testing.assert_allclose(got, metrics["test_loss"], rtol=1e-5)
    final = result.curves["test_loss"][:2, :, -1].astype(np.float64)
    np.testing.assert_allclose(result.table["mean_score"][:2], final.mean(axis=1))
    assert result.table["status"].tolist() == ["COMPLETED", "COMPLETED", "DIVERGED"]


@pytest.mark.parametrize("how", [{}, {"rungs": (1,)}, {"sampler": "tpe", "at_once": 2}], ids=str)
def test_the_winner_is_ready_to_use_and_to_go_on_with(run, how):
    """It is what `fit` makes of the best setting and seed."""
    random = {"n": 4} if how.get("sampler") else {}
    space = {"lr": uniform(0.05, 0.3)} if random else {"lr": [0.1, 0.001, 0.3, 1e30]}
    result = sweep(run, space, epochs=2, seeds=2, progress=False, **random, **how)
    best = result.best_run()
    seed = int(np.argmax(result.curves["test_accuracy"][result.order[0], :, -1]))
    key = jax.random.fold_in(jax.random.key(0), seed)
    fitted = jsgd.train.fit(run, epochs=2, key=key, hyper=result.best_params, progress=False)
    for a, b in zip(jax.tree.leaves(best.params), jax.tree.leaves(fitted.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    other = result.best_run(copy=1 - seed)
    assert not np.array_equal(jax.tree.leaves(other.params)[0], jax.tree.leaves(best.params)[0])
    _, metrics = jax.jit(run.advance)(best.carry)
    assert metrics["step"] == 15
    with pytest.raises(ValueError, match="copy = 2: it must be 0 to 1"):
        result.best_run(copy=2)
