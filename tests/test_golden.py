"""Law 10: every optimizer against the path of an independent implementation (golden/make.py)."""

import json
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.problem import SAVED, START, STEPS, batches, gradient, value

from jsgd.optimizers import REGISTRY

TRACES = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "golden").glob("*.json"))
}


def optimizer(trace):
    return REGISTRY[trace["factory"]].factory(**trace["settings"])


@cache
def descent(step, leaves):
    """`(params, state, start, x, y) -> the parameters after each step`: one program a rule."""

    @jax.jit
    def run(params, state, start, x, y):
        def body(carry, batch):
            params, state = carry
            grads = gradient(jnp, start | params, *batch)

            def value_fn(params):
                return value(jnp, start | params, *batch)

            grads = {k: grads[k] for k in leaves}
            carry = step(params, grads, state, value=value_fn(params), value_fn=value_fn)
            return carry, carry[0]

        return jax.lax.scan(body, (params, state), (x, y))[1]

    return run


def deviation(trace, dtype, steps=STEPS):
    """How far jsgd strays from a trace, relative to the size of the parameters."""
    opt, leaves = optimizer(trace), tuple(trace["params"]["1"])
    data = START, *batches(trace.get("whole", False))
    start, x, y = jax.tree.map(lambda x: jnp.asarray(x, dtype), data)
    params = {k: start[k] for k in leaves}
    path = descent(opt.step, leaves)(params, opt.init(params), start, x, y)
    return max(
        np.abs(np.asarray(path[k][int(t) - 1], float) - saved[k]).max() / np.abs(saved[k]).max()
        for t, saved in trace["params"].items()
        if int(t) <= steps
        for k in leaves
    )


@pytest.mark.parametrize("name", [x for x in TRACES if x != "noisy_sgd-float64"])
def test_agrees_in_float32(name):
    steps = TRACES[name].get("float32_steps", STEPS)
    assert deviation(TRACES[name], jnp.float32, steps) <= 1e-5


@pytest.mark.parametrize("name", [x for x in TRACES if x != "noisy_sgd-float32"])
def test_agrees_in_float64(name, x64):
    assert deviation(TRACES[name], jnp.float64) <= 1e-10


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
    library = trace["reference"].split(".")[0]
    assert library in trace["versions"] or "NumPy" in library
    assert {"python", "numpy"} <= trace["versions"].keys()
    moved = [
        np.abs(np.subtract(x, START[k])).max() / np.abs(START[k]).max()
        for k, x in trace["params"][str(STEPS)].items()
    ]
    assert min(moved) > 0.05  # a path along which there is something to get wrong
