"""Spaces: products, draws, and what is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, qmc

from jsgd.sweeps import (
    choice,
    grid,
    loggrid,
    loguniform,
    normal,
    quniform,
    randint,
    settings,
    uniform,
)
from jsgd.sweeps.space import Either, dimensions, is_product

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


def test_strings_are_values_and_booleans_are_0_and_1():
    drawn = settings({"a": ["x", "longer"], "b": [True, np.False_], "c": "y"})
    assert [*zip(*drawn.values())] == [
        ("x", 1, "y"),
        ("x", 0, "y"),
        ("longer", 1, "y"),
        ("longer", 0, "y"),
    ]
    assert not grid(["x", "y"]).log
    assert set(settings({"a": choice(["x", "longer"])}, 9)["a"]) == {"x", "longer"}


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
    "q": quniform(0, 1, 0.5),
    "n": normal(3, 2),
}
SAMPLERS = ["random", "sobol", "halton"]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_draws_have_their_distributions(sampler):
    drawn = settings(SPACE, n=4000, seed=1, sampler=sampler)
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
    seen, counts = np.unique(drawn["q"], return_counts=True)
    np.testing.assert_array_equal(seen, [0, 0.5, 1])
    np.testing.assert_allclose(counts / 4000, [0.25, 0.5, 0.25], atol=0.05)
    np.testing.assert_allclose(drawn["n"].mean(), 3, atol=0.1)
    np.testing.assert_allclose(drawn["n"].std(), 2, atol=0.1)


def test_random_draws_what_it_always_drew():
    """The first release: `low + u (high - low)` of NumPy's default generator, name by name."""
    space = {"u": uniform(-1, 3), "k": randint(2, 5), "c": choice([0.5, 0.9])}
    u, k, c = np.random.default_rng([0, 5]).random((9, 3)).T
    drawn = settings(space, n=9, seed=[0, 5])
    np.testing.assert_array_equal(drawn["u"], -1 + u * 4.0)
    np.testing.assert_array_equal(drawn["k"], np.floor(2 + k * 3.0))
    np.testing.assert_array_equal(drawn["c"], np.where(c < 0.5, 0.5, 0.9))


corner = st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 1 - 2**-53])
real = st.floats(-1e6, 1e6)


@given(low=real, width=st.floats(1e-3, 1e6), part=st.floats(1e-3, 1), u=corner)
def test_every_draw_is_in_its_range(low, width, part, u):
    high, at, q = low + width, np.array([u]), part * width
    assert low <= uniform(low, high).at(at)[0] <= high
    (x,) = quniform(low, high, q).at(at)
    np.testing.assert_allclose(x / q, np.round(x / q), rtol=1e-12)
    assert np.round(low / q) * q <= x <= np.round(high / q) * q
    a, b = int(low), int(low) + int(width) + 1
    assert randint(a, b).at(at)[0] in range(a, b)
    positive = 1e-6 + abs(low)
    assert positive <= loguniform(positive, positive + width).at(at)[0] <= positive + width
    assert abs(normal(low, width).at(at)[0] - low) <= 8.3 * width


def test_no_rounded_draw_is_a_negative_zero():
    drawn = quniform(-1, 1, 1).at(np.array([0.2, 0.4, 0.6, 0.8]))
    assert list(map(str, drawn.tolist())) == ["-1.0", "0.0", "0.0", "1.0"]


@given(u=st.floats(1e-9, 1 - 1e-9), mean=real, std=st.floats(1e-3, 1e3))
def test_a_normal_is_the_quantile_of_its_coordinate(u, mean, std):
    (x,) = normal(mean, std).at(np.array([u]))
    np.testing.assert_allclose(x, norm.ppf(u, mean, std), rtol=1e-12, atol=1e-12 * std)


