"""Hyperparameters by name: reading, setting, and what is refused."""

from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.core.ranges import RANGES
from jsgd.schedules import constant, join, linear, warmup_cosine

PARAMS = {"w": jnp.ones((2, 2)), "b": jnp.ones(2)}


def names(opt):
    return set(jsgd.get_hyper(opt.init(PARAMS)))


def by_name(path, leaf):
    return path


CLIP = jsgd.clip_by_global_norm
NAMES = {
    "plain": (jsgd.sgd(0.1), {"lr"}),
    "static choices are not data": (
        jsgd.sgd(0.1, momentum=0.9, nesterov=True),
        {"lr", "momentum", "dampening"},
    ),
    "a nest is flat": (CLIP(jsgd.ema(jsgd.sgd(0.1))), {"max_norm", "decay", "lr"}),
    "held twice": (
        jsgd.weight_decay(jsgd.adamw(), mode="l2"),
        {"lr", "b1", "b2", "eps", "inner__weight_decay", "outer__weight_decay"},
    ),
    "held three times": (
        CLIP(CLIP(CLIP(jsgd.sgd()))),
        {"lr", "outer__max_norm", "inner__max_norm", "inner__inner__max_norm"},
    ),
    "labels": (
        jsgd.partition({"w": jsgd.sgd(0.1, momentum=0.9), "b": jsgd.sgd(0.1)}, by_name),
        {"w__lr", "b__lr", "momentum", "dampening"},
    ),
    "labels under a wrapper": (
        CLIP(jsgd.partition({"w": jsgd.sgd(0.1), "b": jsgd.sgd(0.1)}, by_name)),
        {"max_norm", "w__lr", "b__lr"},
    ),
    "a schedule's numbers": (
        jsgd.sgd(linear(1.0, 0.0, 5)),
        {
            "lr",
            "lr__init_value",
            "lr__end_value",
            "lr__transition_steps",
            "lr__transition_begin",
        },
    ),
    "a schedule of schedules": (
        jsgd.sgd(join([constant(1.0), constant(2.0)], [5])),
        {
            "lr",
            "lr__boundaries",
            "lr__schedules",
            "lr__schedules__0",
            "lr__schedules__0__value",
            "lr__schedules__1",
            "lr__schedules__1__value",
        },
    ),
    "labels and schedules": (
        jsgd.partition({"w": jsgd.sgd(constant(1.0)), "b": jsgd.sgd(constant(2.0))}, by_name),
        {"w__lr", "w__lr__value", "b__lr", "b__lr__value"},
    ),
    "none": (jsgd.skip_nonfinite(jsgd.elementwise(lambda p, g, s, h: (p, {}))), set()),
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    opt, expected = NAMES[name]
    assert names(opt) == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_name_sets_what_it_shows(name):
    """Each number under its name, and nothing else moves."""
    opt, expected = NAMES[name]
    state = opt.init(PARAMS)
    shown = {k: x for k, x in jsgd.get_hyper(state).items() if isinstance(x, jax.Array)}
    for key, x in shown.items():
        new = jsgd.set_hyper(state, **{key: 0.5 * x + 0.125})
        assert jsgd.get_hyper(new).keys() == expected
        changed = {
            other
            for other in shown
            if not np.array_equal(jsgd.get_hyper(new)[other], jsgd.get_hyper(state)[other])
        }
        assert changed == {key}
        np.testing.assert_allclose(jsgd.get_hyper(new)[key], 0.5 * x + 0.125, rtol=1e-6)


def test_setting_is_pure_and_keeps_types():
    state = jsgd.adam(0.5).init(PARAMS)
    for value in (0.25, 1, np.float64(0.25), jnp.bfloat16(0.25), jnp.asarray(0.25), np.int32(1)):
        new = jsgd.set_hyper(state, lr=value)
        assert jax.typeof(new.hyper["lr"]) == jax.typeof(state.hyper["lr"])
        assert float(new.hyper["lr"]) == float(value)
    assert float(state.hyper["lr"]) == 0.5


def test_a_schedule_in_place_of_a_number_and_back():
    state = jsgd.sgd(0.5).init(PARAMS)
    state = jsgd.set_hyper(state, lr=warmup_cosine(0.1, 10, 100))
    state = jsgd.set_hyper(state, lr__peak_value=0.25, lr__warmup_steps=20)
    assert float(jsgd.get_hyper(state)["lr"](20)) == 0.25
    assert float(jsgd.get_hyper(jsgd.set_hyper(state, lr=0.5))["lr"]) == 0.5
    state = jsgd.set_hyper(state, lr=join([constant(1.0), constant(2.0)], [5]))
    state = jsgd.set_hyper(state, lr__schedules__1__value=4.0)
    assert [float(jsgd.get_hyper(state)["lr"](t)) for t in (4, 5)] == [1.0, 4.0]


@pytest.mark.parametrize(
    ("opt", "values", "message"),
    [
        (jsgd.adam(), {"lrr": 1.0}, "no hyperparameter 'lrr' here; there are: lr, b1, b2, eps"),
        (jsgd.sgd(), {"momentum": 0.9}, "no hyperparameter 'momentum' here; there are: lr"),
        (NAMES["none"][0], {"lr": 1.0}, "there are: none"),
        (
            NAMES["held twice"][0],
            {"weight_decay": 1.0},
            "held by several optimizers here; there are: outer__weight_decay, inner__weight_decay",
        ),
        (jsgd.sgd(constant(1.0)), {"lr__values": 1.0}, "there are: lr, lr__value"),
        (jsgd.sgd(), {"lr": -1.0}, r"lr = -1.0: lr must be in \[0, inf\)"),
        (jsgd.sgd(), {"lr": np.array([0.1, np.nan])}, "lr must be in"),
        (jsgd.adam(), {"b1": 1.5}, r"b1 = 1.5: b1 must be in \[0, 1\)"),
        (jsgd.adam(), {"b2": 1.0}, r"b2 must be in \[0, 1\)"),
        (jsgd.sgd(), {"lr": "fast"}, "lr = 'fast': a hyperparameter is a number"),
        (jsgd.sgd(), {"lr": True}, "lr = True: a hyperparameter is a number"),
        (jsgd.sgd(), {"lr": {"w": 0.1, "b": "x"}}, r"lr\['b'\] = 'x'"),
        (jsgd.sgd(), {"lr": jnp.array(True)}, "lr has dtype bool; it must be a number"),
    ],
)
def test_errors(opt, values, message):
    state = opt.init(PARAMS)
    with pytest.raises(ValueError, match=message):
        jsgd.set_hyper(state, **values)


@pytest.mark.parametrize("name", RANGES)
def test_ranges(name):
    """The ends of a range are in or out as it says; tracers are not looked at."""

    def make(x):
        return jsgd.elementwise(lambda p, g, s, h: (p, {}), **{name: x})

    allowed = RANGES[name]
    is_bounded = np.isfinite(allowed.low)
    below = np.nextafter(np.float32(allowed.low), np.float32(-1)) if is_bounded else np.nan
    for value, refused in [
        (allowed.low, allowed.open_low),
        (allowed.high, allowed.open_high),
        (below, True),
        (np.array([0.5 + allowed.low, below]), True),
        (float("nan"), True),
    ]:
        with pytest.raises(ValueError, match=f"{name} must be in") if refused else nullcontext():
            make(value)
    jax.jit(lambda x: make(x).init(PARAMS))(below)


def test_values_per_leaf():
    """A prefix of the parameters, with numbers and schedules side by side, deep or shallow."""
    params = {"enc": {"w": jnp.zeros(2), "b": jnp.zeros(1)}, "head": jnp.zeros(1)}
    ones = jax.tree.map(jnp.ones_like, params)
    opt = jsgd.sgd(lr={"enc": {"w": 0.25, "b": constant(0.5)}, "head": 1.0})
    new, state = opt.step(params, ones, opt.init(params))
    assert jax.tree.map(lambda x: float(x[0]), new) == {
        "enc": {"w": -0.25, "b": -0.5},
        "head": -1.0,
    }
    new, _ = opt.step(params, ones, jsgd.set_hyper(state, lr={"enc": 2.0, "head": lambda t: t}))
    assert jax.tree.map(lambda x: float(x[0]), new) == {
        "enc": {"w": -2.0, "b": -2.0},
        "head": -1.0,
    }
    with pytest.raises(
        ValueError, match=r"lr is a tree .* \['enc'\], the parameters have \['enc/b'"
    ):
        jsgd.sgd(lr={"enc": 0.1}).init(params)
    with pytest.raises(ValueError, match="lr is a tree that is no prefix"):
        opt.step(params, ones, jsgd.set_hyper(state, lr={"head": 0.1}))


def test_a_users_schedule_may_call_a_number_decay():
    """Inside a schedule it is a plain number, as given and as set."""

    def fall(t, h):
        return jnp.exp(-h.decay * t)

    state = jsgd.sgd(lr=jsgd.Schedule(fall, decay=0.5)).init(PARAMS)
    new = jsgd.set_hyper(state, lr__decay=0.25)
    assert jax.tree.structure(new) == jax.tree.structure(state)
    np.testing.assert_allclose(new.hyper["lr"](4.0), np.exp(-1.0), rtol=1e-6)


def test_decays_per_leaf():
    opt = jsgd.lion(lr=1.0, b1={"w": 0.0, "b": 0.5}, b2=0.5)
    _, state = opt.step(PARAMS, PARAMS, opt.init(PARAMS))
    assert jsgd.get_hyper(state)["b1"] == {"w": 0.0, "b": 0.5}


def test_hyperparameters_are_float64_with_x64(x64):
    state = jsgd.adam(0.1, b2=1 - 1e-12).init(PARAMS)
    assert float(jsgd.get_hyper(state)["lr"]) == 0.1
    np.testing.assert_allclose(float(1 - state.hyper["b2"]), 1e-12, rtol=1e-4)
