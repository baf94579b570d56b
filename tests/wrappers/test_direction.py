"""Gradients without their mean and without their length, against optax's."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import assert_agree, assert_close, lenient

import jsgd


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (2, 2, 3, 4)])
def test_centralize_equals_optax_with_the_axes_turned(x64, shape):
    """There the first axis counts the outputs, here the last."""
    grads = jnp.asarray(np.random.RandomState(4).standard_normal(shape))
    opt, tx = jsgd.centralize(jsgd.sgd(1.0)), optax.centralize()
    new, _ = opt.step(grads, grads, opt.init(grads))
    with lenient():
        expected, _ = tx.update(grads.T, tx.init(grads))
    assert_close(grads - new, expected.T, rtol=1e-12, atol=1e-15)


def test_centralized_walk():
    def mean_removed(grads, params):
        return jax.tree.map(lambda g: g - g.mean(0) if g.ndim == 2 else g, grads)

    tx = optax.chain(optax.stateless(mean_removed), optax.adam(0.1))
    assert_agree(jsgd.centralize(jsgd.adam(0.1)), tx)


def test_mean_is_taken_in_float32():
    """300 bfloat16 ones sum to 256 in bfloat16."""
    kernel = jnp.ones((300, 1), jnp.bfloat16)
    opt = jsgd.centralize(jsgd.sgd(1.0))
    new, _ = opt.step(kernel, kernel, opt.init(kernel))
    np.testing.assert_array_equal(new, kernel)


@pytest.mark.parametrize("eps", [1e-6, 0.5])
def test_normalize_equals_optax(eps):
    assert_agree(
        jsgd.normalize(jsgd.sgd(0.1, momentum=0.9), eps),
        optax.chain(optax.normalize_by_update_norm(1.0, eps), optax.sgd(0.1, momentum=0.9)),
    )


@pytest.mark.parametrize("eps", [0.0, 1e-6])
def test_a_gradient_of_zero_stays_zero(eps):
    opt = jsgd.normalize(jsgd.sgd(1.0), eps)
    new, _ = opt.step(jnp.ones(3), jnp.zeros(3), opt.init(jnp.ones(3)))
    np.testing.assert_array_equal(new, jnp.ones(3))