@given(
    sampler=st.sampled_from(SAMPLERS),
    m=st.integers(1, 40),
    more=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_more_draws_begin_with_the_same(sampler, m, more, seed):
    few, many, again = (settings(SPACE, n, seed, sampler) for n in (m, m + more, m))
    for name in SPACE:
        assert len(few[name]) == m
        np.testing.assert_array_equal(few[name], many[name][:m])
        np.testing.assert_array_equal(few[name], again[name])
    other = settings(SPACE, m, seed + 1, sampler)
    assert (few["u"] != other["u"]).all()


@given(seed=st.integers(0, 2**32), log_n=st.integers(4, 9), names=st.integers(1, 5))
def test_sequences_fill_the_cube_more_evenly_than_chance(seed, log_n, names):
    n, space = 2**log_n, {f"x{i}": uniform(0, 1) for i in range(names)}
    cubes = {s: np.stack([*settings(space, n, seed, s).values()], 1) for s in SAMPLERS}
    for u in cubes["sobol"].T:  # each marginal has one point in every n-th part
        np.testing.assert_array_equal(np.sort(u * n // 1), np.arange(n))
    for u in (cubes["halton"][:, 0], cubes["sobol"][:, -1]):
        assert qmc.discrepancy(u[:, None]) < qmc.discrepancy(cubes["random"][:, :1])
    assert qmc.discrepancy(cubes["sobol"]) < qmc.discrepancy(cubes["random"])


@pytest.mark.parametrize("make", [qmc.LatinHypercube, qmc.Halton, qmc.Sobol])
def test_an_engine_of_scipys_is_a_sampler_and_is_not_advanced(make):
    engine = make(2, rng=3)
    space = {"a": uniform(0, 1), "b": uniform(0, 1)}
    one, two = (settings(space, 5, seed, engine) for seed in (0, 1))
    expected = make(2, rng=3).random(8 if make is qmc.Sobol else 5)[:5]
    for drawn in (one, two):
        np.testing.assert_array_equal(np.stack([*drawn.values()], 1), expected)
    assert engine.num_generated == 0
    parts = settings([space, space], 4, sampler=engine)
    assert len(set(parts["a"])) == 8


def test_an_engine_that_reaches_1_draws_the_last_value():
    class Ones(qmc.QMCEngine):
        def __init__(self, d):
            super().__init__(d=d)

        def _random(self, n=1, *, workers=1):
            return np.ones((n, self.d))

    drawn = settings(SPACE, 2, sampler=Ones(len(SPACE)))
    assert [drawn[name][0] for name in ("k", "c", "g", "q")] == [4, 0.9, 2, 1]
    assert np.isfinite(drawn["n"]).all()


@given(st.lists(st.dictionaries(st.sampled_from("abc"), numbers, min_size=1), min_size=1))
def test_a_list_of_grids_is_their_products_one_after_another(every):
    drawn = settings(every)
    assert set(drawn) == set().union(*every)
    products = [settings(space) for space in every]
    for name, x in drawn.items():
        parts = [
            part.get(name, np.full(len(next(iter(part.values()))), np.nan)) for part in products
        ]
        np.testing.assert_array_equal(x, np.concatenate(parts))


def test_where_a_dict_of_a_list_does_not_name_a_string_it_is_empty():
    drawn = settings([{"a": 1}, {"o": ["sgd", "adam"], "b": uniform(0, 1)}], 3)
    assert drawn["o"][0] == ""
    assert set(drawn["o"][1:]) <= {"sgd", "adam"}
    assert np.isnan(drawn["a"]).tolist() == [False, True, True, True]
    assert np.isnan(drawn["b"]).tolist() == [True, False, False, False]


TREE = {
    "lr": loguniform(1e-3, 1),
    "optimizer": choice(
        {
            "sgd": {"momentum": uniform(0, 1), "eps": 0.0},
            "adam": {
                "eps": [1e-8, 1e-6],
                "decay": choice([{}, {"rate": uniform(0, 1), "mask": choice(["all", "kernels"])}]),
            },
        }
    ),
}


@pytest.mark.parametrize("sampler", [*SAMPLERS, qmc.LatinHypercube(8, rng=0)])
def test_a_name_applies_where_its_branch_is_drawn(sampler):
    drawn = settings(TREE, 400, sampler=sampler)
    names = ["lr", "optimizer", "momentum", "eps", "decay", "rate", "mask"]
    assert list(drawn) == names == list(dimensions(TREE))
    sgd, decays = drawn["optimizer"] == "sgd", drawn["decay"] == 1
    assert set(drawn["optimizer"][~sgd]) == {"adam"}
    np.testing.assert_allclose([sgd.mean(), decays.mean()], [1 / 2, 1 / 4], atol=0.06)
    assert np.isfinite(drawn["lr"]).all()
    np.testing.assert_array_equal(~np.isnan(drawn["momentum"]), sgd)
    np.testing.assert_array_equal(~np.isnan(drawn["decay"]), ~sgd)
    np.testing.assert_array_equal(~np.isnan(drawn["rate"]), decays)
    np.testing.assert_array_equal(drawn["mask"] != "", decays)
    assert set(drawn["mask"]) == {"", "all", "kernels"}
    assert (drawn["eps"][sgd] == 0).all()
    assert set(drawn["eps"][~sgd]) == {1e-8, 1e-6}


def test_the_names_of_every_branch_are_remembered():
    full = dimensions(TREE)
    assert full["optimizer"] == choice(["sgd", "adam"])
    assert full["decay"] == choice([0, 1])
    assert full["eps"] == Either("either", (grid([0]), grid([1e-8, 1e-6])))
    assert full["mask"] == choice(["all", "kernels"])
    assert not is_product(full)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_list_of_spaces_draws_from_each(sampler):
    slow = {"lr": loguniform(1e-4, 1e-2), "momentum": uniform(0.9, 0.99)}
    fast, fixed = {"lr": loguniform(1e-4, 1e-2), "momentum": 0}, {"momentum": 0, "lr": [1, 2]}
    drawn = settings([slow, fast, fixed], 5, sampler=sampler)
    alone = settings(slow, 5, sampler=sampler)
    for name, x in alone.items():
        np.testing.assert_array_equal(drawn[name][:5], x)
    assert (drawn["momentum"][5:] == 0).all()
    assert len(set(drawn["lr"][:10])) == 10  # no two dicts draw alike
    assert drawn["lr"][10:].tolist() == [1, 2]
    more = settings([slow, fast, fixed], 8, sampler=sampler)
    for i in (0, 1):
        np.testing.assert_array_equal(drawn["lr"][5 * i :][:5], more["lr"][8 * i :][:5])


def test_a_list_of_spaces_is_remembered_part_by_part():
    every = [{"lr": loguniform(1e-4, 1), "b": uniform(0, 1)}, {"b": 0.5, "lr": 0.1}]
    full = dimensions(every)
    assert full["lr"].parts == (loguniform(1e-4, 1), grid([0.1]))
    assert (full["lr"].log, full["b"].log) == (True, False)
    assert not dimensions([{"a": loguniform(1, 2)}, {"a": 0}])["a"].log
    assert dimensions(every[:1]) == every[0]
    # crosses of a product are all there; those of two are not
    assert is_product(dimensions([{"a": [1, 2]}]))
    assert not is_product(dimensions([{"a": [1, 2]}, {"a": 3}]))


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
        (lambda: quniform(1, 0, 0.1), "quniform needs low < high"),
        (lambda: quniform(0, 1, 0), "quniform needs 0 < q"),
        (lambda: quniform(0, 1, -0.5), "quniform needs 0 < q"),
        (lambda: quniform(0, 1, float("nan")), "quniform needs 0 < q"),
        (lambda: quniform(0, 1, 100), "two multiples of q, not q = 100"),
        (lambda: normal(0, 0), "normal needs a finite mean and 0 < std"),
        (lambda: normal(0, float("inf")), "not 0 and inf"),
        (lambda: normal(float("nan"), 1), "normal needs a finite mean"),
        (lambda: grid([]), "an empty grid"),
        (lambda: choice(["adam", 0.1]), "'adam'.* in a choice: values are all numbers or all str"),
        (lambda: grid([{"lr": 1}]), "in a grid: values are"),
        (lambda: choice("adam"), "'adam' is one string, and a choice takes a list"),
        (lambda: grid(["adam", ""]), "one printable character or more"),
        (lambda: grid(["a\rb"]), "one printable character or more"),
        (lambda: choice([{"a": 1}, 2]), r"\[2\] in a choice of spaces"),
        (lambda: choice({"sgd": {"a": 1}, "adam": 2}), r"\[2\] in a choice of spaces"),
        (lambda: choice({"sgd": 1}), r"\[1\] in a choice of spaces"),
        (lambda: choice({}), "an empty choice"),
        (lambda: settings({"o": choice([{"a": []}])}, 1), "o: a: an empty grid"),
        (lambda: settings({"o": choice([{"a": 1}]), "a": 1}, 1), "a: named in a branch and outs"),
        (lambda: settings({"o": choice([{"o": 1}])}, 1), "o: named in a branch and outside"),
        (
            lambda: settings({"o": choice([{"a": 1}]), "p": choice([{"a": 1}])}, 1),
            "a: named in a branch and outside",
        ),
        (lambda: settings({"o": choice([{"a": 1}, {"a": "x"}])}, 1), "a: strings, and numbers"),
        (lambda: settings([{"a": 1}, {"a": "x"}]), "a: strings, and numbers"),
        (lambda: settings({"lr": uniform(0, 1)}, 2, 0, "tpe"), "in a sweep, from scores"),
        (lambda: grid([0.1, float("nan")]), "finite"),
        (lambda: settings({}), "the space is empty"),
        (lambda: settings([0.1]), "a space is a dict"),
        (lambda: settings({"lr": []}), "lr: an empty grid"),
        (lambda: settings({"lr": [0.1]}, n=4), "leave n out"),
        (lambda: settings({"lr": uniform(0, 1)}), "give n.*lr is random"),
        (lambda: settings({"lr": uniform(0, 1)}, n=0), "1 or more"),
        (lambda: settings({"lr": uniform(0, 1)}, 2, 0, "sobel"), "'sobel': did you mean 'sobol'"),
        (lambda: settings({"lr": uniform(0, 1)}, 2, 0, None), "no sampler 'None'.*QMCEngine"),
        (
            lambda: settings({"lr": uniform(0, 1)}, 2, 0, qmc.Halton(2)),
            "2 dimensions .* of 1 names",
        ),
        (lambda: settings({"lr": [0.1]}, None, 0, "sobol"), "leave the sampler out"),
        (lambda: settings([]), "the space is empty"),
        (lambda: settings([{"lr": 1}, {}]), "space 1: the space is empty"),
        (lambda: settings([{"lr": 1}, {"lr": []}]), "space 1: lr: an empty grid"),
        (lambda: settings([{"lr": 1}, {"lr": [1]}], n=2), "leave n out"),
        (lambda: settings([{"lr": 1}, {"lr": normal(0, 1)}]), "give n.*lr is random"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
