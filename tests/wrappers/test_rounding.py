"""Narrow parameters that move by less than their rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walks import assert_same

import jsgd
from jsgd.wrappers.rounding import _rounded

NARROW = pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])


def slide(opt, dtype, shape=(), steps=40):
    """From 1 along gradients of 1."""
    params = jnp.ones(shape, dtype)

    def step(carry, _):
        return opt.step(carry[0], jnp.ones(shape, dtype), carry[1]), None

    return jax.lax.scan(step, (params, opt.init(params)), length=steps)[0]


@NARROW
def test_kahan_sums_as_float32_does(dtype):
    """Where the plain sum rests."""
    params, state = slide(jsgd.kahan(jsgd.sgd(1e-4)), dtype)
    assert state.slots["compensation"].dtype == dtype
    total = float(params) + float(state.slots["compensation"])
    np.testing.assert_allclose(1 - total, 40e-4, rtol=1e-2)
    assert float(slide(jsgd.sgd(1e-4), dtype)[0]) == 1.0


def test_kahan_drops_a_compensation_that_is_not_the_parameters():
    opt = jsgd.kahan(jsgd.sgd(1e-3))
    params, state = opt.step(
        jnp.ones(2, jnp.bfloat16), jnp.ones(2), opt.init(jnp.ones(2, "bfloat16"))
    )
    params = params.at[0].set(0.0)
    params, state = opt.step(params, jnp.zeros(2), state)
    total = params.astype(float) + state.slots["compensation"].astype(float)
    np.testing.assert_allclose(total, [0.0, 0.999], atol=1e-5)


@NARROW
@pytest.mark.parametrize("x", [1.001, -1.001, 3e-7, -0.3, 0.0, 1.0, 70000.0, float("inf")])
def test_rounding_is_to_a_neighbour_and_right_on_average(dtype, x):
    draws = _rounded(
        jnp.full(20000, x, jnp.float32), jnp.zeros(20000, dtype), jax.random.key(0)
    ).astype(jnp.float32)
    nearest = float(jnp.float32(x).astype(dtype))
    if x == nearest or not np.isfinite(nearest):
        assert set(draws.tolist()) == {nearest}
        return
    low, high = sorted(set(draws.tolist()))
    assert low < x < high
    assert float(jnp.nextafter(jnp.asarray(low, dtype), jnp.asarray(jnp.inf, dtype))) == high
    slack = 5 * (high - low) / np.sqrt(4 * 20000)  # five standard deviations at most
    assert abs(np.mean(draws, dtype=float) - x) < slack


def test_stochastic_rounding_moves_the_mean():
    opt = jsgd.stochastic_rounding(jsgd.adam(1e-4))
    params, _ = slide(opt, jnp.bfloat16, (4000,))
    np.testing.assert_allclose(1 - params.astype(float).mean(), 40e-4, rtol=0.1)


@pytest.mark.parametrize("wrap", [jsgd.kahan, jsgd.stochastic_rounding])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_wide_leaves_are_as_they_were(wrap, dtype):
    """Bit for bit, and for no memory."""
    plain, opt = jsgd.adam(0.1), wrap(jsgd.adam(0.1))
    params = jnp.ones(3, dtype)
    state = opt.init(params)
    assert jax.tree.leaves({k: x for k, x in state.slots.items() if k != "key"}) == []
    expected = plain.step(params, params, plain.init(params))[0]
    assert_same(opt.step(params, params, state)[0], expected)
