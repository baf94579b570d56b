"""The scale along a long loss curve, against optax's and PyTorch's; and what it reaches."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, assert_close, assert_same, lenient

import jsgd

_draw = np.random.RandomState(3).uniform
T = np.arange(600)
# falls, rests, falls again, and is noisy throughout
CURVE = np.exp(-T / 40) + 0.5 * np.exp(-np.maximum(T - 250, 0) / 60) + 0.05 * _draw(0, 1, 600)
SETTINGS = [
    {},
    {"factor": 0.5, "patience": 3},
    {"factor": 0.5, "patience": 4, "rtol": 0.02, "cooldown": 5},
    {"factor": 0.7, "patience": 5, "rtol": 0.0, "atol": 0.03, "cooldown": 2},
    {"factor": 0.5, "patience": 2, "rtol": 0.01, "min_scale": 0.1},
]


def scales(curve, **settings):
    """The scale after each loss, and so the way that SGD goes."""
    opt = jsgd.reduce_on_plateau(jsgd.sgd(1.0), **settings)

    def body(carry, value):
        params, state = opt.step(carry[0], jnp.ones(()), carry[1], value=value)
        return (params, state), (carry[0] - params, state.slots["scale"])

    start = jnp.zeros(())
    run = jax.jit(lambda curve: jax.lax.scan(body, (start, opt.init(start)), curve)[1])
    moved, scale = run(jnp.asarray(curve, float))
    assert_close(moved, scale, atol=1e-4)
    return np.asarray(scale)


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("settings", SETTINGS)
def test_equals_optax(settings, size, x64):
    settings = settings | {"accumulation_size": size}
    tx = optax.contrib.reduce_on_plateau(**settings)
    state, expected, update = tx.init(jnp.zeros(())), [], jax.jit(tx.update)
    with lenient():
        for value in CURVE:
            _, state = update(jnp.ones(()), state, value=jnp.float64(value))
            expected.append(float(state.scale))
    found = scales(CURVE, **settings)
    assert_close(found, np.array(expected), rtol=1e-12)
    if size == 1:
        assert len(np.unique(found)) > 3


@pytest.mark.parametrize("settings", SETTINGS)
def test_equals_torch(settings, x64):
    """Which waits for one loss more, and has one tolerance at a time."""
    torch = pytest.importorskip("torch")
    s = {"factor": 0.1, "patience": 10, "rtol": 1e-4, "cooldown": 0, "min_scale": 0.0} | settings
    mode = {"threshold_mode": "abs", "threshold": s["atol"]} if "atol" in s else {}
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        torch.optim.SGD([torch.zeros(1)], lr=1.0),
        patience=s["patience"] - 1,
        factor=s["factor"],
        cooldown=s["cooldown"],
        min_lr=s["min_scale"],
        eps=0.0,
        **{"threshold": s["rtol"]} | mode,
    )
    expected = []
    for value in CURVE:
        schedule.step(value)
        expected.append(schedule.get_last_lr()[0])
    assert_close(scales(CURVE, **settings), np.array(expected), rtol=1e-12)


def test_negative_losses():
    """A loss that rises from -2 by less than the tolerance is no better."""
    assert_same(scales([-2.0, -1.9, -1.8], patience=2, rtol=0.5)[-1], np.float32(0.1))
    assert_same(scales([-2.0, -3.1, -4.7], patience=1, rtol=0.5)[-1], np.float32(1.0))


def test_loss_that_is_not_a_number_is_no_better():
    found = scales([1.0, np.nan, 0.5, np.inf, np.nan], factor=0.5, patience=2)
    assert_same(found, np.float32([1.0, 1.0, 1.0, 1.0, 0.5]))


def step_at_half(opt, params, grads):
    """The second of two steps, where the loss has not fallen; the first is of length zero."""
    wrapped = jsgd.reduce_on_plateau(opt, factor=0.5, patience=1)
    zero = jax.tree.map(jnp.zeros_like, grads)
    state = wrapped.init(params)
    for g in (zero, grads):
        params, state = wrapped.step(params, g, state, value=1.0)
    return params, state


def test_reaches_an_lr_under_wrappers_and_schedules():
    """Decoupled decay follows; the schedule itself stays in the state."""
    schedule = jsgd.schedules.linear(1.0, 0.0, 4)
    opt = jsgd.skip_nonfinite(jsgd.weight_decay(jsgd.clip_by_value(jsgd.sgd(schedule)), 0.1))
    params, state = step_at_half(opt, jnp.zeros(1), jnp.ones(1))
    assert_close(params, jnp.array([-0.75 * 0.5]))
    sgd = state.inner.inner.inner.inner
    assert sgd.hyper["lr"] == jsgd.sgd(schedule).init(params).hyper["lr"]
    # and of parameters that the decay moves alone
    params, _ = step_at_half(opt, jnp.ones(1), jnp.zeros(1))
    assert_close(params, jnp.array([(1 - 0.1) * (1 - 0.1 * 0.75 * 0.5)]))


def test_reaches_every_lr_of_a_partition_and_every_leafs():
    lr = {"layer": {"bias": 1.0, "kernel": 2.0}, "scale": 0.0}
    opts = {"a": jsgd.sgd(lr), "b": jsgd.sgd(4.0, momentum=0.5)}
    opt = jsgd.partition(opts, {"layer": "a", "scale": "b"})
    ones = jax.tree.map(jnp.ones_like, PARAMS)
    params, state = step_at_half(opt, jax.tree.map(jnp.zeros_like, PARAMS), ones)
    expected = {"layer": {"bias": -0.5, "kernel": -1.0}, "scale": -2.0}
    assert_close(params, jax.tree.map(lambda x, p: x + jnp.zeros_like(p), expected, ones))
    assert_same(jsgd.get_hyper(state)["b__lr"], jnp.float32(4.0))


def test_what_is_missing():
    opt = jsgd.reduce_on_plateau(jsgd.sgd())
    with pytest.raises(ValueError, match="this rule needs 'value'"):
        opt.step(PARAMS, PARAMS, opt.init(PARAMS))
    opt = jsgd.reduce_on_plateau(jsgd.elementwise(lambda p, g, s, h: (p - g, {})))
    with pytest.raises(ValueError, match="none of the wrapped optimizers holds 'lr': there are"):
        opt.step(PARAMS, PARAMS, opt.init(PARAMS), value=1.0)


def test_factor_is_below_one():
    with pytest.raises(ValueError, match=r"factor must be in \(0, 1\)"):
        jsgd.reduce_on_plateau(jsgd.sgd(), factor=1.0)
