"""`minimize` against SciPy's; its bounds, starts, callbacks and ends; and one program for all."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import Bounds, OptimizeResult

import jsgd
from jsgd.core import linesearch
from jsgd.train.bounds import read_bounds

START, SCALE = np.array([-1.2, 1.0]), (100.0,)


def rosenbrock(x, scale):
    return jnp.sum(scale * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def square(x):
    return sum(jnp.sum(jnp.abs(leaf - 1) ** 2) for leaf in jax.tree.leaves(x))


def inside(x, low, high, a, b):
    """A quadratic that has no value outside the bounds."""
    return jnp.where(jnp.all((low <= x) & (x <= high)), 0.5 * x @ a @ x - b @ x, jnp.nan)


def test_is_called_as_scipys():
    """And gives its result, in double precision, for no more evaluations."""
    result = jsgd.minimize(rosenbrock, START, args=SCALE)
    theirs = scipy.optimize.minimize(
        scipy.optimize.rosen,
        START,
        jac=scipy.optimize.rosen_der,
        method="L-BFGS-B",
        options={"gtol": 1.5e-8, "ftol": 0},
    )
    assert isinstance(result, OptimizeResult)
    assert (result.success, result.status) == (True, theirs.status)
    np.testing.assert_allclose(result.x, theirs.x, atol=1e-8)
    np.testing.assert_allclose(result.jac, scipy.optimize.rosen_der(result.x), atol=1e-12)
    assert result.fun == pytest.approx(scipy.optimize.rosen(result.x), abs=1e-25)
    assert result.nit == int(result.state.t) < result.nfev <= 1.1 * theirs.nfev


@pytest.mark.parametrize(
    ("kind", "array", "dtype"),
    [
        (np.array, np.ndarray, np.float64),
        (list, np.ndarray, np.float64),
        (jnp.array, jax.Array, np.float32),
    ],
)
def test_x_comes_back_as_x0_came(kind, array, dtype):
    result = jsgd.minimize(rosenbrock, kind([-1.2, 1.0]), SCALE)
    assert isinstance(result.x, array)
    assert isinstance(result.jac, array)
    assert result.x.dtype == result.jac.dtype == dtype
    np.testing.assert_allclose(result.x, 1, atol=1e-7 if dtype is np.float64 else 1e-3)
    assert not jax.config.jax_enable_x64


def test_other_numbers_are_the_same_program():
    traced = []

    def fun(x, scale):
        traced.append(x)
        return rosenbrock(x, scale)

    for boxes in ((None, None), ([(-2, 2), (None, 2)], Bounds([-3, -3], [0.5, 0.2]))):
        jsgd.minimize(fun, START, SCALE, bounds=boxes[0])
        seen = len(traced)
        how = {"optimizer": jsgd.lbfgs(0.5), "tol": 1e-3, "ftol": 1e-9, "max_steps": 7}
        jsgd.minimize(fun, -START, (10.0,), bounds=boxes[1], **how)
        assert len(traced) == seen


@pytest.mark.parametrize("seed", range(4))
def test_within_bounds_it_ends_where_scipy_does(seed):
    """From outside, with several numbers at a bound; and it asks nothing outside."""
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    a, b, x0 = q @ np.diag(np.geomspace(1, 300, 20)) @ q.T, *rng.normal(size=(2, 20)) * 10
    low = rng.uniform(-1, 0, 20)
    high = low + rng.exponential(0.5, 20)
    low[::4], high[1::4] = -np.inf, np.inf
    result = jsgd.minimize(inside, x0, (low, high, a, b), bounds=Bounds(low, high))
    theirs = scipy.optimize.minimize(
        lambda x: (0.5 * x @ a @ x - b @ x, a @ x - b),
        x0,
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(low, high),
        options={"gtol": 1e-9, "ftol": 0},
    )
    assert result.success
    assert 3 <= np.sum((result.x == low) | (result.x == high)) <= 17
    np.testing.assert_allclose(result.x, theirs.x, atol=1e-7)
    assert result.nfev <= 1.3 * theirs.nfev


def test_bounds_that_do_not_bind_change_nothing():
    free = jsgd.minimize(rosenbrock, START, SCALE)
    result = jsgd.minimize(rosenbrock, START, SCALE, bounds=[(None, None), (-9, 9)])
    np.testing.assert_allclose(result.x, free.x, atol=1e-7)


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds([0, -np.inf], [np.inf, 2]),
        [(0, None), (None, 2)],
        np.array([[0, np.inf], [-np.inf, 2]]),
    ],
)
def test_scipys_forms_of_bounds(bounds):
    low, high = read_bounds(bounds, jnp.zeros(2))
    np.testing.assert_array_equal(low, [0, -np.inf])
    np.testing.assert_array_equal(high, [np.inf, 2])


def test_bounds_of_a_tree_are_two_prefixes():
    x0 = {"a": np.zeros(3), "b": np.zeros(())}
    bounds = ({"a": None, "b": 1.5}, {"a": np.array([0.5, 3, 3]), "b": None})
    result = jsgd.minimize(square, x0, bounds=bounds)
    np.testing.assert_allclose(result.x["a"], [0.5, 1, 1])
    np.testing.assert_allclose(result.x["b"], 1.5)
    np.testing.assert_allclose(result.jac["b"], 1.0)


@pytest.mark.parametrize("opt", [jsgd.adam(0.1), jsgd.sgd(0.3), jsgd.lbfgs(linesearch=None)])
def test_any_optimizer_and_its_projection(opt):
    result = jsgd.minimize(square, np.zeros(2), optimizer=opt, bounds=[(None, None), (2, 3)])
    assert result.success
    assert result.nfev == result.nit + 1
    np.testing.assert_allclose(result.x, [1, 2], atol=1e-8)


def test_averages_are_what_is_looked_at():
    opt, params = jsgd.ema(jsgd.sgd(0.1)), jnp.zeros(2)
    result = jsgd.minimize(square, params, optimizer=opt, max_steps=5)
    state = opt.init(params)
    for _ in range(5):
        params, state = opt.step(params, 2 * (params - 1), state)
    np.testing.assert_allclose(result.x, jsgd.eval_params(params, state), rtol=1e-6)
    assert result.fun == pytest.approx(float(square(result.x)))


def test_complex_numbers():
    result = jsgd.minimize(square, np.array([3 + 4j]))
    np.testing.assert_allclose(result.x, 1, atol=1e-8)


@pytest.mark.parametrize("every", [1, 4])
def test_callback_sees_the_path(every):
    """And leaves the result as it is without."""
    seen = []

    def callback(intermediate_result):
        seen.append(intermediate_result)

    result = jsgd.minimize(rosenbrock, START, SCALE, callback=callback, callback_every=every)
    plain = jsgd.minimize(rosenbrock, START, SCALE)
    assert [r.nit for r in seen] == [*range(every, plain.nit, every), plain.nit]
    assert seen[-1].fun == result.fun == plain.fun
    assert all(a.fun > b.fun for a, b in itertools.pairwise(seen))


def test_callback_of_x_may_stop_it():
    seen = []

    def callback(x):
        seen.append(x)
        if len(seen) == 3:
            raise StopIteration

    result = jsgd.minimize(rosenbrock, START, SCALE, callback=callback)
    assert (result.success, result.status, result.nit) == (False, 99, 3)
    assert "StopIteration" in result.message
    np.testing.assert_array_equal(result.x, seen[-1])


def test_starts_find_the_global_minimum():
    """Of Rastrigin's function, which has 121 minima there."""

    def rastrigin(x):
        return jnp.sum(x**2 + 10 - 10 * jnp.cos(2 * jnp.pi * x))

    x0, box = np.array([3.1, 2.1]), Bounds([-5.5, -5.5], [5, 5])
    alone = jsgd.minimize(rastrigin, x0, bounds=box)
    assert alone.fun > 1
    result = jsgd.minimize(rastrigin, x0, bounds=box, n_starts=100, key=1)
    np.testing.assert_allclose(result.x, 0, atol=1e-8)
    table = result.starts
    assert result.fun == table.fun.min()
    assert table.x.shape == table.x0.shape == (100, 2)
    np.testing.assert_array_equal(table.x0[0], x0)
    np.testing.assert_allclose(table.x[0], alone.x)
    assert len(np.unique(table.x0, axis=0)) == 100
    assert np.all((table.x0 >= -5.5) & (table.x0 <= 5))
    assert table.nit[0] == alone.nit


