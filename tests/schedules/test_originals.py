"""Every schedule against an original: optax's live, others' values as make_golden.py kept them.

Ours are compiled, mapped over the steps, in float32 and in float64; the originals are in float64.
"""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from schedules.paths import STEPS, VARIANTS, label, values
from walks import lenient

from jsgd import schedules
from jsgd.schedules import REGISTRY, constant, cosine, linear

LONG = [  # with joins all along the 10,000 steps
    ("linear", {"init_value": 0.2, "end_value": 3.0, "transition_steps": 7000}),
    ("polynomial", {"init_value": 2.0, "end_value": 1e-4, "power": 0.7, "transition_steps": 9000}),
    ("cosine", {"init_value": 3.0, "decay_steps": 9000}),
    ("cosine", {"init_value": 3.0, "decay_steps": 9000, "exponent": 0.5}),
    ("warmup_constant", {"peak_value": 3.0, "warmup_steps": 1234}),
    ("warmup_cosine", {"init_value": 0.1, "peak_value": 3.0, "warmup_steps": 0, "decay_steps": 99}),
    (
        "warmup_cosine",
        {"peak_value": 3.0, "warmup_steps": 1234, "decay_steps": 9001, "exponent": 2.0},
    ),
    (
        "exponential",
        {
            "init_value": 2.0,
            "transition_steps": 3000,
            "decay_rate": 1.5,
            "transition_begin": 50,
            "end_value": 4.0,
        },
    ),
    (
        "exponential",
        {"init_value": 2.0, "transition_steps": 55, "decay_rate": 0.99, "staircase": True},
    ),
    (
        "warmup_exponential",
        {
            "peak_value": 2.0,
            "warmup_steps": 1234,
            "transition_steps": 55,
            "decay_rate": 0.98,
            "transition_begin": 500,
            "end_value": 0.125,
            "staircase": True,
        },
    ),
    *[
        (
            "onecycle",
            {"peak_value": 2.0, "transition_steps": 9000, "pct_start": 0.1, "shape": shape} | third,
        )
        for shape, third in [("cosine", {}), ("linear", {"pct_final": 0.9})]
    ],
    (
        "sgdr",
        {
            "cycles": [
                {"peak_value": 2.0 / i, "warmup_steps": 99 * i, "decay_steps": 1234 * i}
                for i in (1, 2, 3)
            ]
        },
    ),
    ("piecewise", {"values": [0.1, 2.0, 0.3, 0.04], "boundaries": [1, 4000, 9999]}),
    (
        "piecewise_interpolate",
        {"values": [0.1, 2.0, 0.3, 0.04], "boundaries": [1, 4000, 9999], "shape": "cosine"},
    ),
    (
        "join",
        {
            "schedules": (linear(0.0, 2.0, 500), constant(2.0), cosine(2.0, 5000, 0.1)),
            "boundaries": [500, 3000],
        },
    ),
]
OPTAX = [x for x in VARIANTS if REGISTRY[x[0]].reference.startswith("optax.")] + LONG
GOLDEN = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "golden").glob("*.json"))
}


def original(name, variant):
    """The schedule of optax, made of optax's pieces only."""
    theirs = getattr(optax, REGISTRY[name].reference.removeprefix("optax.").split(", ")[0])
    if name.startswith("piecewise"):
        steps, boundaries = variant["values"], variant["boundaries"]
        scales = {b: y / x for b, (x, y) in zip(boundaries, pairwise(steps), strict=True)}
        first = [variant["shape"]] if "shape" in variant else []
        return theirs(*first, steps[0], scales)
    if name == "onecycle":
        if (variant["shape"] == "cosine") == ("pct_final" in variant):
            return None  # optax has a cosine of two phases and a line of three
        theirs = getattr(optax, f"{variant['shape']}_onecycle_schedule")
        return theirs(**{k: x for k, x in variant.items() if k != "shape"})
    if name == "sgdr":
        return theirs([{"init_value": 0.0} | cycle for cycle in variant["cycles"]])
    if name.startswith("warmup"):
        return theirs(**{"init_value": 0.0} | variant)
    if name != "join":
        return theirs(**variant)
    pieces = [
        original(piece.rule.__name__.lstrip("_"), piece.hyper) for piece in variant["schedules"]
    ]
    return theirs(pieces, variant["boundaries"])


OPTAX = [x for x in OPTAX if original(*x) is not None]


