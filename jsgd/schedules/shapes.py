"""The shapes that schedules are drawn with: exact at their ends, and exact when compiled."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp


def fraction(part, whole):
    """How much of a length has passed, from 0 to 1; all of one that has no length."""
    passed = jnp.maximum(part, 0) / jnp.where(whole > 0, whole, 1)
    return jnp.where(part < whole, passed, 1)


def whole_turns(since, period):
    """`floor(since / period)`, exact for whole numbers.

    Compiled, the quotient may round to below (or up to) a whole number, so ask the product.
    """
    turns = jnp.round(since / period)
    return jnp.where(turns * period > since, turns - 1, turns)


def between(a, b, done):
    """From `a` to `b`; both are reached to the last digit, however far apart they are."""
    return a * (1 - done) + b * done


def half_cosine(done):
    """Half a cosine from 1 down to 0: `(1 + cos(pi * done)) / 2`, without its cancellation."""
    return jnp.sin(jnp.pi / 2 * (1 - done)) ** 2


# Ways down from 1 to 0, as `done` goes from 0 to 1.
FALLS: dict[str, Callable] = {
    "linear": lambda done: 1 - done,
    "cosine": half_cosine,
    "1-sqrt": lambda done: 1 - jnp.sqrt(done),
}


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """`value`, if it is one of the static choices that there are."""
    if value not in allowed:
        raise ValueError(f"{name} = {value!r}: it is one of {', '.join(map(repr, allowed))}")
    return value


def present(**numbers: Any) -> dict[str, Any]:
    """The optional numbers that were given; `None`, a static choice, leaves one out."""
    return {name: x for name, x in numbers.items() if x is not None}
