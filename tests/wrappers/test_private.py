"""Private gradients: clipping against optax's, and the noise by its distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import NOISE, PARAMS, assert_close, assert_same, gradient, lenient, ours

import jsgd

EXAMPLES = 6
# of every step's noise, the examples' own shares
SHARES = jax.tree.map(lambda n: jnp.stack([n * x for x in np.linspace(0, 3, EXAMPLES)], 1), NOISE)


def each(step):
    """A step that takes the noise of its examples for a gradient, and makes theirs of it."""

    def with_examples(params, grads, state):
        # `ours` hands over 2 p + n; its noise, n, is that of the examples
        examples = jax.tree.map(lambda p, g: g - 2 * p[None], params, grads)
        return step(params, jax.vmap(gradient, (None, 0))(params, examples), state)

    return with_examples


def path(init, step):
    def widened(params, grads, state):
        return each(step)(params, grads, state)

    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        return ours(jsgd.Optimizer(init, widened), SHARES)[0]


@pytest.mark.parametrize("max_norm", [0.5, 3.0, 1e9])
def test_equals_optax_without_noise(max_norm):
    """Of some examples' gradients all leaves are clipped together; with an optimizer within."""
    tx = optax.chain(
        optax.contrib.differentially_private_aggregate(max_norm, 0.0, key=0), optax.adam(0.1)
    )

    def step(params, grads, state):
        with lenient():
            updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    opt = jsgd.differentially_private(jsgd.adam(0.1), max_norm, 0.0)
    found = path(opt.init, opt.step)
    assert_close(found, path(tx.init, step), rtol=1e-9, atol=1e-11)
    free = jsgd.differentially_private(jsgd.adam(0.1), jnp.inf, 0.0)
    same = np.allclose(found["scale"], path(free.init, free.step)["scale"], rtol=1e-3)
    assert same == (max_norm > 100)


def noise(params, n=4, steps=1, **settings):
    """What one step, or the last of several, adds where all gradients are zero."""
    opt = jsgd.differentially_private(jsgd.sgd(1.0), **settings)
    grads = jax.tree.map(lambda p: jnp.zeros((n, *p.shape), p.dtype), params)
    state = opt.init(params)
    for _ in range(steps):
        new, state = opt.step(params, grads, state)
    return jax.tree.map(lambda a, b: np.asarray(a - b), new, params)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_standard_deviation_of_the_noise(dtype):
    """`noise_multiplier * max_norm / n` of every real number, to five standard deviations."""
    size = 40_000
    drawn = noise({"a": jnp.zeros(size, dtype)}, n=4, max_norm=3.0, noise_multiplier=0.8)["a"]
    parts = [drawn] if dtype == jnp.float32 else [drawn.real, drawn.imag]
    for part in parts:
        assert abs(part.std() / (0.8 * 3.0 / 4) - 1) < 5 / np.sqrt(2 * size)
        assert abs(part.mean()) < 5 * 0.6 / np.sqrt(size)
        assert abs(np.mean(np.abs(part) < 0.6) - 0.6827) < 5 * 0.5 / np.sqrt(size)
    if len(parts) == 2:
        assert abs(np.corrcoef(*parts)[0, 1]) < 5 / np.sqrt(size)


def test_noise_is_fresh_for_every_leaf_step_and_key():
    params = {"a": jnp.zeros(50), "b": jnp.zeros(50)}
    runs = [noise(params), noise(params, steps=2), noise(params, key=1)]
    drawn = np.concatenate([x for run in runs for x in run.values()])
    assert len(np.unique(drawn)) == len(drawn)
    assert_same(noise(params, key=jax.random.key(1)), runs[2])


def test_no_example_sways_the_sum():
    """However large: two batches that differ by one example are two clipped norms apart."""
    opt = jsgd.differentially_private(jsgd.sgd(1.0), 0.5, noise_multiplier=1.0)
    params = {"a": jnp.zeros(3), "b": jnp.zeros((2, 2))}
    draw = np.random.RandomState(0).standard_normal
    grads = jax.tree.map(lambda p: jnp.asarray(draw((8, *p.shape)), jnp.float32), params)
    worse = jax.tree.map(lambda g: g.at[3].set(-1e6 * g[3]), grads)
    one, other = (opt.step(params, g, opt.init(params))[0] for g in (grads, worse))
    apart = jax.tree.leaves(jax.tree.map(lambda x, y: 8 * (x - y), one, other))
    total = np.sqrt(sum(np.sum(np.square(x)) for x in apart))
    np.testing.assert_allclose(total, 2 * 0.5, rtol=1e-4)


def test_norm_is_of_the_whole_tree_and_in_float32():
    """Of a scalar, complex numbers and 10,000 halves, whose sum in bfloat16 would stop at 256."""
    params = {
        "a": jnp.zeros(()),
        "b": jnp.zeros(1, jnp.complex64),
        "c": jnp.zeros(10_000, jnp.bfloat16),
    }
    grads = {
        "a": jnp.array([100.0]),
        "b": jnp.array([[60 + 80j]], jnp.complex64),
        "c": jnp.ones((1, 10_000), jnp.bfloat16),
    }
    opt = jsgd.differentially_private(jsgd.sgd(1.0), np.sqrt(3.0), 0.0)
    new, _ = opt.step(params, grads, opt.init(params))
    assert_close(new["a"], jnp.float32(-1.0), rtol=1e-5)
    assert_close(new["b"], jnp.array([-0.6 - 0.8j], jnp.complex64), rtol=1e-5)


def test_batch_without_examples():
    """Sampling at random, there are such: the noise alone remains, and is finite."""
    drawn = noise({"a": jnp.zeros(100)}, n=0)
    assert 0.5 < drawn["a"].std() < 1.5


def test_narrow_parameters_within():
    """Privacy goes outermost, master copies within."""
    inner = jsgd.master_weights(jsgd.sgd(1e-3))
    opt = jsgd.differentially_private(inner, noise_multiplier=0.0)
    params = jnp.ones(1, jnp.bfloat16)
    state = opt.init(params)
    for _ in range(10):
        params, state = opt.step(params, jnp.ones((2, 1), jnp.bfloat16), state)
    assert_close(state.inner.slots["master"], jnp.array([0.99]), rtol=1e-5)


def test_gradients_of_the_batch_are_refused():
    opt = jsgd.dpsgd()
    with pytest.raises(ValueError, match=r"'layer/bias' has shape .* one more axis goes in front"):
        opt.step(PARAMS, PARAMS, opt.init(PARAMS))
    opt = jsgd.clip_by_value(opt)
    with pytest.raises(ValueError, match="'layer/bias' has shape"):
        opt.step(PARAMS, jax.tree.map(lambda p: p[None], PARAMS), opt.init(PARAMS))
