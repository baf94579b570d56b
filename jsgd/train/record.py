"""Records: what a fit or a sweep is of, so that one that goes on is known to be the same."""

import hashlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from jsgd.core.tree import leaves_by_path
from jsgd.train.run import Run

_SMALL = 16  # elements of an array that the text of a program has
_PARTS = {
    "init": "the program that begins a run is another one: its initial parameters, or a default",
    "advance": "the program of an epoch is another one: its data, loss, model or optimizer",
}


def fingerprint(run: Run, key: jax.Array, hyper: Any, *chunk: Any) -> dict[str, Any]:
    """What tells one run from another, as JSON has it: what it carries, and its two programs.

    Args:
        run: the run.
        key: any key of the kind that it gets.
        hyper: the hyperparameters that it gets, or their shapes.
        *chunk: what `advance` gets besides the carry, or its shapes.
    """
    init = jax.jit(run.init).trace(key, hyper)
    carry = init.out_info
    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), carry)
    advance = jax.jit(run.advance).trace(like, *chunk)
    return {"carry": signature(carry), "init": _digest(init), "advance": _digest(advance)}


def signature(carry: Any) -> dict[str, str]:
    """The dtype and the shape of every leaf, by its path."""
    return {at: f"{x.dtype}{list(x.shape)}" for at, x in leaves_by_path(carry).items()}


def difference(saved: dict[str, Any], now: dict[str, Any], at: str = "") -> str | None:
    """The first thing in which two records differ, in words; `None` if in nothing.

    Args:
        saved, now: nests of dicts of what JSON has; fingerprints may be in them.
        at: where in a record they stand.
    """
    for name in saved | now:
        was, new = saved.get(name, "not there"), now.get(name, "not there")
        if was == new:
            continue
        if isinstance(was, dict) and isinstance(new, dict):
            return difference(was, new, f"{at}{name}: ")
        if name in _PARTS and "carry" in now:
            return f"{at}{_PARTS[name]}"
        return f"{at}{name} was {was}, and is {new} now"
    return None


def _digest(traced: Any) -> str:
    """Of the program and of the arrays in it: its text has only small ones, so as to be short."""
    text = traced.lower().compiler_ir().operation.get_asm(large_elements_limit=_SMALL)
    out = hashlib.sha256(text.encode())
    for x in _arrays(traced.jaxpr):
        x = jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        out.update(np.ascontiguousarray(x).reshape(-1).view(np.uint8).data)
    return out.hexdigest()


def _arrays(part: Any) -> Iterator[Any]:
    """Those that a program closes over, and those that the programs within it do."""
    if isinstance(part, ClosedJaxpr):
        yield from part.consts
        part = part.jaxpr
    if isinstance(part, Jaxpr):
        for equation in part.eqns:
            for x in jax.tree.leaves(tuple(equation.params.values())):
                yield from _arrays(x)
