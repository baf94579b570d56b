"""A row of a registry: what the laws, `jsgd list` and the README's table know of a factory."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jsgd.core.optimizer import Optimizer


class Row(NamedTuple):
    """One optimizer, wrapper or schedule.

    Attributes:
        factory: what the user calls.
        paper: short citation.
        reference: the independent implementation that it is tested against.
        variants: keyword arguments, one dict for every structure that the laws are held against.
            There is none where keywords alone do not make one (`partition`).
        identity: the keyword arguments at which a wrapper changes nothing, if there are such.
        takes: the leaves it takes: `"all"`, `"matrices"` (2-D ones) or `"reals"`.
        per_example: whether its gradients are those of single examples, along a first axis.
    """

    factory: Callable[..., Any]
    paper: str
    reference: str
    variants: tuple[dict[str, Any], ...] = ({},)
    identity: dict[str, Any] | None = None
    takes: str = "all"
    per_example: bool = False


def state_words(opt: Optimizer) -> float:
    """What the state holds for every parameter, in words of 4 bytes: 2 for Adam.

    It is counted on a float32 matrix of 1024 x 1024.
    """
    shape = jax.ShapeDtypeStruct((1024, 1024), jnp.float32)
    leaves = jax.tree.leaves(jax.eval_shape(opt.init, shape))
    return round(sum(x.size * x.dtype.itemsize for x in leaves) / (4 * shape.size), 4)
