"""Settings proposed by Optuna: where they may lie, and that they follow from what was told."""

import logging
import sys

import numpy as np
import pytest

from jsgd.sweeps import choice, grid, loguniform, normal, quniform, randint, settings, uniform
from jsgd.sweeps.propose import Proposer
from jsgd.sweeps.sample import is_optuna
from jsgd.sweeps.space import sampler_name

optuna = pytest.importorskip("optuna")

SPACE = {
    "lr": loguniform(1e-3, 1),
    "u": uniform(-1, 3),
    "q": quniform(-0.25, 0.7, 0.1),
    "k": randint(2, 5),
    "n": normal(3, 2),
    "c": choice([0.5, 0.9, 0.9]),
    "g": grid(["a", "long"]),
}
TREE = {
    "lr": loguniform(1e-3, 1),
    "optimizer": choice(
        {
            "sgd": {"momentum": uniform(0, 1), "eps": uniform(0, 1)},
            "adam": {"eps": loguniform(1e-9, 1e-3), "kind": choice(["a", "nadam"])},
            "lion": {},
        }
    ),
}


def loss(points):
    """Best at lr = 0.05, with momentum 0.9; NaN for a great lr."""
    off = np.log10(points["lr"]) + 1.3
    plain = off**2 + np.nan_to_num((points["momentum"] - 0.9) ** 2, nan=1.0)
    return np.where(points["lr"] > 0.5, np.nan, plain)


def proposed(space, sampler="tpe", rounds=4, k=5, seed=0, score=loss, mode="min"):
    """All that was proposed, batch after batch."""
    proposer = Proposer(space, sampler, mode, seed)
    batches = []
    for _ in range(rounds):
        batches.append(proposer.ask(k))
        scores = score(batches[-1])
        proposer.tell(scores, scores > 1)
    return {name: np.concatenate([x[name] for x in batches]) for name in batches[0]}


def assert_same(a, b):
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_what_is_proposed_lies_in_the_space():
    drawn = proposed(SPACE, rounds=8, score=lambda x: x["u"] ** 2)
    like = settings(SPACE, 2)
    assert {name: x.dtype for name, x in drawn.items()} == {n: x.dtype for n, x in like.items()}
    assert (drawn["lr"].min() >= 1e-3) & (drawn["lr"].max() <= 1)
    assert (drawn["u"].min() >= -1) & (drawn["u"].max() <= 3)
    every = SPACE["q"].at(np.linspace(0, 1, 200))
    assert set(drawn["q"]) <= set(every)  # to the bit
    assert set(drawn["k"]) == {2, 3, 4}
    assert abs(drawn["n"] - 3).max() < 16.6
    assert set(drawn["c"]) == {0.5, 0.9}
    assert set(drawn["g"]) == {"a", "long"}


@pytest.mark.parametrize("space", [TREE, [{"lr": 0.1}, {"lr": uniform(0, 1), "momentum": [0, 1]}]])
def test_what_was_told_the_same_proposes_the_same(space):
    """So a sweep that was killed goes on: it asks and tells again."""
    assert_same(proposed(space), proposed(space))
    lr = [proposed(space, seed=seed)["lr"].tolist() for seed in ([0, 5], [0, 6])]
    assert lr[0] != lr[1]


def test_a_name_applies_where_its_branch_is_proposed():
    drawn = proposed(TREE, rounds=12)
    assert list(drawn) == ["lr", "optimizer", "momentum", "eps", "kind"]
    sgd, adam, lion = (drawn["optimizer"] == label for label in ("sgd", "adam", "lion"))
    assert sgd.any()
    assert adam.any()
    assert (sgd | adam | lion).all()
    np.testing.assert_array_equal(~np.isnan(drawn["momentum"]), sgd)
    np.testing.assert_array_equal(~np.isnan(drawn["eps"]), sgd | adam)
    np.testing.assert_array_equal(drawn["kind"] != "", adam)
    assert drawn["eps"][adam].max() <= 1e-3


def test_of_a_list_of_spaces_one_is_picked():
    space = [{"lr": 0.1}, {"lr": uniform(0.5, 1), "momentum": [0, 1], "o": "x"}]
    drawn = proposed(space, score=lambda x: x["lr"])
    first = drawn["lr"] == 0.1
    assert first.any()
    assert (drawn["lr"][~first] >= 0.5).all()
    np.testing.assert_array_equal(np.isnan(drawn["momentum"]), first)
    np.testing.assert_array_equal(drawn["o"] == "", first)


def test_it_finds_what_is_better_than_chance_does():
    def best(sampler, seed):
        return np.nanmin(loss(proposed(space, sampler, 8, 5, seed)))

    space = {"lr": loguniform(1e-5, 1), "momentum": uniform(0, 1), "nothing": uniform(0, 1)}
    chance = [np.nanmin(loss(settings(space, 40, seed))) for seed in range(5)]
    assert np.median([best("tpe", seed) for seed in range(5)]) < np.median(chance) / 2


def test_settings_that_are_asked_for_together_keep_apart():
    """The constant liar: without it 32 of them lie within 0.02."""
    proposer = Proposer({"x": uniform(0, 1)}, "tpe", "min")
    for _ in range(4):
        x = proposer.ask(8)["x"]
        proposer.tell((x - 0.5) ** 2)
    assert proposer.ask(32)["x"].std() > 0.1


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    ("kind", "how"),
    [("RandomSampler", {}), ("TPESampler", {"multivariate": True, "group": True})],
)
def test_a_sampler_of_optunas_is_copied_not_advanced(kind, how):
    sampler = getattr(optuna.samplers, kind)(seed=3, **how)
    assert_same(proposed(TREE, sampler), proposed(TREE, sampler, seed=9))


def test_failures_and_the_best_are_told_as_such():
    proposer = Proposer({"x": uniform(0, 1)}, "tpe", "max")
    proposer.ask(4)
    proposer.tell([0.5, np.nan], [0, 3])
    proposer.tell([0.9, 0.7], [7, 0])
    trials = proposer._study.trials
    assert [x.state.name for x in trials] == ["COMPLETE", "FAIL", "PRUNED", "COMPLETE"]
    assert trials[2].intermediate_values == {7: 0.9}
    assert proposer._study.best_value == 0.7


def test_it_is_silent(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("optuna"), "handlers", [caplog.handler])
    proposed(TREE)
    assert not caplog.records


def test_which_samplers_are_optunas():
    sampler = optuna.samplers.TPESampler()
    assert is_optuna(sampler)
    assert not is_optuna("random")
    assert sampler_name({"lr": [1, 2]}, sampler) == "TPESampler"
    assert sampler_name({"lr": [1, 2]}, "tpe") == "tpe"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Proposer({}, "tpe", "max"), "the space is empty"),
        (lambda: Proposer({"x": [1]}, "tpe", "most"), "mode = 'most'"),
        (lambda: Proposer({"x": [1]}, "sobol", "max"), "sampler = 'sobol': \"tpe\", or one of"),
        (
            lambda: Proposer({"x": [1]}, optuna.samplers.GridSampler({"x": [1]}), "max"),
            "GridSampler: leave it out",
        ),
        (lambda: Proposer({"x": [1]}, "tpe", "max").tell([1.0]), "1 scores, and 0 settings wait"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert is_optuna("tpe")
    assert not is_optuna(object())
    with pytest.raises(ImportError, match=r"sampler = 'tpe' needs optuna: pip install 'jsgd\[opt"):
        Proposer({"x": [1]}, "tpe", "max")