def falling_off(x):
    return jnp.where(x > 0.1, x**2, jnp.nan)


def uphill(x):
    """Its gradient leads to where it is higher."""
    return square(jax.lax.stop_gradient(x)) + jnp.sum(x - jax.lax.stop_gradient(x))


@pytest.mark.parametrize(
    ("fun", "x0", "how", "status", "x"),
    [
        (square, np.zeros(2), {"tol": 0.1}, 0, 1),
        (square, np.zeros(2), {"optimizer": jsgd.sgd(0.0), "ftol": 1e-9, "max_steps": 9}, 1, 0),
        (square, np.zeros(2), {"max_steps": 0}, 1, 0),
        (uphill, np.zeros(2), {}, 2, 0),
        (falling_off, 1.0, {"optimizer": jsgd.sgd(0.3)}, 3, 0.16),
        (falling_off, -1.0, {}, 3, -1),
    ],
)
def test_ends(fun, x0, how, status, x):
    """A step into what is not finite is not returned; one that goes nowhere is no convergence."""
    result = jsgd.minimize(fun, x0, **how)
    assert (result.status, result.success) == (status, status == 0)
    np.testing.assert_allclose(result.x, x, atol=1e-6)


def test_a_small_change_ends_it():
    how = {"optimizer": jsgd.sgd(0.01), "tol": 0}
    result = jsgd.minimize(lambda x: 1 + square(x), np.zeros(2), ftol=1e-3, **how)
    assert result.success
    assert "ftol" in result.message
    assert 1.01 < result.fun < 1.1


