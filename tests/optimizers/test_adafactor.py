"""Adafactor's choice of axes, against optax's; the golden traces have no more than two."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import lenient

import jsgd


@pytest.mark.parametrize("shape", [(4, 2, 5), (5, 4, 2), (3, 6, 5, 2), (2, 9), (9, 2)])
@pytest.mark.parametrize("least", [1, 4])
def test_factors_the_two_largest_axes(shape, least, x64):
    draw = np.random.RandomState(0).uniform
    p, grads = jnp.asarray(draw(-1, 1, shape)), jnp.asarray(draw(-1, 1, (5, *shape)))
    ours = jsgd.adafactor(0.1, eps=1e-2, min_dim_size_to_factor=least, relative_step=False)
    theirs = optax.adafactor(0.1, eps=1e-2, min_dim_size_to_factor=least)
    q, state, other = p, ours.init(p), theirs.init(p)
    for g in grads:
        p, state = ours.step(p, g, state)
        with lenient():
            updates, other = theirs.update(g, other, q)
        q = optax.apply_updates(q, updates)
        np.testing.assert_allclose(p, q, rtol=1e-6, atol=1e-7)
    factored = sorted(shape)[-2] >= least
    assert len(jax.tree.leaves(state.slots["nu"])) == (2 if factored else 1)


@pytest.mark.parametrize("least", [0, 2.0, None])
def test_size_is_static(least):
    with pytest.raises(ValueError, match="it is static, a whole number >= 1"):
        jsgd.adafactor(min_dim_size_to_factor=least)
