"""What FTRL is for, and what sets ours apart; its path has a golden trace."""

import jax
import jax.numpy as jnp
import numpy as np
from walks import STEPS, ours

import jsgd


def test_without_penalties_it_is_adagrad():
    """From the second step on, under a schedule that falls and touches 0, too."""
    lr = jsgd.schedules.linear(0.5, 0.0, STEPS - 4)
    zero, grads = jnp.zeros(3), jnp.asarray(np.random.RandomState(0).uniform(-1, 1, (STEPS, 3)))

    def path(opt):
        def body(carry, g):
            carry = opt.step(carry[0], g, carry[1])
            return carry, carry[0]

        return jax.lax.scan(body, (zero, opt.init(zero)), grads)[1]

    settings = {"lr": lr, "initial_accumulator": 0.1}
    np.testing.assert_allclose(
        path(jsgd.ftrl(**settings)), path(jsgd.adagrad(**settings, eps=0.0)), rtol=1e-5, atol=1e-6
    )


def test_l1_makes_exact_zeros():
    def kernel(l1):
        return np.asarray(ours(jsgd.ftrl(lr=0.5, l1=l1))[0]["layer"]["kernel"])

    assert not np.any(kernel(0.0) == 0)
    assert np.any(kernel(0.7) == 0)
    assert np.any(kernel(0.7) != 0)


def test_coordinates_without_a_gradient_rest():
    """Sparse gradients, nothing accumulated at first."""
    opt = jsgd.ftrl(lr=0.5, initial_accumulator=0.0, l1=0.1)
    params, state = jnp.zeros(2), opt.init(jnp.zeros(2))
    for g in ([1.0, 0.0], [1.0, 0.0], [1.0, 2.0]):
        params, state = opt.step(params, jnp.array(g), state)
    alone, state = jnp.zeros(1), opt.init(jnp.zeros(1))
    alone, state = opt.step(alone, jnp.array([2.0]), state)
    np.testing.assert_allclose(params[1:], alone, rtol=1e-6)
