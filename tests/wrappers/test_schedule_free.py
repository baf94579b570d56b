"""Schedule-free learning against optax's, warm-up included, and its three sequences."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, STEPS, assert_agree, assert_close, assert_same, ours, theirs

import jsgd

WARM = jsgd.schedules.linear(0.0, 0.3, 5)


def optax_wrapped(base, schedule, **settings):
    """optax looks the weights' rate up one step late."""
    return optax.contrib.schedule_free(base(schedule), lambda t: schedule(t - 1), **settings)


@pytest.mark.parametrize("weight_lr_power", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("b1", [0.5, 0.9])
def test_equals_optax_under_warm_up(b1, weight_lr_power):
    settings = {"b1": b1, "weight_lr_power": weight_lr_power}
    tx = optax_wrapped(optax.sgd, WARM, **settings)
    assert_agree(jsgd.schedule_free(jsgd.sgd(WARM), **settings), tx)


def test_falling_rate_weighs_by_the_largest():
    rates = jsgd.schedules.linear(0.3, 0.05, STEPS)
    assert_agree(jsgd.schedule_free(jsgd.sgd(rates)), optax_wrapped(optax.sgd, rates))


def test_equals_optax_around_decay_and_clips():
    """What is inside acts at y, where the gradient is."""

    def base(lr):
        return optax.chain(optax.clip(1.0), optax.add_decayed_weights(0.3), optax.sgd(lr))

    opt = jsgd.weight_decay(jsgd.clip_by_value(jsgd.sgd(WARM), 1.0), 0.3)
    assert_agree(jsgd.schedule_free(opt), optax_wrapped(base, WARM))


def test_eval_params_are_x(x64):
    path, state = ours(jsgd.schedule_free_sgd(0.1, b1=0.7))
    tx = optax.contrib.schedule_free_sgd(0.1, b1=0.7)
    params = jax.tree.map(lambda x: x[-1], path)
    expected_path, tx_state = theirs(tx)
    expected = optax.contrib.schedule_free_eval_params(
        tx_state, jax.tree.map(lambda x: x[-1], expected_path)
    )
    assert_close(jsgd.eval_params(params, state), expected, rtol=1e-10)
    assert np.abs(params["scale"] - expected["scale"]) > 1e-3


def test_x_is_the_mean_of_z(x64):
    """At a constant rate; z is seen as the parameters at b1 = 0, where y is z."""
    path, state = ours(jsgd.schedule_free_sgd(0.1, b1=0.0))
    assert_close(path, ours(jsgd.sgd(0.1))[0], rtol=1e-12, atol=1e-14)
    mean = jax.tree.map(lambda x: x.mean(0), path)
    assert_close(state.slots["average"], mean, rtol=1e-12, atol=1e-14)


def test_found_behind_wrappers():
    opt = jsgd.clip_by_value(jsgd.skip_nonfinite(jsgd.schedule_free_adamw(0.1)))
    params, state = opt.step(PARAMS, PARAMS, opt.init(PARAMS))
    assert_same(jsgd.eval_params(params, state), state.inner.inner.slots["average"])


def test_nothing_moves_at_rate_zero():
    _, state = ours(jsgd.schedule_free(jsgd.sgd(0.0)))
    assert_close(state.slots["average"], PARAMS, rtol=1e-6)
    assert_same(state.slots["weight_sum"], jnp.float32(0.0))


def test_sequences_are_kept_wide():
    """The parameters are the rounding of a y that small steps move."""
    opt = jsgd.schedule_free_sgd(1e-3)
    params, state = jnp.ones((), jnp.bfloat16), opt.init(jnp.ones((), jnp.bfloat16))
    for _ in range(20):
        params, state = opt.step(params, jnp.ones((), jnp.bfloat16), state)
    assert_close(state.slots["z"], jnp.float32(0.98), rtol=1e-5)
    assert float(params) == 0.98828125  # nearest to 0.9 * 0.9895 + 0.1 * 0.98


def test_one_rate():
    opt = jsgd.schedule_free(jsgd.sgd({"layer": 0.1, "scale": 0.2}))
    with pytest.raises(ValueError, match="by one lr for all leaves"):
        opt.step(PARAMS, PARAMS, opt.init(PARAMS))
    opts = {"a": jsgd.sgd(0.1), "b": jsgd.adam(0.1)}
    opt = jsgd.schedule_free(jsgd.partition(opts, {"layer": "a", "scale": "b"}))
    with pytest.raises(ValueError, match="2 of the wrapped optimizers hold 'lr'"):
        opt.step(PARAMS, PARAMS, opt.init(PARAMS))
