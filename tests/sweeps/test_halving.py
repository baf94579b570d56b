"""Rungs: the best go on, as if nothing had happened; the others stop where they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsgd.sweeps import SweepResult, halving, normal, quniform, sweep
from jsgd.train import Run


def swept(run, space, **how):
    how = {"epochs": 9, "metric": "score", "progress": False, "layout": ("chunk", 2)} | how
    return sweep(run, space, **how)


@pytest.fixture(scope="module")
def climb():
    """The score of a setting rises by `speed` an epoch, and a little by its seed."""

    def init(key, hyper):
        return {"x": jax.random.uniform(key) * 1e-3, "speed": hyper["speed"], "t": jnp.int32(0)}

    def advance(carry):
        x, t = carry["x"] + carry["speed"], carry["t"] + 1
        return carry | {"x": x, "t": t}, {"score": x, "step": 10 * t}

    return Run(init, advance)


SPEEDS = [3.0, 1.0, 8.0, 2.0, 9.0, 5.0, 4.0, 7.0, 6.0]


def test_the_best_third_goes_on(climb):
    result = swept(climb, {"speed": SPEEDS}, seeds=2, rungs=(1, 3), mode="max")
    t = result.table
    ran = dict(zip(t["param_speed"].tolist(), t["n_steps"].tolist(), strict=True))
    assert ran == {9.0: 90, 8.0: 30, 7.0: 30} | dict.fromkeys([6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 10)
    ranked = t["param_speed"][result.order].tolist()
    assert ranked == sorted(SPEEDS, reverse=True)
    status = dict(zip(t["param_speed"].tolist(), t["status"].tolist(), strict=True))
    assert status == {9.0: "COMPLETED"} | dict.fromkeys(set(SPEEDS) - {9.0}, "STOPPED")
    assert result.best_params == {"speed": 9.0}
    assert result.best_score == pytest.approx(81, abs=1e-2)
    assert result.info["scheduler"] == "Halving(rungs=(1, 3), reduction_factor=3)"
    final = result.curves["score"][t["param_speed"] == 8.0][0, :, 2]
    np.testing.assert_allclose(t["mean_score"][t["param_speed"] == 8.0], final.mean(), rtol=1e-6)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_what_a_setting_did_is_what_it_does_without_rungs(climb, mode):
    """Bit for bit, wherever it was gathered to; NaN after it stopped."""
    whole = swept(climb, {"speed": SPEEDS}, seeds=3, mode=mode)
    cut = swept(climb, {"speed": SPEEDS}, seeds=3, rungs=(2, 5), reduction_factor=2, mode=mode)
    epochs = (np.arange(9) + 1)[None, None]
    within = epochs * 10 <= cut.table["n_steps"][:, None, None]
    assert within.sum() == 9 * 2 + 5 * 3 + 3 * 4
    x, y = cut.curves["score"], whole.curves["score"]
    np.testing.assert_array_equal(x, np.where(within, y, np.nan))
    assert (cut.curves["step"].max(-1) == cut.table["n_steps"][:, None]).all()


def test_members_of_a_network_go_on_as_they_were(run):
    space = {"lr": [0.001, 0.01, 0.1, 0.3, 0.5]}
    how = {"metric": "test_accuracy", "epochs": 4, "seeds": 2, "layout": "map"}
    whole, cut = swept(run, space, **how), swept(run, space, rungs=(1, 2), **how)
    best = cut.order[0]
    assert cut.table["status"].tolist().count("COMPLETED") == 1
    for name, x in whole.curves.items():
        np.testing.assert_array_equal(cut.curves[name][best], x[best])


def grows(x):
    return Run(lambda key, hyper: hyper["x"], lambda c: (c * c, {"score": c}))


def test_none_that_diverged_goes_on():
    """Not even where that leaves fewer than there is room for."""
    space = {"x": [1e20, 1e25, 0.5, 1e30]}
    result = swept(grows(0), space, epochs=6, rungs=(3,), reduction_factor=2, mode="max")
    assert result.table["status"].tolist() == ["DIVERGED", "DIVERGED", "COMPLETED", "DIVERGED"]
    assert result.table["rank"][2] == 1


def test_where_all_diverged_there_is_no_more_to_do():
    result = swept(grows(0), {"x": [1e20, 1e30]}, epochs=6, rungs=(3,), mode="max")
    assert set(result.table["status"]) == {"DIVERGED"}
    assert result.curves["score"].shape[-1] == 3


def test_it_is_saved_with_any_space_and_is_a_study_with_pruned_trials(climb, tmp_path):
    optuna = pytest.importorskip("optuna")
    parts = [{"speed": quniform(1, 9, 0.5)}, {"speed": normal(5.0, 1.0)}, {"speed": [2.0, 3.0]}]
    result = swept(climb, parts, n=4, rungs=(2,), mode="max", out=tmp_path / "out")
    loaded = SweepResult.load(tmp_path / "out")
    assert loaded.space == result.space
    assert loaded.info == result.info
    assert loaded.table["status"].tolist() == result.table["status"].tolist()
    study = loaded.to_optuna()
    pruned = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    assert len(pruned) == (result.table["status"] == "STOPPED").sum() == 6
    assert all(sorted(x.intermediate_values) == [1, 2] for x in pruned)
    assert study.best_params == pytest.approx(result.best_params)
    for name, dim in (("quniform", quniform(1, 9, 0.5)), ("normal", normal(5.0, 1.0))):
        alone = swept(climb, {"speed": dim}, n=3, mode="max", out=tmp_path / name)
        assert SweepResult.load(tmp_path / name).space == {"speed": dim}
        assert alone.to_optuna().best_params == pytest.approx(alone.best_params)


def test_one_trace_a_size(climb):
    traces = []

    def advance(carry):
        traces.append(1)
        return climb.advance(carry)

    counted = Run(climb.init, advance)
    swept(counted, {"speed": SPEEDS}, rungs=(1, 3), layout="vmap", mode="max")
    # the check beforehand, then 5 members a device, 2 (of 3 left), 1 (of 1, on one device)
    assert len(traces) == 1 + 3


def test_halving():
    assert halving(81) == (1, 3, 9, 27)
    assert halving(10, grace_period=4, reduction_factor=1.2) == (4, 5, 6, 8, 9)
    assert halving(1) == ()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"rungs": (3, 1)}, r"rungs = \(3, 1\): they must be whole and rise"),
        ({"rungs": (9,)}, "below epochs=9"),
        ({"rungs": (0, 3)}, "whole and rise"),
        ({"rungs": (1.5,)}, "whole and rise"),
        ({"rungs": (1,), "reduction_factor": 1}, "reduction_factor = 1: it must be above 1"),
    ],
)
def test_bad_rungs(climb, how, message):
    with pytest.raises(ValueError, match=message):
        swept(climb, {"speed": [1.0]}, **how)


def test_bad_halving():
    with pytest.raises(ValueError, match="grace_period = 0"):
        halving(9, grace_period=0)
    with pytest.raises(ValueError, match="reduction_factor = inf"):
        halving(9, reduction_factor=float("inf"))
