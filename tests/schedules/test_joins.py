"""Schedules that are continuous are so at every join, whatever their numbers."""

import inspect
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedules.paths import VARIANTS, label, values

from jsgd.schedules import REGISTRY, cosine, join, linear, warmup_cosine

VALUE, LENGTH, WAIT = st.floats(-2, 2, width=32), st.integers(1, 300), st.integers(0, 300)
FACTOR = st.floats(1, 30)
DRAWN = {
    **dict.fromkeys(("value", "init_value", "peak_value", "end_value"), VALUE),
    **dict.fromkeys(("transition_steps", "decay_steps", "timescale"), LENGTH),
    **dict.fromkeys(("up_steps", "down_steps"), LENGTH),
    **dict.fromkeys(("warmup_steps", "stable_steps", "transition_begin"), WAIT),
    **dict.fromkeys(("div_factor", "final_div_factor"), FACTOR),
    **dict.fromkeys(("power", "exponent"), st.floats(1, 3)),
    "alpha": st.floats(0, 1),
    "decay_rate": st.floats(0.5, 0.999),
    "pct_start": st.floats(0.1, 0.5),
    "pct_final": st.floats(0.6, 0.9),
    "values": st.lists(VALUE, min_size=3, max_size=3),
    "boundaries": st.lists(LENGTH, min_size=2, max_size=2, unique=True).map(sorted),
}
DOWN = {"linear": lambda n: 1 / n, "cosine": lambda n: np.pi / 2 / n, "1-sqrt": lambda n: n**-0.5}


def rise(n):
    """With no warm-up, the first step is at the peak already."""
    return abs(n.peak_value - n.init_value) / n.warmup_steps if n.warmup_steps else 0


def cycle_slope(n):
    fall = DOWN["cosine"](n.decay_steps - n.warmup_steps) * n.exponent
    return max(rise(n), abs(n.peak_value - n.end_value) * fall)


def onecycle_slope(n):
    first = n.peak_value / n.div_factor
    path = [(0, first), (n.pct_start, n.peak_value)]
    path += [(n.pct_final, first)] if "pct_final" in vars(n) else []
    return way_slope(n, [*path, (1, first / n.final_div_factor)]) / n.transition_steps


def way_slope(n, path):
    pieces = pairwise(path)
    return max(abs(y - x) * DOWN[n.shape](b - a) for (a, x), (b, y) in pieces)


def exponential_slope(start, n):
    return abs(start) * (1 - n.decay_rate ** (1 / n.transition_steps))


# How far a schedule may move in one step, by its numbers: those that have no jumps.
SLOPES = {
    "constant": lambda n: 0,
    "linear": lambda n: abs(n.end_value - n.init_value) / n.transition_steps,
    "polynomial": lambda n: abs(n.end_value - n.init_value) * n.power / n.transition_steps,
    "cosine": lambda n: (
        abs(n.init_value) * (1 - n.alpha) * n.exponent * DOWN["cosine"](n.decay_steps)
    ),
    "exponential": lambda n: exponential_slope(n.init_value, n),
    "inverse_time": lambda n: abs(n.init_value) * n.decay_rate / n.transition_steps,
    "inverse_sqrt": lambda n: max(
        rise(n), abs(n.peak_value) / 2 / vars(n).get("timescale", max(n.warmup_steps, 1))
    ),
    "warmup_constant": rise,
    "warmup_cosine": cycle_slope,
    "warmup_exponential": lambda n: max(rise(n), exponential_slope(n.peak_value, n)),
    "wsd": lambda n: max(rise(n), abs(n.peak_value - n.end_value) * DOWN[n.shape](n.decay_steps)),
    "onecycle": onecycle_slope,
    "cyclic": lambda n: (
        abs(n.peak_value - n.init_value)
        * (
            1 / min(n.up_steps, vars(n).get("down_steps", n.up_steps))
            + (1 - vars(n).get("decay_rate", 1))
        )
    ),
    "piecewise_interpolate": lambda n: way_slope(n, zip([0, *n.boundaries], n.values, strict=True)),
    "sgdr": lambda n: max(cycle_slope(SimpleNamespace(**cycle)) for cycle in n.cycles),
}
JUMPS = {"step", "multi_step", "piecewise", "join", "cosine_restarts"}
OPTIONAL = {"end_value", "timescale", "down_steps", "pct_final", "decay_rate"}  # where not given
CONTINUOUS = [x for x in VARIANTS if x[0] not in JUMPS and not x[1].get("staircase")]


def fit(n):
    """Numbers that go together, and lead from piece to piece without a jump."""
    if "warmup_steps" in n and "decay_steps" in n and "stable_steps" not in n:
        n["decay_steps"] += n["warmup_steps"]
    if "decay_rate" in n and "end_value" in n:
        start = "peak_value" if "peak_value" in n else "init_value"
        n["end_value"] = min(n["end_value"], n[start])
    return n


def draw_numbers(draw, factory, without=()):
    names = inspect.signature(factory).parameters.keys() & DRAWN.keys()
    return fit({k: draw(DRAWN[k], k) for k in sorted(names - set(without))})


@pytest.mark.parametrize(("name", "variant"), CONTINUOUS, ids=[label(*x) for x in CONTINUOUS])
@given(data=st.data())
def test_no_jump_anywhere(name, variant, data):
    """From each step to the next, joins included, it moves no more than its slope allows."""
    factory = REGISTRY[name].factory
    if name == "sgdr":
        a, b = (draw_numbers(data.draw, warmup_cosine) for _ in range(2))
        first = "init_value" if b["warmup_steps"] else "peak_value"
        numbers = {"cycles": [a, b | {first: a["end_value"]}]}
    else:
        numbers = draw_numbers(data.draw, factory, OPTIONAL - variant.keys())
        numbers |= {k: x for k, x in variant.items() if isinstance(x, str)}
    moves = np.abs(np.diff(values(factory(**numbers))))
    assert moves.max() <= SLOPES[name](SimpleNamespace(**numbers)) * (1 + 1e-4) + 2e-6


@given(a=VALUE, b=VALUE, begin=LENGTH, steps=LENGTH)
def test_no_jump_where_two_are_joined(a, b, begin, steps):
    schedule = join([linear(a, b, begin), cosine(b, steps, 0.5)], [begin])
    slope = max(abs(b - a) / begin, abs(b) / 2 * DOWN["cosine"](steps))
    assert np.abs(np.diff(values(schedule))).max() <= slope * (1 + 1e-4) + 2e-6


def test_every_schedule_is_one_or_the_other():
    assert sorted([*SLOPES, *JUMPS]) == sorted(REGISTRY)
    for name in JUMPS - {"join"}:
        for variant in REGISTRY[name].variants:
            moves = np.abs(np.diff(values(REGISTRY[name].factory(**variant))))
            assert moves.max() > 0.2
