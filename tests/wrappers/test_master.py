"""Parameters in bfloat16 that move as those in float32 do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walks import assert_same

import jsgd
from jsgd.optimizers import REGISTRY

LR, STEPS = 1e-3, 30
MAKE = {
    "adam": lambda: jsgd.adam(LR),
    "sgd": lambda: jsgd.sgd(LR),
    "lion": lambda: jsgd.lion(LR),
    "nest": lambda: jsgd.weight_decay(jsgd.accumulate(jsgd.ema(jsgd.sgd(LR)))),
}


def loss(params):
    return 0.5 * jnp.sum(params.astype(float) ** 2)


def descend(opt, dtype, lr=None):
    """From ones down a bowl: the last parameters and state."""
    params = jnp.ones((2, 3), dtype)
    state = opt.init(params)
    if lr is not None:
        state = jsgd.set_hyper(state, lr=lr)

    def step(carry, _):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params)
        return opt.step(params, grads, state, value=value, value_fn=loss), None

    return jax.lax.scan(step, (params, state), length=STEPS)[0]


@pytest.mark.parametrize("name", MAKE)
def test_bfloat16_moves_as_float32_does(name):
    """The copy is all but the float32 path, the parameter its rounding; without it, at rest."""
    opt = MAKE[name]()
    expected, _ = descend(opt, jnp.float32)
    params, state = descend(jsgd.master_weights(opt), jnp.bfloat16)
    # the gradients, taken at rounded parameters, are off by up to 2**-9
    np.testing.assert_allclose(1 - state.slots["master"], 1 - expected, rtol=2**-8)
    assert_same(params, state.slots["master"].astype(jnp.bfloat16))
    assert_same(descend(opt, jnp.bfloat16)[0], jnp.ones((2, 3), jnp.bfloat16))


def rate(opt):
    """The learning rate, if it has one, at which its steps in float32 are 1e-3 on average."""
    default = jsgd.get_hyper(opt.init(jnp.ones((2, 3)))).get("lr")
    if default is None:
        return None
    rates = default * np.geomspace(1e-4, 1e4, 33, dtype=np.float32)
    ends = jax.jit(jax.vmap(lambda lr: descend(opt, jnp.float32, lr)[0]))(rates)
    far = jnp.abs(1 - ends).mean((1, 2)) / (STEPS * LR)
    return rates[jnp.nanargmin(jnp.abs(jnp.log(far + 1e-9)))]


# those of per-example gradients go outermost
@pytest.mark.parametrize("name", [name for name, row in REGISTRY.items() if not row.per_example])
def test_every_rule_makes_progress(name):
    """From 1.0 by steps of 1e-3: the loss falls at least half as far as in float32."""
    opt = REGISTRY[name].factory(**REGISTRY[name].variants[0])
    lr = rate(opt)
    wide, _ = descend(opt, jnp.float32, lr)
    narrow, _ = descend(jsgd.master_weights(opt), jnp.bfloat16, lr)
    start = loss(jnp.ones((2, 3)))
    assert start - loss(wide) > 0
    assert start - loss(narrow) > 0.5 * (start - loss(wide))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_wide_leaves_have_no_copy(dtype):
    """And their path is bit for bit what it was."""
    opt, params = jsgd.master_weights(jsgd.adam(0.1)), jnp.ones(3, dtype)
    state = opt.init(params)
    assert state.slots == {"master": None}
    plain = jsgd.adam(0.1)
    assert_same(
        opt.step(params, params, state)[0], plain.step(params, params, plain.init(params))[0]
    )


def test_slot_has_the_narrow_leaves():
    params = {"half": jnp.ones(2, jnp.float16), "single": jnp.ones(2), "empty": {}}
    master = jsgd.master_weights(jsgd.sgd()).init(params).slots["master"]
    assert jax.tree.map(lambda x: x.dtype, master) == {
        "half": jnp.float32,
        "single": None,
        "empty": {},
    }


def test_change_from_outside_counts():
    """Number by number; the others go on from their copies."""
    opt = jsgd.master_weights(jsgd.sgd(1e-3))
    params = jnp.ones(3, jnp.bfloat16)
    params, state = opt.step(params, jnp.ones(3), opt.init(params))
    params = params.at[0].set(3.0)
    params, state = opt.step(params, jnp.array([1.0, 1.0, 0.0]), state)
    np.testing.assert_allclose(state.slots["master"], [2.999, 0.998, 0.999], rtol=1e-6)
