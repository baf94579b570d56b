"""Makes the golden traces: `PYTHONPATH=tests python -m golden.make [NAME ...]`, by hand.

It needs `pip install torch keras`. Each trace is the path that an independent implementation takes
from `problem.START`, in float64. What jsgd computes has no part in it: nothing here imports jsgd.
The settings are far from the defaults, so that an epsilon in the wrong place shows.

A family is a module here with `traces() -> {name: Trace}`; a trace is named after its factory, with
`-something` for another setting.
"""

import functools
import importlib
import json
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
from golden.problem import SAVED, START, STEPS, batches, gradient, gradients, value
from golden.references import Batch, Reference, Trace

FAMILIES = (
    "sgd",
    "adam",
    "adaptive",
    "norms",
    "matrix",
    "averaged",
    "parameter_free",
    "second_order",
)
LIBRARIES = ("numpy", "torch", "optax", "jax", "keras")


def main(names: list[str]) -> None:
    for family in FAMILIES:
        for name, trace in importlib.import_module(f"golden.{family}").traces().items():
            if not names or name in names:
                make(name, trace)


def make(name: str, trace: Trace) -> None:
    path = dict(enumerate(descend(trace.reference, trace), 1))
    for other, slack in trace.checks:
        for t, p in enumerate(descend(other, trace), 1):
            off = max(np.abs(p[k] - path[t][k]).max() for k in trace.leaves)
            if not off <= slack:
                raise SystemExit(f"{name} is {off:.1e} from {other.name} after {t} steps")
        print(f"{name}: {off:.1e} from {other.name}")
    write(name, trace, {t: path[t] for t in SAVED})


def descend(reference: Reference, trace: Trace) -> Iterator:
    """The parameters after each step."""
    walk = reference.walk({k: START[k].astype(trace.dtype) for k in trace.leaves}, trace.dtype)
    params = next(walk)
    slopes_of = functools.partial(slopes, gradients if trace.per_example else gradient)
    for x, y in zip(*batches(trace.whole), strict=True):
        fn, gradient_fn = functools.partial(loss, x, y), functools.partial(slopes_of, x, y)
        params = walk.send(Batch(gradient_fn(params), fn(params), fn, gradient_fn))
        yield params


def loss(x, y, params):
    if all(isinstance(p, np.ndarray) for p in params.values()):
        return value(np, START | params, x, y)
    from jax import numpy

    return value(numpy, START | params, x, y)


def slopes(gradient, x, y, params):
    full = START | {k: p.astype(float) for k, p in params.items()}
    grads = gradient(np, full, x, y)
    return {k: grads[k] for k in params}


def write(name: str, trace: Trace, path: dict[int, dict[str, np.ndarray]]) -> None:
    head = {
        "factory": name.split("-")[0],
        "settings": trace.settings,
        "reference": trace.reference.name,
        "versions": {"python": platform.python_version()}
        | {x: metadata.version(x) for x in LIBRARIES},
        "problem": "tests/golden/problem.py",
        "dtype": trace.dtype,
        "whole": trace.whole,
        "float32_steps": trace.float32_steps,
        "steps": STEPS,
    }
    lines = [f"  {json.dumps(k)}: {json.dumps(x)}" for k, x in head.items()]
    steps = [
        f'    "{t}": ' + json.dumps({k: np.asarray(x).tolist() for k, x in params.items()})
        for t, params in path.items()
    ]
    lines.append('  "params": {\n' + ",\n".join(steps) + "\n  }")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (Path(__file__).parent / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
