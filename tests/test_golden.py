"""Law 10: every optimizer against the path of an independent implementation (golden/make.py)."""

import jax.numpy as jnp
import numpy as np
import pytest
from golden.problem import SAVED, START, STEPS
from golden.replay import TRACES, deviation, optimizer, own
from golden.tables import stated

from jsgd.optimizers import REGISTRY

STATED = stated()


def held(trace, dtype, limit, column):
    """Within the law, and in the range of what the README says: other machines round otherwise."""
    off = deviation(trace, dtype)
    assert off <= limit
    assert off <= 10 * STATED[trace["factory"]][column]


@pytest.mark.parametrize("name", [name for name, trace in TRACES.items() if own(trace, 32)])
def test_agrees_in_float32(name):
    held(TRACES[name], jnp.float32, 1e-5, 0)


@pytest.mark.parametrize("name", [name for name, trace in TRACES.items() if own(trace, 64)])
def test_agrees_in_float64(name, x64):
    held(TRACES[name], jnp.float64, 1e-10, 1)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_variant_has_a_trace(name):
    """A variant in the registry is a program of its own: some trace must have run that program."""
    traced = [optimizer(trace).step for trace in TRACES.values() if trace["factory"] == name]
    for variant in REGISTRY[name].variants:
        assert REGISTRY[name].factory(**variant).step in traced, variant


@pytest.mark.parametrize("name", TRACES)
def test_trace_says_where_it_comes_from(name):
    trace = TRACES[name]
    assert trace["steps"] == STEPS >= 100
    assert [int(t) for t in trace["params"]] == list(SAVED)
    reference = trace["reference"].split("(")[0]
    library = reference.split(".")[0]
    assert library in trace["versions"] or "NumPy" in reference
    assert {"python", "numpy"} <= trace["versions"].keys()
    named = REGISTRY[trace["factory"]].reference.split("; ")
    assert reference in [x.split("(")[0] for x in named]
    moved = [
        np.abs(np.subtract(x, START[k])).max() / np.abs(START[k]).max()
        for k, x in trace["params"][str(STEPS)].items()
    ]
    assert min(moved) > 0.05  # a path along which there is something to get wrong
