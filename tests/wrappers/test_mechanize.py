"""The learning rate tuner against optax's, and where it is more careful than that one."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import NOISE, PARAMS, assert_agree, assert_close, assert_same, gradient, ours, theirs

import jsgd

LONGER = jax.tree.map(lambda x: jnp.concatenate([x] * 8), NOISE)


@pytest.mark.parametrize(
    ("inner", "other"),
    [
        (jsgd.sgd(1.0), optax.sgd(1.0)),
        (jsgd.adam(1.0, b2=0.9), optax.adam(1.0, b2=0.9)),
        (jsgd.lion(1.0), optax.lion(1.0, weight_decay=0.0)),
    ],
    ids=["sgd", "adam", "lion"],
)
@pytest.mark.parametrize(
    "settings", [{"s_init": 0.01}, {"s_init": 0.03, "weight_decay": 0.5, "num_betas": 3}]
)
def test_equals_optax(inner, other, settings):
    """Where eps, which there also blurs the sum of the steps, is nothing."""
    assert_agree(
        jsgd.mechanize(inner, eps=1e-30, **settings),
        optax.contrib.mechanize(other, eps=1e-30, **settings),
        LONGER,
        rtol=1e-8,
    )


@pytest.mark.parametrize("eps", [1e-8, 0.1])
def test_equals_the_paper(eps):
    """Algorithm 1 around gradient descent, in NumPy, with the clip."""
    s_init, decay, n = 0.02, 0.3, 4
    with jax.enable_x64(True):
        opt = jsgd.mechanize(jsgd.sgd(0.5), s_init, decay, eps, num_betas=n)
        path, state = ours(opt, LONGER)

    def flat(tree):
        return np.concatenate([np.ravel(np.asarray(x, float)) for x in jax.tree.leaves(tree)])

    unit = jax.tree.map(jnp.zeros_like, PARAMS)
    start = x = flat(PARAMS)
    delta = np.zeros_like(x)
    m, v, r, s = (np.zeros(n) for _ in range(4))
    beta = 1 - 0.1 ** np.arange(1, n + 1)
    for t in range(len(flat(LONGER)) // len(x)):
        noise = flat(gradient(unit, jax.tree.map(lambda y, t=t: y[t], LONGER)))
        g = 2 * x + noise
        size = np.linalg.norm(g) / (np.linalg.norm(x) + eps)
        h = (g + decay * s.sum() * size * x) @ delta
        r = beta * r - np.clip(h, -m, m) * s
        m, v = np.maximum(beta * m, abs(h) + eps), beta**2 * v + h**2
        s = (s_init / n * m + np.maximum(0, r)) / (np.sqrt(v) + eps)
        delta = delta - 0.5 * g
        x = start + s.sum() * delta
        np.testing.assert_allclose(flat(jax.tree.map(lambda y, t=t: y[t], path)), x, rtol=1e-9)
    assert_close(state.slots["s"], s)


def test_small_first_steps_are_not_lost():
    """A step of 1e-8 leaves a parameter of 100 where it was, but the sum of the steps grows."""
    opt = jsgd.mechanize(jsgd.sgd(1.0), 1e-8)
    start = x = jnp.full(3, 100.0)
    state, step = opt.init(x), jax.jit(opt.step)
    for _ in range(3):
        x, state = step(x, jnp.ones(3), state)
    assert_same(x, start)
    assert_close(state.slots["delta"], jnp.full(3, -3.0))


def test_finds_the_rate_from_far_below():
    """A bowl 1e4 times too flat for a learning rate of 1, in bfloat16 too."""
    for dtype in (jnp.float32, jnp.bfloat16):
        opt = jsgd.mechanize(jsgd.sgd(1.0))
        x = jnp.full(10, 5.0, dtype)
        state, step = opt.init(x), jax.jit(opt.step)
        for _ in range(300):
            x, state = step(x, 1e-4 * x, state)
        assert float(jnp.linalg.norm(x.astype(jnp.float32))) < 0.05 * 5 * 10**0.5
        assert float(jnp.sum(state.slots["s"])) > 10


def test_num_betas_is_a_whole_number():
    for bad in (0, 2.0, "6"):
        with pytest.raises(ValueError, match="num_betas = "):
            jsgd.mechanize(jsgd.sgd(), num_betas=bad)
    assert jsgd.mechanize(jsgd.sgd(), num_betas=3).init(PARAMS).slots["s"].shape == (3,)
    assert (
        jsgd.mechanize(jsgd.sgd(), num_betas=3).step
        is jsgd.mechanize(jsgd.sgd(1), num_betas=3).step
    )


def test_walks_differ():
    """So the comparison with optax can tell."""
    with jax.enable_x64(True):
        a = theirs(optax.contrib.mechanize(optax.sgd(1.0), s_init=0.01), LONGER)[0]
        b = ours(jsgd.mechanize(jsgd.sgd(1.0), s_init=0.011), LONGER)[0]
    with pytest.raises(AssertionError):
        assert_close(a, b, 1e-3)
