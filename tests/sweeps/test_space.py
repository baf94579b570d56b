"""Spaces: products, draws, and what is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsgd.sweeps import choice, grid, loggrid, loguniform, randint, settings, uniform

numbers = st.lists(st.floats(-10, 10, allow_nan=False), min_size=1, max_size=4)


@given(st.dictionaries(st.sampled_from("abc"), numbers, min_size=1))
def test_grids_are_the_product(space):
    drawn = settings(space)
    assert list(drawn) == list(space)
    assert list(zip(*drawn.values())) == list(itertools.product(*space.values()))


def test_lists_arrays_and_numbers_are_grids():
    drawn = settings({"a": np.geomspace(1, 4, 3), "b": (0, 1), "c": 7})
    np.testing.assert_allclose(drawn["a"], [1, 1, 2, 2, 4, 4])
    np.testing.assert_array_equal(drawn["b"], [0, 1] * 3)
    np.testing.assert_array_equal(drawn["c"], 7)


def test_a_log_grid_is_equal_in_ratio_and_has_its_ends():
    values = loggrid(1e-3, 1, 16).values
    assert values[0] == 1e-3
    assert values[-1] == 1
    np.testing.assert_allclose(np.diff(np.log(values)), np.log(1000) / 15)


SPACE = {
    "u": uniform(-1, 3),
    "l": loguniform(1e-4, 1),
    "k": randint(2, 5),
    "c": choice([0.5, 0.9]),
    "g": grid([1, 2]),
}


def test_draws_have_their_distributions():
    drawn = settings(SPACE, n=4000, seed=1)
    assert drawn["u"].min() >= -1
    assert drawn["u"].max() < 3
    np.testing.assert_allclose(drawn["u"].mean(), 1, atol=0.1)
    assert drawn["l"].min() >= 1e-4
    assert drawn["l"].max() <= 1
    np.testing.assert_allclose(np.median(np.log10(drawn["l"])), -2, atol=0.15)
    for name, values in {"k": [2, 3, 4], "c": [0.5, 0.9], "g": [1, 2]}.items():
        seen, counts = np.unique(drawn[name], return_counts=True)
        np.testing.assert_array_equal(seen, values)
        np.testing.assert_allclose(counts / 4000, 1 / len(values), atol=0.05)


def test_draws_repeat_by_seed_and_more_begin_with_the_same():
    few, many, other = (settings(SPACE, n=n, seed=s) for n, s in ((3, 7), (9, 7), (3, 8)))
    for name in SPACE:
        np.testing.assert_array_equal(few[name], many[name][:3])
    assert (few["u"] != other["u"]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: uniform(1, 1), "uniform needs low < high"),
        (lambda: loguniform(0, 1), "loguniform needs 0 < low < high"),
        (lambda: loguniform(1, 0.1), "loguniform needs low < high"),
        (lambda: loggrid(-1, 1, 3), "a log grid needs 0 < low < high"),
        (lambda: loggrid(0.1, 1, 1), "2 numbers or more"),
        (lambda: randint(0.5, 2), "whole numbers"),
        (lambda: uniform(0, float("inf")), "both finite"),
        (lambda: grid([]), "an empty grid"),
        (lambda: choice([True, 0.1]), "values are numbers"),
        (lambda: grid([0.1, float("nan")]), "finite"),
        (lambda: settings({}), "the space is empty"),
        (lambda: settings([0.1]), "a space is a dict"),
        (lambda: settings({"lr": []}), "lr: an empty grid"),
        (lambda: settings({"lr": "0.1"}), "lr: .* values are numbers"),
        (lambda: settings({"lr": [0.1]}, n=4), "leave n out"),
        (lambda: settings({"lr": uniform(0, 1)}), "give n.*lr is random"),
        (lambda: settings({"lr": uniform(0, 1)}, n=0), "1 or more"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
