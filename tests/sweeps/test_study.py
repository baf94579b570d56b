"""Sweeps as studies: Optuna itself reads them."""

import logging
import sys

import numpy as np
import pytest

from jsgd.sweeps import SweepResult, choice, grid, loguniform, normal, randint, settings, uniform
from jsgd.sweeps.result import tabulate
from jsgd.sweeps.space import dimensions


@pytest.fixture(scope="module")
def optuna():
    return pytest.importorskip("optuna")


SPACE = {
    "lr": loguniform(1e-3, 1),
    "dropout": uniform(0, 0.5),
    "k": randint(1, 4),
    "momentum": choice([0, 0.9]),
    "eps": grid([1e-8]),
}


def made_up(mode="max", done=True, diverging=0.5):
    """A result whose score, rising to the last epoch, is best at lr = 0.05."""
    points = settings(SPACE, 40)
    lr = points["lr"]
    score = -((np.log10(lr) + 1.3) ** 2) * (1 if mode == "max" else -1)
    curves = score[:, None, None] * np.array([4.0, 2.0, 1.0]) + np.array([0.0, 0.1])[:, None]
    curves[lr > diverging, 1, 1:] = np.nan
    curves = {"score": curves, "step": np.broadcast_to(np.array([5, 10, 15]), curves.shape)}
    table = tabulate(points, curves, "score", mode, done)
    return SweepResult(table, curves, SPACE, "score", mode)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_best_is_the_same(optuna, mode):
    result = made_up(mode)
    study = result.to_optuna()
    assert study.direction.name == ("MAXIMIZE" if mode == "max" else "MINIMIZE")
    assert study.best_params == result.best_params
    assert study.best_value == result.best_score
    assert study.best_trial.number == result.order[0]


def test_every_setting_is_a_trial(optuna):
    result = made_up()
    trials = result.to_optuna().trials
    assert len(trials) == 40
    for row, trial in enumerate(trials):
        assert trial.params == result.params(row)
        assert isinstance(trial.params["k"], int)
        status = result.table["status"][row]
        assert trial.user_attrs["status"] == status
        assert trial.user_attrs["n_steps"] == 15
        if status == "DIVERGED":
            assert (trial.state.name, trial.value) == ("FAIL", None)
            assert list(trial.intermediate_values) == [1]
        else:
            assert (trial.state.name, trial.value) == (
                "COMPLETE",
                result.table["mean_score"][row],
            )
            assert trial.user_attrs["std_score"] == result.table["std_score"][row]
            mean = result.curves["score"][row].mean(axis=0)
            assert trial.intermediate_values == pytest.approx(dict(enumerate(mean, 1)))
    assert {"COMPLETE", "FAIL"} == {trial.state.name for trial in trials}


def test_the_distributions_are_those_of_the_space(optuna):
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    assert made_up().to_optuna().trials[0].distributions == {
        "lr": FloatDistribution(1e-3, 1, log=True),
        "dropout": FloatDistribution(0, 0.5),
        "k": IntDistribution(1, 3),
        "momentum": CategoricalDistribution((0.0, 0.9)),
        "eps": CategoricalDistribution((1e-8,)),
    }


def test_a_trial_has_the_names_that_apply_to_it(optuna):
    space = [
        {
            "lr": loguniform(1e-3, 1),
            "o": choice({"sgd": {"m": uniform(0, 1)}, "adam": {"m": [0.9]}}),
        },
        {"lr": 0.1, "o": "lion", "kind": ["a", "b"]},
        {"lr": 0.2, "never": choice([{}, {"rare": normal(0, 1)}])},
    ]
    points = settings(space, 8)
    points["rare"][:] = np.nan
    curves = {"score": points["lr"][:, None, None]}
    table = tabulate(points, curves, "score", "max", True)
    result = SweepResult(table, curves, dimensions(space), "score", "max")
    trials = result.to_optuna().trials
    assert [trial.params for trial in trials] == [result.params(row) for row in range(18)]
    labels = optuna.distributions.CategoricalDistribution(("sgd", "adam", "lion"))
    assert {trial.distributions.get("o", labels) for trial in trials} == {labels}
    assert {"lr", "o", "m"} == set(trials[0].params)
    assert {"lr", "o", "kind"} == set(trials[8].params)


def test_an_unfinished_sweep_has_running_trials(optuna):
    study = made_up(done=False).to_optuna()
    assert {trial.state.name for trial in study.trials} == {"RUNNING", "FAIL"}
    assert len(study.trials[0].intermediate_values) == 3


def test_optunas_importances_know_what_the_score_is_made_of(optuna):
    importances = optuna.importance.get_param_importances(made_up().to_optuna())
    assert next(iter(importances)) == "lr"
    assert set(importances) == set(SPACE)


@pytest.mark.filterwarnings("ignore")  # Optuna's own, of its drawing
@pytest.mark.parametrize(
    "plot", ["plot_intermediate_values", "plot_slice", "plot_parallel_coordinate"]
)
def test_optunas_pictures_draw_it(optuna, plot):
    import matplotlib as mpl

    mpl.use("agg")
    from optuna.visualization import matplotlib as pictures

    assert getattr(pictures, plot)(made_up().to_optuna()) is not None
    mpl.pyplot.close("all")


def test_it_is_silent_and_leaves_optunas_verbosity(optuna, caplog, monkeypatch):
    logger = logging.getLogger("optuna")
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    optuna.create_study()
    assert len(caplog.records) == 1  # it is not silent by itself
    before = optuna.logging.get_verbosity()
    made_up().to_optuna()
    assert len(caplog.records) == 1
    assert optuna.logging.get_verbosity() == before


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install 'jsgd\[optuna\]'"):
        made_up().to_optuna()
