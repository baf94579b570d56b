"""Independent implementations, each as a walk that descends the problem of the golden traces.

A reference is `Reference(what it is, walk)`, with `walk(params, dtype)` a generator: a `Batch` is
sent in, the parameters after the step come out.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from golden.problem import STEPS

ALL = ("bias", "scale", "tall", "wide")
MATRICES = ("tall", "wide")


class Batch(NamedTuple):
    """What a step is given."""

    grads: dict[str, np.ndarray]
    value: float
    value_fn: Callable  # params -> value, on NumPy or JAX arrays
    gradient_fn: Callable  # params -> grads, on NumPy arrays


class Reference(NamedTuple):
    name: str
    walk: Callable


class Trace(NamedTuple):
    """One golden trace.

    Attributes:
        settings: what jsgd's factory is given.
        reference: who walks.
        dtype: of the walk; float64 but where random numbers depend on it.
        leaves: the parameters that move, the others stand still.
        checks: other references, and what the paths may differ by.
        per_example: whether the gradients are those of the single examples of each batch.
        whole: every step has all batches together, for rules that need the same loss at every step.
        float32_steps: how far float32 can follow; from then on its rounding leads elsewhere.
    """

    settings: dict[str, Any]
    reference: Reference
    dtype: str = "float64"
    leaves: tuple[str, ...] = ALL
    checks: tuple[tuple[Reference, float], ...] = ()
    per_example: bool = False
    whole: bool = False
    float32_steps: int = STEPS


def torch(name: str, *, transposed: bool = False, **settings: Any) -> Reference:
    """`torch.optim.name`; `transposed` gives it kernels as (outputs, inputs)."""
    import torch

    def turn(x: np.ndarray) -> np.ndarray:
        return x.T if transposed else x

    def walk(params: dict[str, Any], dtype: str) -> Iterator:
        kind = getattr(torch, dtype)
        torch.set_default_dtype(kind)  # of the scalars that some optimizers keep
        tensors = {k: torch.tensor(turn(x), dtype=kind) for k, x in params.items()}
        opt = getattr(torch.optim, name)(tensors.values(), **settings)
        while True:
            batch = yield {k: turn(x.numpy()).copy() for k, x in tensors.items()}
            for k, x in tensors.items():
                x.grad = torch.tensor(turn(batch.grads[k]), dtype=x.dtype)
            opt.step()

    return Reference(call(f"torch.optim.{name}", settings), walk)


def optax(name: str, **settings: Any) -> Reference:
    """`optax.name` or `optax.contrib.name`; `lr` is passed as `learning_rate`."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    module = optax.contrib if hasattr(optax.contrib, name) else optax
    settings = {"learning_rate" if k == "lr" else k: x for k, x in settings.items()}

    def walk(params: dict[str, Any], dtype: str) -> Iterator:
        def arrays(tree):
            return {k: jax.numpy.asarray(x, dtype) for k, x in tree.items()}

        params = arrays(params)
        tx = optax.with_extra_args_support(getattr(module, name)(**settings))
        state = tx.init(params)
        while True:
            batch = yield {k: np.array(x) for k, x in params.items()}
            grads = arrays({k: batch.grads[k] for k in params})
            updates, state = tx.update(
                grads,
                state,
                params,
                value=jax.numpy.asarray(batch.value, dtype),
                grad=grads,
                value_fn=batch.value_fn,
            )
            params = optax.apply_updates(params, updates)

    return Reference(call(f"{module.__name__}.{name}", settings), walk)


def keras(name: str, **settings: Any) -> Reference:
    """`keras.optimizers.name`, on its JAX backend; `lr` is passed as `learning_rate`."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    import jax
    import keras

    jax.config.update("jax_enable_x64", True)
    settings = {"learning_rate" if k == "lr" else k: x for k, x in settings.items()}

    def walk(params: dict[str, Any], dtype: str) -> Iterator:
        keras.config.set_floatx(dtype)
        variables = {k: keras.Variable(x, dtype=dtype) for k, x in params.items()}
        opt = getattr(keras.optimizers, name)(**settings)
        opt.build(list(variables.values()))
        while True:
            batch = yield {k: np.array(x.value) for k, x in variables.items()}
            opt.apply([keras.ops.convert_to_tensor(batch.grads[k], dtype) for k in variables])

    return Reference(call(f"keras.optimizers.{name}", settings), walk)


def numpy(name: str, rule: Callable, settings: dict[str, Any], *, whole: bool = False) -> Reference:
    """Pseudocode worked in NumPy.

    Args:
        name: where it is from.
        rule: `rule(p, h)`, a generator that starts by yielding the array `p`; it is sent one
            gradient after another and yields what `p` becomes. One is started for every leaf; with
            `whole`, one for the dict of them all, and it is sent the `Batch`.
        settings: `h`.
    """

    def walk(params: dict[str, Any], dtype: str) -> Iterator:
        params = {k: x.astype(dtype) for k, x in params.items()}
        if whole:
            yield from rule(params, settings)
        rules = {k: rule(x, settings) for k, x in params.items()}
        params = {k: next(own) for k, own in rules.items()}
        while True:
            batch = yield dict(params)
            params = {k: own.send(batch.grads[k].astype(dtype)) for k, own in rules.items()}

    return Reference(call(f"{name}, in NumPy", settings), walk)


def call(name: str, arguments: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{k}={x!r}' for k, x in arguments.items())})"
