"""L-BFGS against SciPy's and optax's, and what it does where curvature or a step is missing."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize
from walks import lenient

import jsgd
from jsgd.core import tree

SIZE = 100
START = np.where(np.arange(SIZE) % 2, 1.0, -1.2)
A = np.diag(np.geomspace(1, 50, 6)) + 0.3


def rosenbrock(x, n):
    """The chained one, of the first n numbers."""
    terms = 100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2
    return jnp.sum(jnp.where(jnp.arange(len(x) - 1) < n - 1, terms, 0))


def ours(n, **settings):
    """How many evaluations of value and gradient it takes to 1e-8; one program for all n."""
    opt = jsgd.lbfgs(**settings)

    def step(carry):
        params, state, _ = carry
        value, grads = jsgd.value_and_grad(lambda x: rosenbrock(x, n), params, state)
        params, state = opt.step(
            params, grads, state, value=value, value_fn=lambda x: rosenbrock(x, n)
        )
        return params, state, state.slots["next_value"]

    params = jnp.where(jnp.arange(SIZE) < n, START, 0)
    first = params, opt.init(params), jnp.float64(1)
    _, state, value = jax.lax.while_loop(lambda c: (c[2] > 1e-8) & (c[1].t < 1000), step, first)
    return value, 1 + state.slots["evaluations"]


def scipys(n):
    values = []

    def fn(x):
        values.append(scipy.optimize.rosen(x))
        return values[-1], scipy.optimize.rosen_der(x)

    scipy.optimize.minimize(fn, START[:n], jac=True, method="L-BFGS-B", options={"ftol": 1e-15})
    return next(i for i, value in enumerate(values, 1) if value <= 1e-8)


def test_rosenbrock_in_as_few_evaluations_as_scipy(x64):
    solve = jax.jit(ours)
    for n in (2, 5, 10, 20, 50, 100):
        value, evaluations = solve(n)
        assert value <= 1e-8
        assert int(evaluations) <= 1.5 * scipys(n), n


def quadratic(x):
    return 0.5 * jnp.dot(x - 1, A @ (x - 1))


def walk(opt, fn=quadratic, steps=15, start=jnp.zeros):
    @jax.jit
    def run(params):
        def body(carry, _):
            params, state = carry
            value, grads = tree.value_and_grad(fn, params)
            carry = opt.step(params, grads, state, value=value, value_fn=fn)
            return carry, (carry[0], value)

        (_, state), (path, values) = jax.lax.scan(body, (params, opt.init(params)), length=steps)
        return path, values, state

    return run(start(6) if callable(start) else start)


@pytest.mark.parametrize("plain", [True, False])
def test_agrees_with_optax_without_a_search(plain, x64):
    settings = {"memory_size": 3, "scale_init_precond": not plain}
    lr = 0.01 if plain else 0.7
    path, *_ = walk(jsgd.lbfgs(lr, linesearch=None, **settings))
    expected, *_ = walk(theirs(optax.lbfgs(lr, linesearch=None, **settings)))
    np.testing.assert_allclose(path, expected, rtol=1e-9)


def test_agrees_with_optax_backtracking(x64):
    search = optax.scale_by_backtracking_linesearch(20, decrease_factor=0.5, increase_factor=1e9)
    path, *_ = walk(jsgd.lbfgs(linesearch="backtracking"), steps=10)
    expected, *_ = walk(theirs(optax.lbfgs(linesearch=search)), steps=10)
    np.testing.assert_allclose(path, expected, rtol=1e-8, atol=1e-8)


def theirs(tx):
    def step(params, grads, state, *, value, value_fn):
        with lenient():
            updates, state = tx.update(
                grads, state, params, value=value, grad=grads, value_fn=value_fn
            )
        return optax.apply_updates(params, updates), state

    return jsgd.Optimizer(tx.init, step)


def test_complex_parameters_are_pairs_of_reals(x64):
    """The same path as over the real and imaginary parts."""

    def fn(z):
        return quadratic(jnp.concatenate([z.real, z.imag]))

    path, *_ = walk(jsgd.lbfgs(), fn, start=jnp.zeros(3, jnp.complex128))
    expected, *_ = walk(jsgd.lbfgs())
    np.testing.assert_allclose(
        jnp.concatenate([path.real, path.imag], 1), expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("linesearch", ["backtracking", None])
def test_pairs_of_negative_curvature_are_not_remembered(linesearch):
    """A concave loss has no others; the steps go on downhill."""
    opt = jsgd.lbfgs(0.1, linesearch=linesearch)
    _, values, state = walk(opt, lambda x: -jnp.sum(jnp.cosh(x + 0.1)), steps=4)
    assert np.all(np.diff(values) < 0)
    np.testing.assert_array_equal(state.slots["rho"], 0)


def test_a_search_that_finds_nothing_stays_and_forgets(x64):
    """Here because the loss it is given rises along the gradient's opposite."""
    opt, params = jsgd.lbfgs(max_linesearch_steps=4), jnp.ones(6)
    _, _, state = walk(opt, steps=3)
    assert np.count_nonzero(state.slots["rho"]) == 3
    new, after = opt.step(
        params, -params, state, value=jnp.float64(3), value_fn=lambda x: 0.5 * jnp.sum(x**2)
    )
    np.testing.assert_array_equal(new, params)
    np.testing.assert_array_equal(after.slots["rho"], 0)
    assert int(after.slots["evaluations"] - state.slots["evaluations"]) == 4
    assert (float(after.slots["next_value"]), *after.slots["next_gradient"]) == (3, *-params)


def test_half_precision_losses_see_half_precision_parameters():
    """The loss is asked at parameters of their own dtype, also by the search."""
    seen = []

    def fn(x):
        seen.append(x.dtype)
        return jnp.sum((x - 1) ** 2)

    opt, params = jsgd.lbfgs(), jnp.zeros(3, jnp.bfloat16)
    state = opt.init(params)
    for _ in range(3):
        value, grads = jsgd.value_and_grad(fn, params, state)
        params, state = opt.step(params, grads, state, value=value, value_fn=fn)
    assert grads.dtype == value.dtype == jnp.bfloat16
    assert set(seen) == {jnp.dtype("bfloat16")}
    np.testing.assert_array_equal(params.astype(float), 1)


def test_known_values_are_not_computed_again():
    """Where a line search left them; else, as under a wrapper, the loss is asked."""
    fn = jax.jit(lambda x: jnp.sum((x - 1) ** 2))
    opt, params = jsgd.lbfgs(), jnp.zeros(3)
    state = opt.init(params)
    value, grads = jsgd.value_and_grad(fn, params, state)
    assert (float(value), *grads.tolist()) == (3, -2, -2, -2)
    _, state = opt.step(params, grads, state, value=value, value_fn=fn)
    value, grads = jsgd.value_and_grad(fn, params, state)  # params are not what it returned
    assert 0 < float(value) < 1
    np.testing.assert_array_equal(value, state.slots["next_value"])
    np.testing.assert_array_equal(grads, state.slots["next_gradient"])
    wrapped = jsgd.weight_decay(opt, 0.1).init(params)
    assert float(jsgd.value_and_grad(fn, params, wrapped)[0]) == 3


def test_errors():
    with pytest.raises(ValueError, match="it is one of"):
        jsgd.lbfgs(linesearch="armijo")
    with pytest.raises(ValueError, match="memory_size = 0"):
        jsgd.lbfgs(memory_size=0)
    opt = jsgd.lbfgs()
    with pytest.raises(ValueError, match="pass it to the step"):
        opt.step(jnp.ones(2), jnp.ones(2), opt.init(jnp.ones(2)), value=jnp.float32(1))
