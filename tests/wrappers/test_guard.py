"""What happens at a gradient that is not a number: nothing, exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import NOISE, PARAMS, assert_agree, assert_same, ours

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


def test_imaginary_part_counts():
    opt = jsgd.skip_nonfinite(jsgd.sgd(1.0))
    params = jnp.ones(1, jnp.complex64)
    bad = jax.lax.complex(jnp.zeros(1), jnp.array([jnp.inf]))
    assert_same(opt.step(params, bad, opt.init(params))[0], params)
