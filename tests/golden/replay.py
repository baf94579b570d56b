"""The golden traces, and how far jsgd strays from them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from golden.problem import START, STEPS, batches, gradient, gradients, value

from jsgd import Optimizer
from jsgd.optimizers import REGISTRY

TRACES = {
    path.stem: json.loads(path.read_text()) for path in sorted(Path(__file__).parent.glob("*.json"))
}


def optimizer(trace: dict[str, Any]) -> Optimizer:
    return REGISTRY[trace["factory"]].factory(**trace["settings"])


@cache
def descent(step, leaves, per_example):
    """`(params, state, start, x, y) -> the parameters after each step`: one program a rule."""

    @jax.jit
    def run(params, state, start, x, y):
        def body(carry, batch):
            params, state = carry
            grads = (gradients if per_example else gradient)(jnp, start | params, *batch)

            def value_fn(params):
                return value(jnp, start | params, *batch)

            grads = {k: grads[k] for k in leaves}
            carry = step(params, grads, state, value=value_fn(params), value_fn=value_fn)
            return carry, carry[0]

        return jax.lax.scan(body, (params, state), (x, y))[1]

    return run


def deviation(trace: dict[str, Any], dtype: Any) -> float:
    """How far jsgd strays from a trace, relative to the size of the parameters."""
    opt, leaves = optimizer(trace), tuple(trace["params"]["1"])
    data = START, *batches(trace.get("whole", False))
    start, x, y = jax.tree.map(lambda x: jnp.asarray(x, dtype), data)
    steps = trace.get("float32_steps", STEPS) if dtype == jnp.float32 else STEPS
    params = {k: start[k] for k in leaves}
    per_example = REGISTRY[trace["factory"]].per_example
    path = descent(opt.step, leaves, per_example)(params, opt.init(params), start, x, y)
    return max(
        np.abs(np.asarray(path[k][int(t) - 1], float) - saved[k]).max() / np.abs(saved[k]).max()
        for t, saved in trace["params"].items()
        if int(t) <= steps
        for k in leaves
    )


def own(trace: dict[str, Any], precision: int) -> bool:
    """Whether this precision is to be held against it: random numbers differ between dtypes."""
    return not trace["settings"].get("key") or trace["dtype"] == f"float{precision}"
