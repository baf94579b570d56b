"""SM3 on leaves of three axes, against optax; the golden traces have no more than two."""

import jax.numpy as jnp
import numpy as np
import optax
from walks import lenient

import jsgd


def test_every_axis_has_its_accumulators(x64):
    draw = np.random.RandomState(0).uniform
    p, grads = jnp.asarray(draw(-1, 1, (4, 2, 3))), jnp.asarray(draw(-1, 1, (5, 4, 2, 3)))
    ours, theirs = jsgd.sm3(0.1), optax.sm3(0.1)
    q, state, other = p, ours.init(p), theirs.init(p)
    for g in grads:
        p, state = ours.step(p, g, state)
        with lenient():
            updates, other = theirs.update(g, other, q)
        q = optax.apply_updates(q, updates)
        np.testing.assert_allclose(p, q, rtol=1e-9)
    assert [x.shape for x in state.slots["nu"]] == [(4, 1, 1), (1, 2, 1), (1, 1, 3)]


def test_accumulators_are_upper_bounds():
    """Of the sums of squares that Adagrad keeps, and those of an exact cover are met."""
    grads = jnp.asarray(np.random.RandomState(0).uniform(-1, 1, (5, 4, 3)), jnp.float32)
    opt, p = jsgd.sm3(), jnp.zeros((4, 3))
    state = opt.init(p)
    for g in grads:
        p, state = opt.step(p, g, state)
    bound = np.minimum(*np.broadcast_arrays(*state.slots["nu"]))
    sums = np.sum(np.square(grads), axis=0)
    assert np.all(bound >= sums * (1 - 1e-6))
    assert np.max(bound / sums) > 1.1
