"""GaLore against optax's where the two agree, and what the projection makes of a step."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import lenient

import jsgd

_draw = np.random.RandomState(0).standard_normal


def walk(opt, p, grads):
    state = opt.init(p)
    for g in grads:
        p, state = opt.step(p, g, state)
    return p


def test_square_matrices_equal_optax(x64):
    """Both project the rows then; up to the first renewal, since signs are optax's own after it."""
    grads, p = jnp.asarray(_draw((6, 5, 5))), jnp.zeros((5, 5))
    tx = optax.contrib.galore(0.1, rank=2, scale=0.5)
    q, state = p, tx.init(p)
    for g in grads:
        with lenient():
            updates, state = tx.update(g, state, q)
        q = optax.apply_updates(q, updates)
    # optax decomposes in float32
    np.testing.assert_allclose(walk(jsgd.galore(0.1, scale=0.5, rank=2), p, grads), q, atol=1e-5)


def test_vectors_equal_adam():
    grads, p = jnp.asarray(_draw((4, 3)), jnp.float32), jnp.zeros(3)
    moved = walk(jsgd.galore(0.1, scale=0.5), p, grads)
    np.testing.assert_allclose(moved, walk(jsgd.adam(0.1), p, grads), rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 4)])
def test_steps_stay_in_the_subspace_until_it_is_renewed(shape):
    grads = jnp.asarray(_draw((8, *shape)), jnp.float32)
    for steps, dimension in ((3, 1), (4, 2), (7, 3)):
        moved = walk(jsgd.galore(0.1, every=3, rank=1), jnp.zeros(shape), grads[:steps])
        assert np.linalg.matrix_rank(np.asarray(moved), tol=1e-4) == dimension


@pytest.mark.parametrize("shape", [(3, 7), (7, 3)])
def test_turning_the_shorter_side_turns_the_steps(shape, x64):
    """In the projected side the rule knows no axes; along the other it is Adam."""
    grads = jnp.asarray(_draw((5, *shape)))
    turn = np.linalg.qr(_draw((3, 3)))[0]
    opt, p = jsgd.galore(0.1, rank=2), jnp.zeros(shape)
    moved = walk(opt, p, grads)
    if shape[0] == 3:
        np.testing.assert_allclose(walk(opt, p, turn @ grads), turn @ moved, atol=1e-9)
    else:
        np.testing.assert_allclose(walk(opt, p, grads @ turn), moved @ turn, atol=1e-9)


@pytest.mark.parametrize("rank", [0, 2.0, None])
def test_rank_is_static(rank):
    with pytest.raises(ValueError, match="it is static, a whole number >= 1"):
        jsgd.galore(rank=rank)
