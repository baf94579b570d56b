"""What happens at a gradient that is not a number, or too large: nothing, exactly."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import NOISE, PARAMS, STEPS, assert_agree, assert_same, ours

import jsgd


def poisoned(bad, path=("layer", "bias")):
    """PARAMS as gradients, with one bad number in one leaf."""
    grads = jax.tree.map(lambda x: x, PARAMS)
    leaf = grads[path[0]][path[1]]
    grads[path[0]][path[1]] = leaf.at[0].set(bad)
    return grads


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", [jsgd.adam, jsgd.noisy_sgd, lambda: jsgd.ema(jsgd.sgd(0.1, 0.9))])
def test_bad_gradient_changes_nothing(bad, make):
    """Parameters, moments, averages, the random key and the inner count: bit for bit."""
    opt = jsgd.skip_nonfinite(make())
    step = jax.jit(opt.step)
    params, state = step(PARAMS, PARAMS, opt.init(PARAMS))
    same, after = step(params, poisoned(bad), state)
    assert_same((same, after.inner), (params, state.inner))
    assert (int(after.t), int(after.slots["skipped"])) == (2, 1)
    moved, after = step(params, PARAMS, after)
    assert (int(after.inner.t), int(after.slots["skipped"])) == (2, 1)
    assert_same((moved, after.inner), two_good_steps(step, opt))


def two_good_steps(step, opt):
    params, state = step(PARAMS, PARAMS, opt.init(PARAMS))
    params, state = step(params, PARAMS, state)
    return params, state.inner


def test_equals_optax():
    noise = jax.tree.map(lambda x: x.at[jnp.array([2, 3, 9])].set(jnp.nan), NOISE)
    opt = jsgd.skip_nonfinite(jsgd.adam(0.1))
    assert_agree(opt, optax.apply_if_finite(optax.adam(0.1), 100), noise)
    path, state = ours(opt, noise)
    assert int(state.slots["skipped"]) == 3
    assert np.all(np.isfinite(path["scale"]))


def test_skip_large_equals_optax():
    """`optax.MultiSteps` with `skip_large_updates`, of which the norm is given squared."""
    opt = jsgd.skip_large(jsgd.adam(0.1), 3.7)
    skips = functools.partial(optax.skip_large_updates, max_squared_norm=3.7**2)
    tx = optax.MultiSteps(optax.adam(0.1), 1, should_skip_update_fn=skips)
    noise = jax.tree.map(lambda x: x.at[3].set(jnp.nan).at[7].set(jnp.inf), NOISE)
    assert_agree(opt, tx.gradient_transformation(), noise)
    skipped = int(ours(opt, noise)[1].slots["skipped"])
    assert 2 < skipped < STEPS


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_skip_large_without_a_bound_skips_what_is_not_finite(bad):
    opt, plain = jsgd.skip_large(jsgd.adam(0.1), np.inf), jsgd.skip_nonfinite(jsgd.adam(0.1))
    noise = jax.tree.map(lambda x: x.at[2].set(bad), NOISE)
    (path, state), (other, expected) = ours(opt, noise), ours(plain, noise)
    assert_same((path, state.inner, state.slots), (other, expected.inner, expected.slots))
    assert int(state.slots["skipped"]) == 1


def test_zero_nans_equals_optax():
    noise = jax.tree.map(lambda x: x, NOISE)
    noise["layer"]["kernel"] = noise["layer"]["kernel"].at[jnp.array([2, 5]), 1, 0].set(jnp.nan)
    noise["scale"] = noise["scale"].at[5].set(jnp.nan)
    opt = jsgd.zero_nans(jsgd.adam(0.1))
    assert_agree(opt, optax.chain(optax.zero_nans(), optax.adam(0.1)), noise)
    path, state = ours(opt, noise)
    assert int(state.slots["found"]) == 2
    assert np.all(np.isfinite(path["layer"]["kernel"]))


def test_zero_nans_lets_infinities_through():
    opt = jsgd.zero_nans(jsgd.sgd(1.0))
    params, _ = opt.step(jnp.zeros(2), jnp.array([jnp.inf, jnp.nan]), opt.init(jnp.zeros(2)))
    assert_same(params, jnp.array([-jnp.inf, 0.0]))
    z = jnp.zeros(2, jnp.complex64)
    grads = jax.lax.complex(jnp.array([1.0, 2.0]), jnp.array([jnp.nan, 3.0]))
    assert_same(opt.step(z, grads, opt.init(z))[0], jnp.array([0, -2 - 3j], jnp.complex64))


def test_imaginary_part_counts():
    opt = jsgd.skip_nonfinite(jsgd.sgd(1.0))
    params = jnp.ones(1, jnp.complex64)
    bad = jax.lax.complex(jnp.zeros(1), jnp.array([jnp.inf]))
    assert_same(opt.step(params, bad, opt.init(params))[0], params)