def test_slopes_decide_where_values_are_rounded():
    """The last of a search is the result, though in float32 its value may seem higher."""

    def fun(x):
        return 1e4 + jnp.sum(0.3 * x**2 + jnp.where(x < 0.01, 1e-3, 0))

    x0 = jnp.array([0.02])
    result = jsgd.minimize(fun, x0, max_steps=1, tol=0)
    assert result.fun > fun(x0)
    np.testing.assert_allclose(result.x, 0.4 * x0, rtol=1e-5)


def test_a_search_along_bounds_bends():
    """Past the bend the slope is that of what still moves, and need not be flat."""

    def fun(x):
        return jnp.dot(jnp.array([-10.0, 5.0]), x)

    x, gradient = jnp.zeros(2), jnp.array([-10.0, 5.0])
    bounds = jnp.full(2, -jnp.inf), jnp.array([1.0, jnp.inf])
    found = linesearch.zoom(fun, x, jnp.ones(2), jnp.float32(0), gradient, bounds=bounds)
    np.testing.assert_array_equal(found.params, [1, 1])
    assert int(found.evaluations) == 1


def test_a_search_stays_where_values_are_finite():
    result = jsgd.minimize(lambda x: jnp.sum(x - jnp.log(x)), np.array([0.01, 30.0]))
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fun": 3}, "fun = 3"),
        ({"fun": lambda x: x}, r"fun returned float64\[2\]"),
        ({"x0": {}}, "x0: it has no numbers"),
        ({"x0": {"a": "b"}}, "x0: 'a' is 'b'"),
        ({"args": ("b",)}, "args: '0' is 'b'"),
        ({"optimizer": "adam"}, "optimizer = 'adam'"),
        ({"tol": -1}, "tol = -1"),
        ({"ftol": "small"}, "ftol = 'small'"),
        ({"max_steps": 2.5}, "max_steps = 2.5"),
        ({"callback_every": 0}, "callback_every = 0"),
        ({"n_starts": 0}, "n_starts = 0"),
        ({"n_starts": 2}, "must be finite"),
        ({"n_starts": 2, "bounds": [(0, 1), (0, None)]}, "must be finite"),
        ({"n_starts": 2, "bounds": (0, 1), "key": "a"}, "key = 'a'"),
        ({"n_starts": 2, "callback": print}, "callback: "),
        ({"bounds": [(0, 1), (2, 1)]}, "low = .* must be at most high"),
        ({"bounds": [(0, 1), (np.nan, 1)]}, "low = .* must be at most high"),
        ({"bounds": [(0, 1)] * 3}, "3 pairs for 2 numbers"),
        ({"bounds": 3}, "bounds = 3: for one array"),
        ({"bounds": Bounds([0, 0, 0], 1)}, "bounds: .*shape"),
        ({"x0": {"a": np.zeros(2)}, "bounds": ({"b": 0}, 1)}, "bounds is a tree that is no prefix"),
        ({"x0": {"a": np.zeros(2)}, "bounds": Bounds(0, 1)}, "SciPy's are for one"),
        ({"x0": np.zeros(2, complex), "bounds": (0, 1)}, "complex"),
    ],
)
def test_what_it_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        jsgd.minimize(**({"fun": square, "x0": np.zeros(2)} | change))
