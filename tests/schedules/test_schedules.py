"""The laws of schedules, held against every row of the registry."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from schedules.paths import LABELS, STEPS, TRACES, VARIANTS, data, program, values

import jsgd
from jsgd import schedules
from jsgd.core.ranges import RANGES
from jsgd.schedules import REGISTRY, constant, cosine, join, linear, piecewise, warmup_cosine

every_variant = pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=LABELS)


def scaled(schedule, factor):
    """Other numbers, all of them; 0 moves too."""
    return jax.tree.map(lambda x: x * factor + 2 * (1 - factor), data(schedule))


@every_variant
def test_one_trace_for_all_values(name, variant):
    schedule = REGISTRY[name].factory(**variant)
    outs = [values(scaled(schedule, factor)) for factor in (1.0, 0.9, 0.8)]
    assert TRACES[program(schedule)] == 1
    assert not np.allclose(outs[0], outs[2])


@every_variant
def test_vmap_over_every_number(name, variant):
    """Each number of the schedule mapped by itself, in the pytree, equals the loop."""
    leaves, treedef = jax.tree.flatten(data(REGISTRY[name].factory(**variant)))
    factors, t = (0.5, 0.8, 1.0), jnp.arange(80, dtype=jnp.float32)
    for i, leaf in enumerate(leaves):
        moved = jnp.stack([leaf * f + 2 * (1 - f) for f in factors])  # 0 moves too
        axes = treedef.unflatten([0 if j == i else None for j in range(len(leaves))])
        at = jax.vmap(lambda s: jax.vmap(s)(t), in_axes=(axes,))
        mapped = at(treedef.unflatten([*leaves[:i], moved, *leaves[i + 1 :]]))
        for x, ours in zip(moved, mapped, strict=True):
            alone = values(treedef.unflatten([*leaves[:i], x, *leaves[i + 1 :]]))[:80]
            np.testing.assert_allclose(ours, alone, rtol=1e-5, atol=1e-6)
        assert not np.allclose(mapped[0], mapped[2])  # and the number matters


@pytest.mark.parametrize(
    ("name", "variant"),
    [x for x in VARIANTS if x[0] != "join"],
    ids=[x for x in LABELS if x != "join"],
)
def test_factory_inside_vmap(name, variant):
    """The factory itself takes tracers."""

    def make(factor):
        def moved(x):
            return x if isinstance(x, bool | str) else jnp.asarray(x, jnp.float32) * factor

        return REGISTRY[name].factory(**jax.tree.map(moved, variant))

    factors = jnp.array([0.75, 1.0], jnp.float32)
    mapped = jax.vmap(lambda factor: make(factor)(jnp.float32(11)))(factors)
    alone = [values(make(factor))[11] for factor in factors]
    np.testing.assert_allclose(mapped, alone, rtol=1e-5, atol=1e-6)


def test_in_an_optimizer_under_scan():
    """All of them at once, a leaf each, for `lr` and `b1`: as if set before every step."""
    every = {
        label: REGISTRY[name].factory(**variant)
        for label, (name, variant) in zip(LABELS, VARIANTS, strict=True)
    }
    opt, params = jsgd.adam(lr=every, b1=every), dict.fromkeys(every, jnp.float32(3.0))
    assert opt.step is jsgd.adam().step
    path = {label: values(schedule)[:75] for label, schedule in every.items()}

    def scheduled(carry, _):
        params, state = carry
        return opt.step(params, params, state), None

    def by_hand(carry, x):
        params, state = carry
        return opt.step(params, params, jsgd.set_hyper(state, lr=x, b1=x)), None

    plain = jsgd.adam(lr=dict.fromkeys(every, 0.1), b1=dict.fromkeys(every, 0.5)).init(params)
    (ours, _), _ = jax.lax.scan(scheduled, (params, opt.init(params)), length=75)
    (hand, _), _ = jax.lax.scan(by_hand, (params, plain), path)
    for label in every:
        np.testing.assert_allclose(ours[label], hand[label], rtol=1e-3, atol=1e-4, err_msg=label)
        assert abs(float(ours[label]) - 3.0) > 0.1


@every_variant
def test_hyper_reaches_every_number(name, variant):
    """By its name, and setting it is building the schedule with it."""
    schedule = REGISTRY[name].factory(**variant)
    state = jsgd.sgd(lr=schedule).init(jnp.float32(0))
    shown = {k: x for k, x in jsgd.get_hyper(state).items() if isinstance(x, jax.Array)}
    assert len(shown) == len(jax.tree.leaves(schedule))
    for key, x in shown.items():
        new = jsgd.get_hyper(jsgd.set_hyper(state, **{key: 0.6 * x + 0.125}))
        assert [k for k in shown if not np.array_equal(new[k], shown[k])] == [key]
        np.testing.assert_allclose(new[key], 0.6 * x + 0.125)
        if key.count("__") == 1 and name != "join":
            alone = REGISTRY[name].factory(**variant | {key.split("__")[1]: 0.6 * x + 0.125})
            assert data(alone) == new["lr"]


@every_variant
def test_finite_from_the_first_step_to_the_last(name, variant):
    """At any number that has a meaning: no rise, no plateau, nothing above zero."""
    schedule = REGISTRY[name].factory(**variant)
    zero = {k: 0 for k in variant if k in RANGES and 0.0 in RANGES[k]}
    for each in (schedule, REGISTRY[name].factory(**variant | zero)):
        assert np.all(np.isfinite(values(each, [*range(STEPS - 3), 2**24 - 1, 2**24, 2**31])))


@every_variant
def test_bad_numbers_are_refused_by_name(name, variant):
    """When they are given, and when they are set."""
    make = REGISTRY[name].factory
    state = jsgd.sgd(make(**variant)).init(jnp.float32(0))
    for key in variant.keys() & RANGES.keys():
        below = np.full(np.shape(variant[key]), np.nextafter(np.float32(RANGES[key].low), -1))
        with pytest.raises(ValueError, match=f"{key}.* = "):
            make(**variant | {key: below})
        with pytest.raises(ValueError, match=f"{key} must be in"):
            jsgd.set_hyper(state, **{f"lr__{key}": below})
    for key, x in variant.items():
        if isinstance(x, int | float) and not isinstance(x, bool):
            with pytest.raises(ValueError, match=f"{key} = 'fast': a hyperparameter is a number"):
                make(**variant | {key: "fast"})


@every_variant
def test_is_a_pytree_that_prints_pickles_and_compares(name, variant):
    make = getattr(schedules, name)
    schedule = make(**variant)
    leaves, treedef = jax.tree.flatten(schedule)
    assert jax.tree.unflatten(treedef, leaves) == schedule == make(**variant)
    assert jax.tree.unflatten(treedef, [0.7 * x for x in leaves]) != schedule != constant(0.125)
    copy = pickle.loads(pickle.dumps(schedule))
    assert copy == schedule
    assert copy.rule is schedule.rule
    assert repr(copy) == repr(schedule)
    assert repr(schedule).startswith(name)
    choices = {k: x for k, x in variant.items() if isinstance(x, bool | str)}
    for key, x in (schedule.hyper | choices).items():
        assert f"{key}={x!r}" in repr(schedule)


PARAMS = {
    "w": jnp.array([[1.0, -2.0], [0.5, 3.0]], jnp.float32),
    "b": jnp.array([0.3], jnp.float32),
}
RAMP = linear(0.2, 0.9, 3)
ANY = {
    "lr": (lambda x: jsgd.sgd(lr=x), "lr"),
    "momentum": (lambda x: jsgd.sgd(0.1, momentum=x), "momentum"),
    "b1": (lambda x: jsgd.adam(0.1, b1=x), "b1"),
    "b2": (lambda x: jsgd.adam(0.1, b2=x), "b2"),
    "eps": (lambda x: jsgd.adam(0.1, eps=x), "eps"),
    "weight_decay": (lambda x: jsgd.adamw(0.1, weight_decay=x), "weight_decay"),
    "a wrapper's": (lambda x: jsgd.clip_by_global_norm(jsgd.sgd(0.1), x), "max_norm"),
    "under a wrapper": (lambda x: jsgd.weight_decay(jsgd.sgd(x), 0.1), "lr"),
    "an average's": (lambda x: jsgd.ema(jsgd.sgd(0.1), x), "decay"),
    "a label's": (
        lambda x: jsgd.partition({"a": jsgd.sgd(x), "b": jsgd.sgd(0.1)}, {"w": "a", "b": "b"}),
        "a__lr",
    ),
    "a leaf's": (
        lambda x: jsgd.adam({"w": x, "b": 0.1}),
        lambda state, x: jsgd.set_hyper(state, lr={"w": x, "b": 0.1}),
    ),
}


@pytest.mark.parametrize("where", ANY)
def test_any_hyperparameter(where):
    """A schedule does what setting its value before every step does."""
    make, name = ANY[where]
    put = name if callable(name) else lambda state, x: jsgd.set_hyper(state, **{name: x})
    opt, plain = make(RAMP), make(0.5)
    assert opt.step is plain.step
    step = jax.jit(opt.step)
    scheduled, by_hand = (PARAMS, opt.init(PARAMS)), (PARAMS, plain.init(PARAMS))
    for t in range(5):
        scheduled = step(scheduled[0], scheduled[0], scheduled[1])
        by_hand = step(by_hand[0], by_hand[0], put(by_hand[1], float(RAMP(t))))
    ours = scheduled[0], jsgd.eval_params(*scheduled)
    hand = by_hand[0], jsgd.eval_params(*by_hand)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), ours, hand)


@pytest.mark.parametrize(
    "callable_",
    [optax.cosine_decay_schedule(0.5, 4), lambda t: 0.25 * (1 + jnp.cos(jnp.pi * t / 4))],
    ids=["optax", "lambda"],
)
def test_plain_callables(callable_):
    ours, theirs = (jsgd.adam(lr=x, b1=x) for x in (cosine(0.5, 4), callable_))
    assert ours.step is theirs.step
    a, b = (PARAMS, ours.init(PARAMS)), (PARAMS, theirs.init(PARAMS))
    for _ in range(4):
        a, b = (opt.step(p, p, s) for opt, (p, s) in ((ours, a), (theirs, b)))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), a[0], b[0])
    assert float(join([callable_, lambda t: t], [10])(12)) == 2.0  # and as a piece of another one


def test_one_program_for_all_numbers():
    traces = []

    @jax.jit
    def step(params, grads, state):
        traces.append(1)
        return jsgd.sgd().step(params, grads, state)

    steps = set()
    for peak, warmup, decay in [(0.1, 2, 5), (1.0, 30, 100), (0.3, 0, 7)]:
        opt = jsgd.sgd(lr=warmup_cosine(peak, warmup, decay))
        state = opt.init(PARAMS)
        steps.add(opt.step)
        for _ in range(3):
            _, state = step(PARAMS, PARAMS, state)
        step(PARAMS, PARAMS, jsgd.set_hyper(state, lr__peak_value=2.0, lr__decay_steps=9))
    assert len(traces) == len(steps) == 1


def test_a_schedule_is_never_below_float32():
    assert linear(1.0, 0.0, 10)(jnp.bfloat16(3)).dtype == jnp.float32
    assert constant(jnp.bfloat16(0.5))(0).dtype == jnp.float32
    assert jsgd.Schedule(lambda t, h: jnp.bfloat16(0.5))(0).dtype == jnp.float32
    state = jsgd.adam(lr=constant(jnp.float16(0.5))).init(PARAMS)
    assert {x.dtype for x in jax.tree.leaves(state.hyper)} == {jnp.dtype("float32")}


def test_no_warm_up_is_at_the_peak_at_once():
    """In optax, a `warmup_constant` of no steps stays at its start for ever."""
    for make in (schedules.warmup_constant, schedules.inverse_sqrt):
        assert float(make(0.5, warmup_steps=0)(0)) == 0.5
    assert float(warmup_cosine(0.5, 0, 10)(0)) == 0.5
    assert float(schedules.warmup_exponential(0.5, 0, 10, 0.1)(0)) == 0.5
    assert float(schedules.wsd(0.5, 0, 0, 10)(0)) == 0.5


def test_ends_are_reached_to_the_last_digit():
    """However far apart they are: the rate of a long fall ends where it was told to."""
    tiny = np.float32(1e-9)
    for schedule in (
        linear(1.0, 1e-9, 10),
        schedules.polynomial(1.0, 1e-9, 2.0, 10),
        warmup_cosine(1.0, 1, 10, end_value=1e-9),
        schedules.wsd(1.0, 1, 1, 8, end_value=1e-9, shape="1-sqrt"),
        schedules.piecewise_interpolate([1.0, 1e-9], [10]),
    ):
        assert schedule(10) == schedule(10_000) == tiny
    assert linear(1e-9, 1.0, 10)(0) == tiny


def test_the_step_is_the_number_of_steps_done():
    """0 at the first step, as in optax."""
    opt = jsgd.sgd(lr=piecewise([1.0, 10.0], [1]))
    params, state = opt.step(jnp.float32(0), jnp.float32(1), opt.init(jnp.float32(0)))
    assert float(params) == -1.0
    assert float(opt.step(params, jnp.float32(1), state)[0]) == -11.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: piecewise([1.0, 2.0], [3, 4]), "2 pieces have 1 boundaries between them, not 2"),
        (lambda: piecewise([1.0, 2.0, 3.0], [4, 4]), r"\[4, 4\]: they must rise"),
        (lambda: join([constant(1.0), constant(2.0), constant(3.0)], [5, 2]), "must rise"),
        (lambda: join([constant(1.0)], [5]), "1 pieces have 0 boundaries"),
        (lambda: cosine(1.0, 0), r"decay_steps = 0: decay_steps must be in \(0, inf"),
        (lambda: cosine(1.0, decay_steps=-5), "decay_steps must be in"),
        (lambda: linear(1.0, 0.0, 0), "transition_steps must be in"),
        (lambda: schedules.multi_step(1.0, [5, 5]), r"boundaries = \[5, 5\]: they must rise"),
        (
            lambda: schedules.piecewise_interpolate([1.0, 2.0], [3], shape="1-sqrt"),
            "shape = '1-sqrt': it is one of 'linear', 'cosine'",
        ),
        (lambda: schedules.onecycle(1.0, 9, shape="cos"), "shape = 'cos': it is one of"),
        (lambda: schedules.onecycle(1.0, 9, 0.5, 0.4), "pct_start = 0.5: it must not be above"),
        (lambda: schedules.wsd(1.0, 5, 5, 5, shape="sqrt"), "'linear', 'cosine', '1-sqrt'"),
        (lambda: schedules.cyclic(0.0, 1.0, 5, mode="exp"), "mode = 'exp': it is one of"),
        (lambda: schedules.cyclic(0.0, 1.0, 5, decay_rate=0.5), "this is 'triangular'"),
        (lambda: schedules.cyclic(0.0, 1.0, 5, mode="exp_range"), "decay_rate = None: the mode"),
        (lambda: schedules.sgdr([]), "cycles: there must be one or more"),
        (
            lambda: schedules.sgdr([{"peak_value": 1.0, "warmup_steps": -1, "decay_steps": 5}]),
            "warmup_steps must be in",
        ),
        (
            lambda: warmup_cosine(1.0, warmup_steps=5, decay_steps=5),
            "warmup_steps = 5: it is part of decay_steps = 5, and less",
        ),
        (lambda: warmup_cosine(1.0, -1, 5), r"warmup_steps must be in \[0, inf"),
        (lambda: schedules.exponential(1.0, 10, 0.0), "decay_rate must be in"),
        (lambda: cosine("fast", 10), "init_value = 'fast': a hyperparameter is a number"),
        (lambda: linear(1.0, None, 5), "end_value = None: a hyperparameter is a number"),
        (
            lambda: jsgd.set_hyper(jsgd.sgd(cosine(1.0, 5)).init(PARAMS), lr__decay_steps=-1),
            "decay_steps must be in",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
