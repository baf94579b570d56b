"""The problems of Moré, Garbow and Hillstrom are theirs, and `minimize` solves all 18."""

import jax
import numpy as np
import pytest
from mgh_functions import PROBLEMS, SIZE, any_of_them, padded

import jsgd

NUMBERED = [(i, *item) for i, item in enumerate(PROBLEMS.items())]
each = pytest.mark.parametrize(("i", "name", "problem"), NUMBERED, ids=list(PROBLEMS))


def look(i, x):
    """The value and the gradient there."""
    return jsgd.minimize(any_of_them, padded(x), args=(i,), max_steps=0)


@each
def test_has_its_published_values(i, name, problem):
    """At the start, and where the minimum is known in closed form."""
    assert look(i, problem.start).fun == pytest.approx(problem.at_start, rel=1e-10)
    if problem.solution is not None:
        assert look(i, problem.solution).fun <= 1e-20


@each
def test_gradient_is_that_of_differences(i, name, problem):
    start = problem.start + 0.01  # where none of the functions has a kink or a symmetry
    ours = look(i, start).jac[: start.size]
    steps = 1e-5 * np.eye(start.size)
    central = [look(i, start + h).fun - look(i, start - h).fun for h in steps]
    np.testing.assert_allclose(ours, np.divide(central, 2e-5), atol=1e-5 * np.abs(ours).max())


@each
def test_is_solved(i, name, problem):
    """In float64, to a published minimum; SciPy's L-BFGS-B solves 17 (benchmarks/mgh.py)."""
    result = jsgd.minimize(any_of_them, padded(problem.start), args=(i,), tol=1e-12, ftol=0)
    assert problem.is_solved(result.fun)
    assert not jax.config.jax_enable_x64
    assert result.x.dtype == np.float64
    assert result.x.size == SIZE
