"""Fast and slow weights against optax's pair of parameters; what a new start forgets and keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, assert_close, assert_same, lenient, ours

import jsgd


def pair(tx):
    """optax's lookahead, whose parameters are a pair, with the slow half in the state."""

    def init(params):
        return tx.init(optax.LookaheadParams.init_synced(params)), params

    def step(params, grads, state):
        both = optax.LookaheadParams(fast=params, slow=state[1])
        with lenient():
            updates, inner = tx.update(grads, state[0], both)
            both = optax.apply_updates(both, updates)
        inner = jax.tree.map(lambda x, y: x.astype(y.dtype), inner, state[0])
        return both.fast, (inner, both.slow)

    return jsgd.Optimizer(init, step)


@pytest.mark.parametrize("reset_state", [False, True])
@pytest.mark.parametrize(("sync_period", "slow_step_size"), [(1, 0.3), (3, 0.5), (5, 0.8)])
def test_equals_optax(sync_period, slow_step_size, reset_state, x64):
    opt = jsgd.lookahead(jsgd.adam(0.1), sync_period, slow_step_size, reset_state=reset_state)
    tx = optax.lookahead(optax.adam(0.1), sync_period, slow_step_size, reset_state)
    path, state = ours(opt)
    expected, (_, slow) = ours(pair(tx))
    # optax forms 1 - b2**t in float32
    assert_close(path, expected, rtol=1e-5)
    assert_close(jsgd.eval_params(PARAMS, state), slow, rtol=1e-5)


@pytest.mark.parametrize("reset_state", [False, True])
def test_equals_optax_exactly(reset_state, x64):
    """With momentum, where optax rounds nothing."""
    path, _ = ours(jsgd.lookahead(jsgd.sgd(0.1, 0.9), 3, 0.4, reset_state=reset_state))
    tx = optax.lookahead(optax.sgd(0.1, 0.9), 3, 0.4, reset_state)
    assert_close(path, ours(pair(tx))[0], rtol=1e-12, atol=1e-13)
    other, _ = ours(jsgd.lookahead(jsgd.sgd(0.1, 0.9), 3, 0.4, reset_state=not reset_state))
    assert np.abs(path["scale"] - other["scale"]).max() > 1e-2


def one_step(opt, params=PARAMS):
    return opt.step(params, PARAMS, opt.init(params))[1].inner


def test_new_start_keeps_hyperparameters_and_keys():
    """Of wrappers and partitions within, too; the key goes on, so noise does not repeat."""
    inner = jsgd.ema(
        jsgd.partition(
            {"m": jsgd.adam(0.1), "n": jsgd.noisy_sgd(0.2, key=5)},
            lambda path, leaf: "n" if leaf.ndim == 1 else "m",
        )
    )
    opt = jsgd.lookahead(inner, 1, 0.5, reset_state=True)
    params, state = opt.step(PARAMS, PARAMS, opt.init(PARAMS))
    fresh, kept = inner.init(params), one_step(jsgd.lookahead(inner, 1, 0.5))
    assert_same(state.inner.hyper, kept.hyper)
    assert_same(state.inner.slots, fresh.slots)
    labels, new, old = state.inner.inner.inner, fresh.inner.inner, kept.inner.inner
    assert_same(labels["m"], new["m"])
    assert_same(labels["n"].slots["key"], old["n"].slots["key"])
    assert np.any(labels["n"].slots["key"] != new["n"].slots["key"])
    assert int(state.inner.t) == int(labels["n"].t) == 0


def test_new_start_binds_no_number():
    """One step for all numbers and seeds, also where the factory is given tracers."""

    def make(lr, key=0):
        return jsgd.lookahead(jsgd.clip_by_value(jsgd.noisy_sgd(lr, key=key)), reset_state=True)

    assert make(0.1).step is make(0.2, key=jax.random.key(3)).step
    assert make(0.1).step is not jsgd.lookahead(jsgd.clip_by_value(jsgd.sgd()), 5).step

    def lr_after_six_steps(lr):
        opt = make(lr)
        _, state = jax.lax.scan(
            lambda carry, _: (opt.step(carry[0], PARAMS, carry[1]), None),
            (PARAMS, opt.init(PARAMS)),
            length=6,
        )[0]
        return state.inner.inner.hyper["lr"], state.inner.inner.t

    lrs, t = jax.vmap(lr_after_six_steps)(jnp.array([0.3, 0.4]))
    assert_same(lrs, jnp.array([0.3, 0.4]))
    assert_same(t, jnp.array([1, 1], jnp.int32))
    assert make(0.1).step(PARAMS, PARAMS, make(0.1).init(PARAMS))  # no tracer was kept


def test_slow_weights_are_kept_wide():
    """In bfloat16 a tenth of a small way would be lost."""
    opt = jsgd.lookahead(jsgd.sgd(1.0), 1, 0.1)
    params = jnp.ones(2, jnp.bfloat16)
    params, state = opt.step(params, jnp.full(2, 2**-7, jnp.bfloat16), opt.init(params))
    assert_close(state.slots["average"], jnp.full(2, 1 - 0.1 * 2**-7), rtol=1e-6)
    assert params.dtype == jnp.bfloat16


def test_period_lowered_in_the_middle():
    opt = jsgd.lookahead(jsgd.sgd(1.0), 10, 0.5)
    params, state = jnp.zeros(()), opt.init(jnp.zeros(()))
    for _ in range(3):
        params, state = opt.step(params, jnp.ones(()), state)
    params, state = opt.step(params, jnp.ones(()), jsgd.set_hyper(state, sync_period=2))
    assert_same((params, state.slots["count"]), (jnp.float32(-2.0), jnp.int32(0)))


def test_errors():
    with pytest.raises(ValueError, match=r"sync_period must be in \[1, inf\)"):
        jsgd.lookahead(jsgd.sgd(), 0)
    with pytest.raises(ValueError, match=r"slow_step_size must be in \[0, 1\]"):
        jsgd.lookahead(jsgd.sgd(), 5, 1.5)
