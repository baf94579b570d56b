"""The searches against the conditions that they promise, SciPy, and a plain working of the book."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden import second_order as book
from scipy.optimize import line_search

from jsgd.core import linesearch

SEARCHES = {"zoom": linesearch.zoom, "backtracking": linesearch.backtracking}
WORKED = {"zoom": book.strong_wolfe, "backtracking": book.backtracking}
CURVES = {  # functions of a number that fall at first
    "bowl": lambda x: (x - 3) ** 2,
    "quartic": lambda x: (x - 2) ** 4 - x,
    "wavy": lambda x: jnp.sin(3 * x) - x + 0.05 * x**2,
    "barrier": lambda x: -jnp.log(x + 0.01) - jnp.log(1 - x),  # NaN from 1 on
    "flat": lambda x: -x / (x**2 + 2),
    "steep": lambda x: jnp.exp(4 * x) - 100 * x,
}


def searched(search, curve, step):
    value, slope = jax.value_and_grad(curve)(0.0)
    direction = -jnp.sign(slope)
    return jax.jit(lambda x, step: SEARCHES[search](curve, x, direction, value, slope, step=step))(
        jnp.float64(0), step
    ), direction


@pytest.mark.parametrize("step", [1e-3, 0.3, 1.0, 30.0])
@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("search", SEARCHES)
def test_agrees_with_the_book(search, curve, step, x64):
    """The same step after the same trials, and its value and gradient."""
    fn, trials = CURVES[curve], []
    (found, direction) = searched(search, fn, step)

    def phi(step):
        if step != 0 and step not in trials:
            trials.append(step)
        value, slope = jax.value_and_grad(fn)(step * direction)
        return float(value), float(slope * direction), slope

    expected = WORKED[search](phi, step)
    assert float(found.step) == pytest.approx(expected, rel=1e-9)
    assert int(found.evaluations) == len(trials)
    value, grads = jax.value_and_grad(fn)(found.params)
    np.testing.assert_allclose((found.value, found.grads), (value, grads), rtol=1e-9)


@pytest.mark.parametrize("step", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("curve", CURVES)
def test_zoom_satisfies_the_strong_wolfe_conditions(curve, step, x64):
    fn = CURVES[curve]
    (found, direction) = searched("zoom", fn, step)
    value, slope = jax.value_and_grad(fn)(0.0)
    slope, new_slope = slope * direction, found.grads * direction
    assert found.step > 0
    assert found.value <= value + 1e-4 * found.step * slope
    assert abs(new_slope) <= 0.9 * abs(slope)


def test_scipy_finds_such_steps_where_zoom_does(x64):
    """And it spends no fewer evaluations over all curves; its first trial is 1."""
    ours = theirs = 0
    for fn in CURVES.values():
        (found, direction) = searched("zoom", fn, 1.0)
        step, evaluations, *_ = line_search(
            lambda x, fn=fn: float(fn(x[0])),
            lambda x, fn=fn: np.array([float(jax.grad(fn)(x[0]))]),
            np.zeros(1),
            np.array([float(direction)]),
        )
        assert step is not None
        ours, theirs = ours + int(found.evaluations), theirs + evaluations - 1
    assert ours <= theirs


@pytest.mark.parametrize("search", SEARCHES)
def test_finds_nothing_uphill(search):
    """It stays where it was, after the evaluations that it is allowed."""
    x, value, grads = jnp.ones(2), jnp.float32(2), 2 * jnp.ones(2)
    fn = SEARCHES[search]
    found = fn(lambda x: jnp.sum(x**2), x, grads, value, grads, max_steps=5)
    np.testing.assert_array_equal(found.params, x)
    np.testing.assert_array_equal(found.grads, grads)
    assert (float(found.value), float(found.step), int(found.evaluations)) == (2, 0, 5)
    nan = fn(lambda x: jnp.sum(x**2), x, jnp.full(2, jnp.nan), value, grads, max_steps=5)
    np.testing.assert_array_equal(nan.params, x)


@pytest.mark.parametrize("search", SEARCHES)
def test_at_a_minimum(search):
    """A zero gradient is the end, after one look."""
    zero = jnp.zeros(2)
    found = SEARCHES[search](lambda x: jnp.sum(x**2), zero, zero, jnp.float32(0), zero)
    assert int(found.evaluations) == 1
    np.testing.assert_array_equal(found.params, zero)


def test_slopes_decide_where_values_are_rounded():
    """In float32 a loss of 1e4 can seem to rise by a rounding, all the way down."""

    def fn(x):
        return 1e4 + 0.5 * x**2 + jnp.where(x < 0.01, 1e-3, 0)

    x = jnp.float32(0.02)
    value, grads = jax.value_and_grad(fn)(x)
    assert fn(jnp.float32(0)) > value
    found = linesearch.zoom(fn, x, -grads, value, grads)
    np.testing.assert_allclose(found.params, 0.0, atol=1e-6)
