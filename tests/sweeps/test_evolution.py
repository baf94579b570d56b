"""Population-based training: who takes over from whom, and where their values go."""

import numpy as np
import pytest
from sweeps.test_scheduler import standing

from jsgd.sweeps import choice, grid, loguniform, normal, quniform, randint, uniform
from jsgd.sweeps.evolution import population_based
from jsgd.sweeps.space import Either


def population(losses, seed=0, space=None, **columns):
    """Settings that stand in this order after one epoch, with an lr each."""
    columns = columns or {"lr": np.linspace(0.1, 0.8, len(losses))}
    space = space or {"lr": uniform(0, 1)}
    return standing(np.asarray(losses)[:, None], params=columns, space=space, seed=seed)


LOSSES = [0.3, 0.1, 0.8, 0.2, 0.7, 0.4, 0.5, 0.6]


def test_the_worst_quarter_goes_on_from_the_best_quarter():
    donors = set()
    for seed in range(8):
        at = population(LOSSES, seed)
        keep, source, params = population_based(resample_probability=0)(at)
        assert keep.tolist() == list(range(8))
        new = np.flatnonzero(source != keep)
        assert new.tolist() == [2, 4]
        donors |= set(source[new].tolist())
        ratio = params["lr"] / at.params["lr"][source]
        assert set(ratio[new].round(9)) <= {0.8, 1.2}
        assert (np.delete(ratio, new) == 1).all()
    assert donors == {1, 3}


@pytest.mark.parametrize(
    ("losses", "replaced", "donors"),
    [
        ([0.1, np.nan, np.nan, np.nan], [1, 2, 3], {0}),  # more than the quantile
        ([np.nan] * 7 + [0.1], list(range(7)), {7}),
        ([np.nan, 0.4, 0.1, 0.3, 0.2], [0, 1], {2, 4}),  # a quarter of 5 is 2
        ([0.5, 0.1, 0.2], [0], {1}),  # less than half
    ],
)
def test_who_is_replaced_and_by_whom(losses, replaced, donors):
    keep, source, _ = population_based()(population(losses))
    assert np.flatnonzero(source != keep).tolist() == replaced
    assert set(source[replaced].tolist()) <= donors


@pytest.mark.parametrize(
    ("how", "losses"),
    [({"every": 2}, LOSSES), ({}, [0.1])],
)
def test_there_is_nothing_to_do_between_times_nor_for_one_alone(how, losses):
    at = population(losses)
    keep, *rest = population_based(**how)(at)
    assert (keep.tolist(), rest) == (list(range(len(losses))), [None, None])


def test_nothing_changes_after_the_last_epoch():
    assert population_based()(population(LOSSES)._replace(epochs=1)).source is None


def test_the_same_randomness_decides_the_same():
    first, again, other = (population_based()(population(LOSSES, seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.params["lr"], again.params["lr"])
    assert (first.params["lr"] != other.params["lr"]).any()


@pytest.mark.parametrize(
    ("dim", "value", "reached"),
    [
        (loguniform(0.01, 1), 0.1, {0.08, 0.12}),
        (uniform(0, 1), 0.95, {0.76, 0.975}),
        (normal(0, 1), -2.0, {-1.6, -2.4}),
        (quniform(0, 1, 0.25), 0.5, {0.25, 0.75}),
        (quniform(0, 1, 0.25), 1.0, {0.75, 1.0}),
        (randint(1, 21), 2.0, {1.0, 3.0}),
        (randint(1, 21), 20.0, {16.0, 20.0}),
        (grid([64, 16, 32]), 32.0, {16.0, 64.0}),
        (choice([0, 1]), 1.0, {0.0, 1.0}),
        (Either("either", (grid([1.0, 2.0]), uniform(3, 9))), 2.0, {1.0, 2.0}),
        (Either("either", (grid([1.0, 2.0]), uniform(3, 9))), 3.5, {3.25, 4.2}),
    ],
)
def test_a_value_moves_within_its_dimension(dim, value, reached):
    at = population([0.1] * 40, space={"x": dim}, x=np.full(40, value))
    keep, source, params = population_based(resample_probability=0)(at)
    assert set(params["x"][source != keep].round(9)) == reached


def test_values_are_drawn_anew():
    values = np.full(8, 0.5)
    at = population(LOSSES, space={"x": uniform(10, 11)}, x=values)
    keep, source, params = population_based(resample_probability=1)(at)
    assert ((params["x"] >= 10) == (source != keep)).all()


def test_only_the_names_explore_and_the_others_come_along():
    space = {"lr": uniform(0, 1), "b1": uniform(0, 1)}
    columns = {"lr": np.linspace(0.1, 0.8, 8), "b1": np.linspace(0.1, 0.8, 8)}
    keep, source, params = population_based(names=["lr"])(population(LOSSES, 0, space, **columns))
    np.testing.assert_array_equal(params["b1"], columns["b1"][source])
    assert ((params["lr"] != columns["lr"][source]) == (source != keep)).all()
    with pytest.raises(ValueError, match="no hyperparameter 'b2': did you mean 'b1'"):
        population_based(names=["b2"])(population(LOSSES, 0, space, **columns))


def test_each_kind_is_a_population_of_its_own():
    """Another optimizer is another kind, and so are other names; one that diverged whole ends."""
    space = {"opt": choice([0, 1]), "lr": uniform(0, 1), "momentum": uniform(0, 1)}
    opt = np.array(["adam", "sgd", "adam", "sgd", "sgd", "sgd", "lion", "lion"])
    momentum = np.array([np.nan, 0.5, np.nan, 0.5, np.nan, np.nan, np.nan, np.nan])
    losses = [0.1, 0.9, 0.2, 0.8, 0.3, 0.4, np.nan, np.nan]
    at = population(losses, 0, space, opt=opt, lr=np.full(8, 0.5), momentum=momentum)
    keep, source, params = population_based(quantile=0.5)(at)
    assert keep.tolist() == [0, 1, 2, 3, 4, 5]
    assert source.tolist() == [0, 3, 0, 3, 4, 4]
    assert sorted(params) == ["lr", "momentum"]
    assert (np.isnan(params["momentum"]) == np.isnan(momentum[source])).all()


def test_it_finds_a_value_that_the_best_setting_did_not_have():
    """Each epoch subtracts what |x - 5| leaves of 1: no setting begins with an x above 2."""
    x, loss = np.linspace(1, 2, 12), np.zeros(12)
    scheduler, space = population_based(), {"x": uniform(0, 10)}
    for epoch in range(25):
        loss = loss - 1 / (1 + abs(x - 5))
        verdict = scheduler(population(loss, epoch, space, x=x))
        loss, x = loss[verdict.source], verdict.params["x"]
    assert abs(np.median(x) - 5) < 1
