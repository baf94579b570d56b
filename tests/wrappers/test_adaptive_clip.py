"""Adaptive clipping against optax's, which sees units as we do but in leaves of three axes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import assert_agree, assert_close, lenient

import jsgd


@pytest.mark.parametrize("max_ratio", [0.05, 0.5])
@pytest.mark.parametrize("eps", [1e-3, 0.9])
def test_equals_optax(max_ratio, eps):
    assert_agree(
        jsgd.adaptive_clip(jsgd.sgd(0.1, momentum=0.9), max_ratio, eps),
        optax.chain(optax.adaptive_grad_clip(max_ratio, eps), optax.sgd(0.1, momentum=0.9)),
    )


def step(params, grads, max_ratio=0.1):
    opt = jsgd.adaptive_clip(jsgd.sgd(1.0), max_ratio)
    return opt.step(params, grads, opt.init(params))[0] - params


@pytest.mark.parametrize("shape", [(4,), (1, 1, 1, 4), (3, 4), (3, 2, 2, 4), (2, 2, 2, 3, 4), ()])
@pytest.mark.parametrize("dtype", [float, complex])
def test_units_are_those_of_optax(x64, shape, dtype):
    draw = np.random.RandomState(3).standard_normal
    params, grads = (jnp.asarray(draw(shape) + 1j * draw(shape)) for _ in range(2))
    if dtype is float:
        params, grads = params.real, grads.real
    grads = 10 * grads
    tx = optax.adaptive_grad_clip(0.1)
    with lenient():
        expected, _ = tx.update(grads, tx.init(params), params)
    assert_close(step(params, grads), -expected, rtol=1e-12)
    assert np.abs(expected - grads).max() > 0.1


def test_units_of_three_axes_are_those_of_the_last(x64):
    """A kernel (width, in, out): the same numbers as (width * in, out)."""
    draw = np.random.RandomState(3).standard_normal
    params, grads = jnp.asarray(draw((3, 2, 4))), jnp.asarray(draw((3, 2, 4)))
    flat = step(params.reshape(6, 4), grads.reshape(6, 4))
    assert_close(step(params, grads).reshape(6, 4), flat, rtol=1e-12)


def test_ratios_per_leaf():
    """The last layer may go free."""
    params = {"body": jnp.full((2, 1), 3.0), "head": jnp.full((2, 1), 3.0)}
    opt = jsgd.adaptive_clip(jsgd.sgd(1.0), {"body": 0.5, "head": jnp.inf})
    new, _ = opt.step(params, jax.tree.map(lambda x: 2 * x, params), opt.init(params))
    assert_close(new, {"body": jnp.full((2, 1), 1.5), "head": jnp.full((2, 1), -3.0)})


def test_errors():
    with pytest.raises(ValueError, match=r"max_ratio must be in \(0, inf\]"):
        jsgd.adaptive_clip(jsgd.sgd(), 0.0)