@cache
def expected(i):
    """At all steps, in float64, one operation at a time: a quotient is then the nearest number."""
    with jax.enable_x64(True), lenient():
        theirs = original(*OPTAX[i])
        return np.asarray(
            jax.vmap(lambda t: jnp.asarray(theirs(t), float))(jnp.arange(STEPS, dtype=float))
        )


def close(ours, theirs):
    assert ours.dtype == jnp.result_type(float)
    rtol, atol = (2e-5, 1e-6) if ours.dtype == np.float32 else (1e-11, 1e-12)
    np.testing.assert_allclose(ours, theirs, rtol, atol)


in_both = pytest.mark.parametrize("x64", [False, True], ids=["float32", "float64"])


@in_both
@pytest.mark.parametrize("i", range(len(OPTAX)), ids=[label(*x) for x in OPTAX])
def test_equals_optax(i, x64):
    name, variant = OPTAX[i]
    with jax.enable_x64(x64):
        close(values(getattr(schedules, name)(**variant)), expected(i))


@in_both
@pytest.mark.parametrize("name", GOLDEN)
def test_equals_the_golden_values(name, x64):
    golden = GOLDEN[name]
    with jax.enable_x64(x64):
        ours = values(REGISTRY[golden["factory"]].factory(**golden["settings"]))
        close(ours[np.array(golden["steps"])], golden["values"])


def test_every_variant_has_an_original():
    """A variant in the registry is a program of its own: a comparison must have run it."""

    def structure(name, numbers):
        return jax.tree.structure(REGISTRY[name].factory(**numbers))

    compared = [structure(*x) for x in OPTAX]
    compared += [structure(x["factory"], x["settings"]) for x in GOLDEN.values()]
    assert [x for x in VARIANTS if structure(*x) not in compared] == []


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values_say_where_they_come_from(name):
    golden = GOLDEN[name]
    assert golden["reference"].split(".")[0] in golden["versions"]
    assert len(golden["steps"]) == len(golden["values"]) >= 100
    assert golden["steps"][0] == 0
    assert golden["steps"][-1] >= 9000
    assert np.ptp(golden["values"]) > 0.5  # something to get wrong


@in_both
def test_the_transformers_schedule(x64):
    """Vaswani et al., equation 3, whose steps are counted from 1, and fairseq's form of it."""
    d, w, t = 512, 4000, np.arange(STEPS)
    peak = (d * w) ** -0.5
    with jax.enable_x64(x64):
        ours = values(schedules.inverse_sqrt(peak, w)) / peak
        close(ours[1:], d**-0.5 * np.minimum(t[1:] ** -0.5, t[1:] * w**-1.5) / peak)
        ours = values(schedules.inverse_sqrt(1.0, w, init_value=0.25))
        fairseq = np.where(t < w, 0.25 + t * (1.0 - 0.25) / w, w**0.5 * np.maximum(t, 1) ** -0.5)
        close(ours, fairseq)


PERIODS = [3, 7, 10, 41, 49, 55]


@pytest.mark.parametrize("period", PERIODS)
def test_stairs_fall_on_their_steps(period):
    """Compiled too, where a quotient of whole numbers may round to below a whole number."""
    turns = np.arange(STEPS) // period
    for make in (schedules.step, lambda *x: schedules.exponential(*x, staircase=True)):
        found = np.log(values(make(1.0, period, 0.999)).astype(float)) / np.log(np.float32(0.999))
        np.testing.assert_array_equal(np.round(found), turns)
    found = 1 / values(schedules.inverse_time(1.0, period, 1.0, staircase=True)).astype(float) - 1
    np.testing.assert_array_equal(np.round(found), turns)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("growth", [1, 2, 3])
def test_cycles_start_on_their_steps(period, growth):
    starts, length = [0], period
    while starts[-1] + length < STEPS:
        starts.append(starts[-1] + length)
        length *= growth
    ours = values(schedules.cosine_restarts(1.0, period, growth))
    np.testing.assert_array_equal(np.flatnonzero(np.diff(ours) > 0) + 1, starts[1:])
    np.testing.assert_array_equal(ours[starts], 1)
    if growth == 1:
        ours = values(schedules.cyclic(0.1, 1.0, period - 1, 1))
        np.testing.assert_array_equal(np.flatnonzero(ours == np.float32(0.1)), starts)
