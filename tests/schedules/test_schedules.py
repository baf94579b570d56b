"""Schedules: the values of optax's, for every hyperparameter, and data like any other."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jsgd
from jsgd import schedules
from jsgd.schedules import REGISTRY, constant, cosine, join, linear, piecewise, warmup_cosine

VARIANTS = [(name, variant) for name, row in REGISTRY.items() for variant in row.variants]


def case(name, **variant):
    return name, variant


LONG = [  # with joins all along the 10,000 steps
    case("linear", init_value=0.2, end_value=3.0, transition_steps=7000, transition_begin=999),
    case("cosine", init_value=3.0, decay_steps=9000),
    case("warmup_cosine", init_value=0.1, peak_value=3.0, warmup_steps=1234, decay_steps=9001),
    case("warmup_cosine", init_value=0.1, peak_value=3.0, warmup_steps=0, decay_steps=500),
    case("exponential", init_value=2.0, transition_steps=3000, decay_rate=1.5, transition_begin=50),
    case("exponential", init_value=2.0, transition_steps=700, decay_rate=0.8, staircase=True),
    case("piecewise", values=[0.1, 2.0, 0.3, 0.04], boundaries=[1, 4000, 9999]),
    case(
        "join",
        schedules=(linear(0.0, 2.0, 500), constant(2.0), cosine(2.0, 5000, 0.1)),
        boundaries=[500, 3000],
    ),
]
every_variant = pytest.mark.parametrize(("name", "variant"), VARIANTS)


@jax.jit
def values(schedule, t):
    """At many steps at once; the schedule is an argument, so its numbers are no new program."""
    return jax.vmap(schedule)(t)


def original(name, variant):
    """The optax schedule of the registry's row, made of optax's pieces only."""
    theirs = getattr(optax, REGISTRY[name].reference.removeprefix("optax."))
    if name == "piecewise":
        steps, boundaries = variant["values"], variant["boundaries"]
        scales = {b: y / x for b, x, y in zip(boundaries, steps, steps[1:], strict=False)}
        return theirs(steps[0], scales)
    if name == "warmup_cosine":
        return theirs(**{"init_value": 0.0} | variant)
    if name != "join":
        return theirs(**variant)
    pieces = [
        original(piece.rule.__name__.lstrip("_"), piece.hyper) for piece in variant["schedules"]
    ]
    return theirs(pieces, variant["boundaries"])


@pytest.mark.parametrize(("name", "variant"), VARIANTS + LONG)
def test_equals_optax(name, variant):
    t = jnp.arange(10_000, dtype=jnp.float32)
    ours = values(getattr(schedules, name)(**variant), t)
    theirs = jax.vmap(lambda t: jnp.asarray(original(name, variant)(t), jnp.float32))(t)
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


@given(
    numbers=st.tuples(*[st.floats(-4, 4, width=32)] * 3),
    begin=st.integers(0, 500),
    steps=st.integers(1, 500),
)
def test_continuous_at_joins(numbers, begin, steps):
    """No jump anywhere: across each join the value moves no more than its slope allows."""
    a, b, c = numbers
    t = np.array([begin, begin + steps], np.float32)
    gap = 1 / 16  # a power of two: the steps beside the join are exact
    for schedule in (
        linear(a, b, steps, begin),
        warmup_cosine(b, begin, begin + steps, a, c),
        join([linear(a, b, begin + 1), cosine(b, steps, 0.5)], [begin + 1]),
    ):
        ends = t + 1 if schedule.rule.__name__ == "_join" else t
        ends = ends[ends > 0]  # before step 0 there is nothing
        jump = np.abs(values(schedule, ends + gap) - values(schedule, ends - gap))
        slope = 8 * np.pi / 2 * (1 / steps + 1 / max(begin, 1))
        assert np.all(jump <= 2 * gap * slope + 1e-4)


@every_variant
def test_vmap_over_every_number(name, variant):
    """Each number of the schedule mapped by itself, in the pytree, equals the loop."""
    leaves, treedef = jax.tree.flatten(getattr(schedules, name)(**variant))
    leaves = [jnp.asarray(x, jnp.float32) for x in leaves]
    t = jnp.arange(0, 80, 5, dtype=jnp.float32)
    factors = jnp.array([0.5, 0.8, 1.0], jnp.float32)
    for i, leaf in enumerate(leaves):

        def at(factor, i=i, leaf=leaf):
            moved = leaf * factor + 2 * (1 - factor)  # 0 moves too
            return values(treedef.unflatten([*leaves[:i], moved, *leaves[i + 1 :]]), t)

        mapped = jax.vmap(at)(factors)
        np.testing.assert_allclose(mapped, [at(f) for f in factors], rtol=1e-5, atol=1e-6)
        assert not np.allclose(mapped[0], mapped[2])  # and the number matters


@pytest.mark.parametrize(("name", "variant"), [x for x in VARIANTS if x[0] != "join"])
def test_factory_inside_vmap(name, variant):
    """The factory itself takes tracers."""
    numbers = {
        k: jnp.asarray(x, jnp.float32) for k, x in variant.items() if not isinstance(x, bool)
    }
    static = {k: x for k, x in variant.items() if isinstance(x, bool)}

    def at(factor):
        scaled = {k: x * factor for k, x in numbers.items()}
        return getattr(schedules, name)(**scaled, **static)(jnp.float32(11))

    factors = jnp.array([0.5, 1.0], jnp.float32)
    np.testing.assert_allclose(jax.vmap(at)(factors), [at(f) for f in factors], rtol=1e-6)


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
    for key, x in schedule.hyper.items():
        assert f"{key}={x!r}" in repr(schedule)


def test_a_schedule_is_never_below_float32():
    assert linear(1.0, 0.0, 10)(jnp.bfloat16(3)).dtype == jnp.float32
    assert constant(jnp.bfloat16(0.5))(0).dtype == jnp.float32
    assert jsgd.Schedule(lambda t, h: jnp.bfloat16(0.5))(0).dtype == jnp.float32
    state = jsgd.adam(lr=constant(jnp.float16(0.5))).init(PARAMS)
    assert {x.dtype for x in jax.tree.leaves(state.hyper)} == {jnp.dtype("float32")}


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


@pytest.mark.parametrize("transition_steps", [3, 7, 10, 41, 49, 55])
def test_stairs_fall_on_their_steps(transition_steps):
    """Compiled too, where a quotient of whole numbers may round to below a whole number."""
    t = np.arange(10_000)
    schedule = schedules.exponential(1.0, transition_steps, 0.999, staircase=True)
    found = np.log(jax.jit(jax.vmap(schedule))(t).astype(float)) / np.log(np.float32(0.999))
    np.testing.assert_array_equal(np.round(found), t // transition_steps)
