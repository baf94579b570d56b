"""One step for several gradients: optax's numbers, and work that is not done."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import optax
import pytest
from walks import PARAMS, STEPS, assert_agree, assert_close, assert_same, ours

import jsgd


@pytest.mark.parametrize("every", [1, 3, 4])
@pytest.mark.parametrize("name", ["adam", "scheduled"])
def test_equals_multi_steps(every, name):
    """Along the whole path; a schedule counts steps taken. Optax forms its mean in float32."""
    lr = 0.1 if name == "adam" else optax.cosine_decay_schedule(0.1, STEPS // every)
    tx = optax.MultiSteps(optax.adam(lr), every).gradient_transformation()
    assert_agree(jsgd.accumulate(jsgd.adam(lr), every), tx, rtol=1e-6)


def test_mean_is_exact_in_float64(x64):
    opt = jsgd.accumulate(jsgd.sgd(1.0), every=3)
    params, state = jnp.zeros(1), opt.init(jnp.zeros(1))
    for g in (0.1, 0.2, 0.4):
        params, state = opt.step(params, jnp.array([g]), state)
    assert_close(params, jnp.array([-0.7 / 3]), rtol=1e-15, atol=0.0)


def test_inner_step_is_not_run_in_between():
    """Counted by a callback in the inner rule, which a discarded branch would call too."""
    calls = []

    def counted(p, g, s, h):
        jax.debug.callback(lambda: calls.append(1))
        return p - h.lr * g, {}

    _, state = ours(jsgd.accumulate(jsgd.elementwise(counted, lr=0.1), every=4))
    jax.effects_barrier()
    leaves = len(jax.tree.leaves(PARAMS))
    assert len(calls) == leaves * STEPS // 4
    assert int(state.inner.t) == STEPS // 4
    assert int(state.t) == STEPS


def test_branch_survives_a_map_that_leaves_the_counter_alone():
    """Mapped over the learning rate alone it stays a branch; over the whole state it cannot."""
    opt = jsgd.accumulate(jsgd.sgd(0.1), every=2)
    states = jsgd.set_hyper(opt.init(PARAMS), lr=jnp.array([0.1, 0.2]))
    shared = jax.tree.map(lambda _: None, states)
    only_lr = replace(shared, inner=replace(shared.inner, hyper={"lr": 0}))

    def program(states, axes):
        step = jax.vmap(opt.step, in_axes=(None, None, axes))
        return str(jax.make_jaxpr(step)(PARAMS, PARAMS, states))

    assert "cond[" in program(states, only_lr)
    states = jax.vmap(lambda lr: jsgd.set_hyper(opt.init(PARAMS), lr=lr))(jnp.array([0.1, 0.2]))
    assert "cond[" not in program(states, 0)


def test_mean_is_over_the_calls_there_were():
    """`every` lowered in the middle: the step comes at once, and divides by what it added."""
    opt = jsgd.accumulate(jsgd.sgd(1.0), every=10)
    params, state = jnp.zeros(1), opt.init(jnp.zeros(1))
    for g in (1.0, 2.0):
        params, state = opt.step(params, jnp.array([g]), state)
    assert_same(params, jnp.zeros(1))
    params, state = opt.step(params, jnp.array([6.0]), jsgd.set_hyper(state, every=2))
    assert_close(params, jnp.array([-3.0]))
    assert_same(state.slots, {"total": jnp.zeros(1), "count": jnp.int32(0)})


def test_sum_is_kept_wide():
    """In bfloat16 256 + 1 is 256."""
    opt = jsgd.accumulate(jsgd.sgd(1.0), every=3)
    params = jnp.zeros(1, jnp.float32)
    state = opt.init(params)
    for g in (256.0, 1.0, 1.0):
        params, state = opt.step(params, jnp.array([g], jnp.bfloat16), state)
    assert_close(params, jnp.array([-86.0]))


def test_value_of_the_last_call_reaches_the_inner_step():
    opt = jsgd.accumulate(jsgd.elementwise(lambda p, g, s, h: (p - h.value * g, {})), every=2)
    params, state = jnp.zeros(1), opt.init(jnp.zeros(1))
    for value in (5.0, 7.0):
        params, state = opt.step(params, jnp.ones(1), state, value=jnp.float32(value))
    assert_close(params, jnp.array([-7.0]))


def test_errors():
    with pytest.raises(ValueError, match=r"every must be in \[1, inf\)"):
        jsgd.accumulate(jsgd.sgd(), every=0)
