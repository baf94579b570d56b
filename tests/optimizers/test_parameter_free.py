"""Rules that find their learning rate: what they promise beyond their traces."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walks import assert_close, assert_same

import jsgd

_draw = np.random.RandomState(0).standard_normal
MATRIX = jnp.asarray(_draw((30, 10)) * np.geomspace(0.5, 2, 10) / 30**0.5, jnp.float32)
BEST, AWAY = (jnp.asarray(_draw(10), jnp.float32) for _ in range(2))
SCALES = jnp.array([0.01, 0.1, 1.0, 10.0, 100.0])  # how far away a run starts
GRID = (0.01, 0.03, 0.1, 0.3, 1.0)
LONG = 1500

# the optimizer as it comes (the rate of momo_adam is a cap), and the steps that it may take to a
# thousandth of the first loss, as a multiple of those of gradient descent at its best in the grid
FREE = {
    "prodigy": (jsgd.prodigy(), 2),
    "dadapt_adamw": (jsgd.dadapt_adamw(), 2),
    "dog": (jsgd.dog(), 5),
    "dog-layerwise": (jsgd.dog(layerwise=True), 5),
    "dowg": (jsgd.dowg(), 1),
    "cocob": (jsgd.cocob(), 4),
    "polyak_sgd": (jsgd.polyak_sgd(), 1),
    "polyak_sgd-sps+": (jsgd.polyak_sgd(variant="sps+"), 1),
    "momo": (jsgd.momo(), 3),
    "momo-adapt_lower_bound": (jsgd.momo(adapt_lower_bound=True), 18),
    "momo_adam": (jsgd.momo_adam(1.0), 6),
    "momo_adam-adapt_lower_bound": (jsgd.momo_adam(1.0, adapt_lower_bound=True), 18),
    "mechanize-sgd": (jsgd.mechanize(jsgd.sgd(1.0)), 15),
    "mechanize-adam": (jsgd.mechanize(jsgd.adam(1.0)), 8),
}


def loss(x):
    return jnp.sum((MATRIX @ (x - BEST)) ** 2) / 2


def steps_needed(opt):
    """From every distance: the steps to a thousandth of the first loss, `LONG` if they are more."""

    def run(scale):
        def body(carry, _):
            value, grads = jax.value_and_grad(loss)(carry[0])
            return opt.step(carry[0], grads, carry[1], value=value), value

        x = BEST + scale * AWAY
        return jax.lax.scan(body, (x, opt.init(x)), length=LONG)[1]

    done = np.asarray(jax.jit(jax.vmap(lambda c: run(c) <= loss(BEST + c * AWAY) / 1000))(SCALES))
    return np.where(done.any(axis=1), done.argmax(axis=1), LONG)


@cache
def gradient_descent():
    return np.stack([steps_needed(jsgd.sgd(lr)) for lr in GRID])


@pytest.mark.parametrize("name", FREE)
def test_least_squares_without_tuning(name):
    opt, factor = FREE[name]
    assert np.all(steps_needed(opt) <= factor * gradient_descent().min(axis=0))


def test_least_squares_needs_tuning():
    """So the factors above say something: at most rates gradient descent does not keep to them."""
    steps = gradient_descent()
    assert np.all(steps.min(axis=0) < 60)
    assert np.all(steps[[0, -1]] > 18 * steps.min(axis=0))


WITHOUT_EPS = [
    jsgd.dog(eps=0.0),
    jsgd.dog(eps=0.0, layerwise=True),
    jsgd.dowg(eps=0.0),
    jsgd.cocob(eps=0.0),
    jsgd.polyak_sgd(eps=0.0),
]


@pytest.mark.parametrize("opt", [*(opt for opt, _ in FREE.values()), *WITHOUT_EPS], ids=repr)
def test_zero_gradients_move_nothing(opt):
    x = {"a": jnp.ones(3), "b": jnp.zeros(2)}
    new, state = x, opt.init(x)
    for _ in range(3):
        new, state = opt.step(new, jax.tree.map(jnp.zeros_like, x), state, value=1.0)
    assert_same(new, x)
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize("name", FREE)
def test_single_precision_where_double_is_enabled(name, x64):
    """Global sums are float64 then; what comes out is float32 again."""
    opt, x = FREE[name][0], {"a": jnp.ones(3, jnp.float32), "b": jnp.float32(2.0)}
    state = opt.init(x)
    new, after = opt.step(x, x, state, value=1.0)
    assert jax.tree.map(jnp.result_type, (new, after)) == jax.tree.map(jnp.result_type, (x, state))


@pytest.mark.parametrize("make", [jsgd.polyak_sgd, jsgd.momo, jsgd.momo_adam])
def test_loss_is_needed(make):
    opt = make()
    with pytest.raises(ValueError, match=r"'value'.* pass it to the step"):
        opt.step(jnp.ones(2), jnp.ones(2), opt.init(jnp.ones(2)))


def test_unknown_variant():
    with pytest.raises(ValueError, match=r"'sps', 'sps\+'"):
        jsgd.polyak_sgd(variant="sps2")


def test_polyak_below_the_minimum():
    """Where a batch's loss is below f_min, plain SPS climbs and SPS+ waits."""
    x = jnp.array([3.0, 4.0])
    for variant, expected in (("sps", 1.04 * x), ("sps+", x)):
        opt = jsgd.polyak_sgd(variant=variant, f_min=2.0)
        assert_close(opt.step(x, x, opt.init(x), value=1.0)[0], expected)


def path(opt, steps=20, value=1.0):
    x, out = BEST + AWAY, []
    state, step = opt.init(x), jax.jit(opt.step)
    for _ in range(steps):
        x, state = step(x, jax.grad(loss)(x), state, value=value)
        out.append(x)
    return jnp.stack(out)


def test_momo_adam_is_adam_where_the_cap_does_not_bind():
    assert_close(path(jsgd.momo_adam(0.1), value=1e6), path(jsgd.adam(0.1)), rtol=1e-4)


def test_b3_is_the_root_of_b2():
    opt = jsgd.prodigy(b2=0.81, d0=0.1)
    assert_close(path(opt), path(jsgd.prodigy(b2=0.81, b3=0.9, d0=0.1)), rtol=1e-4)


def test_layerwise_dog_is_dog_on_every_leaf():
    params = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([[1.0], [2.0]])}
    grads = {"a": jnp.array([1.0, -1.0]), "b": jnp.array([[10.0], [5.0]])}
    opt, alone = jsgd.dog(r_eps=0.1, layerwise=True), jsgd.dog(r_eps=0.1)
    state, states = opt.init(params), {k: alone.init(x) for k, x in params.items()}
    new, apart = params, params
    for _ in range(3):
        new, state = opt.step(new, grads, state)
        moved = {k: alone.step(apart[k], grads[k], states[k]) for k in params}
        apart, states = ({k: x[i] for k, x in moved.items()} for i in (0, 1))
    assert_close(new, apart)
    together, _ = alone.step(params, grads, alone.init(params))
    assert not np.allclose(together["a"], opt.step(params, grads, opt.init(params))[0]["a"], 1e-4)


@pytest.mark.parametrize("make", [jsgd.prodigy, jsgd.dadapt_adamw])
def test_the_estimate_only_grows(make):
    opt, x = make(), BEST + 10 * AWAY
    state, step, seen = opt.init(x), jax.jit(opt.step), []
    for _ in range(100):
        x, state = step(x, jax.grad(loss)(x), state)
        seen.append(float(state.slots["d"]))
    assert seen == sorted(seen)
    assert seen[0] == pytest.approx(1e-6)
    assert seen[-1] > 0.5
