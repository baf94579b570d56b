"""Functions with static choices bound, so that equal choices are one object."""

import functools
import inspect
from collections.abc import Callable
from typing import Any


class Bound(functools.partial):
    """A function with its static choices bound (see `bind`)."""

    def __reduce__(self):
        return bind, (self.func, *self.args)


@functools.lru_cache(maxsize=None, typed=True)
def bind(fn: Callable, *static: Any) -> Bound:
    """`fn` with static leading arguments: the same choices give the same object, pickled or not.

    That identity is what makes `jax.jit(opt.step)` find its compiled program again, whatever
    the numbers in the state. The arguments must be hashable.
    """
    return Bound(fn, *static)


def choices(fn: Callable) -> dict[str, Any]:
    """The static choices bound to a function, by the names of its arguments; not functions."""
    if not isinstance(fn, Bound):
        return {}
    names = inspect.signature(fn.func).parameters
    return {name: x for name, x in zip(names, fn.args) if not callable(x)}


def call_repr(fn: Callable, arguments: dict[str, Any], *first: Any) -> str:
    """`adam(lr=0.001, b1=0.9)`: how the thing was made, from its rule and its arguments."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__name__", type(fn).__name__).lstrip("_")
    given = [repr(x) for x in first] + [f"{k}={v!r}" for k, v in arguments.items()]
    return f"{name}({', '.join(given)})"
