"""Every registered optimizer finds the minimum of a bowl and of a bent valley."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest
from cases import CASES

from jsgd.core import tree
from jsgd.optimizers import REGISTRY

STEPS = 3000


class Setting(NamedTuple):
    """What an optimizer is given.

    Attributes:
        lr: the learning rate at first, falling linearly to 0; or an array of its own, if it has no `lr`.
        valley: that for the valley, where it is another.
        more: other hyperparameters.
    """

    lr: float = 0.1
    valley: float | None = None
    more: dict[str, Any] = {}


# By factory, or by case where a variant needs another; the others are given the default.
SETTINGS: dict[str, Setting] = {}


def bowl(dtype):
    """(start, end, loss): as in optax's tests of its aliases."""
    start = jnp.array([-1.0, 10.0, 1.0], dtype)
    end = jnp.array([1.0, -1.0, 1.0], dtype)
    if jnp.iscomplexobj(start):
        end = end * jnp.asarray(1 + 1j, dtype)
    return start, end, lambda x: jnp.sum(jnp.abs(x - end) ** 2)


def valley(dtype):
    """Rosenbrock's, in a complex plane too."""
    a = jnp.asarray(1 + 1j if jnp.issubdtype(dtype, jnp.complexfloating) else 1, dtype)

    def loss(x):
        return jnp.abs(a - x[0]) ** 2 + 100 * jnp.abs(x[1] - x[0] ** 2) ** 2

    return jnp.zeros(2, dtype), jnp.stack([a, a * a]), loss
