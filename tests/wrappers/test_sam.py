"""Sharpness-aware steps against optax's, and against the formulas in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import NOISE, PARAMS, assert_close, assert_same, lenient

import jsgd
from jsgd.core import tree


def loss(params, noise):
    """Not quadratic, so that every gradient is another."""
    terms = jax.tree.map(lambda p, n: jnp.sum(p**4 + p**2 + p * n), params, noise)
    return sum(jax.tree.leaves(terms))


def path(init, step):
    """`step(params, grads, state, value_fn)` along the noise, in float64."""
    params, noise = jax.tree.map(lambda x: jnp.asarray(x, float), (PARAMS, NOISE))

    def body(carry, noise):
        def value_fn(params):
            return loss(params, noise)

        params, state = step(carry[0], jax.grad(value_fn)(carry[0]), carry[1], value_fn)
        return (params, state), params

    return jax.jit(lambda: jax.lax.scan(body, (params, init(params)), noise)[1])()


def ours(opt):
    return path(opt.init, lambda p, g, state, fn: opt.step(p, g, state, value_fn=fn))


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.5])
def test_equals_optax(rho, x64):
    climb = optax.chain(optax.contrib.normalize(), optax.sgd(rho))
    tx = optax.contrib.sam(optax.sgd(0.01, 0.9), climb, opaque_mode=True)

    def step(params, grads, state, value_fn):
        with lenient():
            gradient = jax.grad(value_fn)
            updates, state = tx.update(grads, state, params, grad_fn=lambda p, _: gradient(p))
        return optax.apply_updates(params, updates), state

    found = ours(jsgd.sam(jsgd.sgd(0.01, momentum=0.9), rho))
    assert_close(found, path(tx.init, step), rtol=1e-12, atol=1e-14)
    other = ours(jsgd.sam(jsgd.sgd(0.01, momentum=0.9), rho + 0.1))
    assert np.abs(found["scale"] - other["scale"]).max() > 1e-3


def test_adaptive_equals_the_formulas(x64):
    """T = |w| + eta, epsilon = rho T^2 g / |T g|, in NumPy."""
    rho, eta, lr = 0.7, 0.3, 0.01

    def step(params, grads, state, value_fn):
        t = jax.tree.map(lambda p: np.abs(p) + eta, params)
        total = sum(np.sum((t * g) ** 2) for t, g in zip(*map(jax.tree.leaves, (t, grads))))
        there = jax.tree.map(lambda p, t, g: p + rho * t**2 * g / np.sqrt(total), params, t, grads)
        return jax.tree.map(lambda p, g: p - lr * g, params, jax.grad(value_fn)(there)), state

    with jax.disable_jit():
        expected = path(lambda params: None, step)
    assert_close(ours(jsgd.sam(jsgd.sgd(lr), rho, eta, adaptive=True)), expected, 1e-12, 1e-14)


def test_adaptive_does_not_see_the_scale_of_a_layer(x64):
    """Two layers of a product, one blown up and one shrunk, have the same ball around them."""

    def value_fn(params):
        return jnp.sin(params["a"] * params["b"])

    def climbed(scale):
        params = {"a": jnp.float64(0.6) * scale, "b": jnp.float64(0.9) / scale}
        grads = jax.grad(value_fn)(params)
        opt = jsgd.sam(jsgd.sgd(1.0), 0.2, 0.0, adaptive=True)
        new, _ = opt.step(params, grads, opt.init(params), value_fn=value_fn)
        return (new["a"] - params["a"]) * scale, (new["b"] - params["b"]) / scale

    assert_close(climbed(8.0), climbed(1.0), rtol=1e-12)


def test_steepest_ascent_of_complex_parameters():
    """Of |z - c|^2: the gradient grows by 2 rho along itself."""
    z, c = jnp.array([1 + 1j], jnp.complex64), jnp.array([4 - 3j], jnp.complex64)

    def value_fn(z):
        return jnp.sum(jnp.abs(z - c) ** 2)

    _, grads = tree.value_and_grad(value_fn, z)
    opt = jsgd.sam(jsgd.sgd(0.1), rho=0.5)
    new, _ = opt.step(z, grads, opt.init(z), value_fn=value_fn)
    assert_close(new, z - 0.1 * 2 * (z - c) * (1 + 0.5 / 5), rtol=1e-6)


@pytest.mark.parametrize("adaptive", [False, True])
def test_where_the_gradient_is_zero(adaptive):
    opt = jsgd.sam(jsgd.sgd(0.1), adaptive=adaptive)
    params = jnp.zeros(2)
    new, _ = opt.step(params, params, opt.init(params), value_fn=lambda p: jnp.sum(p**2))
    assert_same(new, params)


def test_ball_in_bfloat16():
    """The way to the second gradient, less than a rounding of the parameters, is not lost."""
    opt = jsgd.sam(jsgd.sgd(1.0), rho=2**-10)
    params = jnp.ones((), jnp.bfloat16)
    seen = []
    opt.step(params, params, opt.init(params), value_fn=lambda p: seen.append(p) or p)
    assert seen[0].dtype == jnp.float32


def test_needs_the_loss():
    opt = jsgd.sam(jsgd.sgd())
    with pytest.raises(ValueError, match="this rule needs 'value_fn'"):
        opt.step(PARAMS, PARAMS, opt.init(PARAMS))
