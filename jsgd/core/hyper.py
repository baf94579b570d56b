"""Hyperparameters as data: checked when they are given, arrays in the state, resolved at a step.

A hyperparameter is a number, an array, a schedule, or a pytree of those that is a prefix of the
parameters. In the state its leaves are arrays of `hyper_dtype()`; rates near one are `Decay`s.
"""

import functools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jsgd.core.bind import bind, call_repr, choices
from jsgd.core.numerics import Decay, hyper_dtype
from jsgd.core.ranges import DECAYS, RANGES


@jax.tree_util.register_pytree_with_keys_class
class Schedule:
    """A value that depends on the step: a pytree of arrays, and the `rule(t, h)` that reads them.

    `schedule(t)` is the value at step `t`, the number of steps done (0 at the first step).
    Its numbers are data, like every hyperparameter: they sweep, and change without a new program.
    The rule is branch-free, so a schedule can be mapped over any of them.

    Args:
        rule: `rule(t, h) -> value` with `t` a float scalar and `h.name` the numbers below.
        hyper: the numbers, arrays, or schedules (or a tuple of them) that the rule reads.

    Raises:
        ValueError: a number is outside its range.

    >>> halving = Schedule(lambda t, h: h.init_value * 0.5**t, init_value=8.0)
    >>> float(halving(2))
    2.0
    """

    def __init__(self, rule: Callable, **hyper: Any):
        self.rule = rule
        self.hyper = {name: _callables_wrapped(checked(name, x)) for name, x in hyper.items()}

    def __call__(self, t: Any) -> jax.Array:
        hyper = jax.tree.map(lambda x: jnp.asarray(x, hyper_dtype()), self.hyper)
        return jnp.asarray(self.rule(jnp.asarray(t, hyper_dtype()), Given(hyper)), hyper_dtype())

    def __repr__(self) -> str:
        if getattr(self.rule, "func", None) is _call:
            return call_repr(self.rule.args[0], self.hyper)
        return call_repr(self.rule, self.hyper | choices(self.rule))

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, Schedule)
            and self.rule == other.rule
            and trees_equal(self.hyper, other.hyper)
        )

    __hash__ = None  # type: ignore[assignment]

    def tree_flatten_with_keys(self):
        keys = tuple(self.hyper)
        children = [(jax.tree_util.DictKey(key), self.hyper[key]) for key in keys]
        return children, (self.rule, keys)

    def tree_flatten(self):
        return tuple(self.hyper.values()), (self.rule, tuple(self.hyper))

    @classmethod
    def tree_unflatten(cls, aux, children):
        schedule = object.__new__(cls)
        schedule.rule, schedule.hyper = aux[0], dict(zip(aux[1], children, strict=True))
        return schedule


class Given(SimpleNamespace):
    """Names as attributes; one that is missing is an error that says what there is."""

    def __init__(self, names: dict[str, Any]):
        super().__init__(**names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ValueError(
            f"this rule needs {name!r}, and has {sorted(vars(self))}: "
            f"pass it to the step, step(params, grads, state, {name}=...)"
        )


def is_special(x: Any) -> bool:
    """A leaf to the walks over hyperparameters, though a pytree to JAX."""
    return isinstance(x, Schedule | Decay)


def _is_leaf(x: Any) -> bool:
    return x is None or is_special(x)


def is_concrete(x: Any) -> bool:
    """A number whose value can be looked at now: neither a tracer nor a schedule."""
    return isinstance(x, int | float | np.number | np.ndarray | jax.Array) and not isinstance(
        x, Tracer
    )


def checked(name: str, value: Any) -> Any:
    """`value`, after the concrete numbers in it were held against the range of `name`.

    Raises:
        ValueError: a number is outside the range, or a leaf is no number at all.
    """
    if "__" in name:
        raise ValueError(
            f"{name!r}: a name has no double underscore; those lead into nested states"
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(value, is_leaf=_is_leaf):
        where = name + jax.tree_util.keystr(path)
        if (
            leaf is None
            or isinstance(leaf, bool | str)
            or not (
                is_concrete(leaf)
                or is_special(leaf)
                or callable(leaf)
                or isinstance(leaf, jax.Array)
            )
        ):
            raise ValueError(
                f"{where} = {leaf!r}: a hyperparameter is a number, an array, a schedule "
                "(or any callable step -> value), or a pytree of those"
            )
        if is_concrete(leaf) and not jnp.issubdtype(jnp.result_type(leaf), jnp.number):
            raise ValueError(f"{where} has dtype {jnp.result_type(leaf)}; it must be a number")
        if is_concrete(leaf) and name in RANGES and np.asarray(leaf) not in RANGES[name]:
            raise ValueError(f"{where} = {leaf}: {name} must be in {RANGES[name]}")
    return value


def as_hyper(name: str, value: Any) -> Any:
    """The form a hyperparameter has in the state: strongly typed arrays that nothing else holds."""

    def array(x):
        return jnp.array(x, hyper_dtype(), copy=True)

    def leaf(x):
        if is_special(x):
            return jax.tree.map(array, x)
        if name not in DECAYS:
            return array(x)
        # a concrete 1 - b is formed in float64, before anything is rounded
        if is_concrete(x):
            return Decay(array(1 - np.asarray(x, np.float64)))
        return Decay(1 - jnp.asarray(x, hyper_dtype()))

    return jax.tree.map(leaf, _callables_wrapped(checked(name, value)), is_leaf=is_special)


def _callables_wrapped(value: Any) -> Any:
    return jax.tree.map(
        lambda x: Schedule(bind(_call, x)) if callable(x) and not is_special(x) else x,
        value,
        is_leaf=is_special,
    )


def _call(fn: Callable, t: jax.Array, h: Given) -> jax.Array:
    """The rule of a schedule that is any callable `step -> value` (optax's, say)."""
    return fn(t)


def resolve(hyper: dict[str, Any], t: jax.Array) -> dict[str, Any]:
    """The values after `t` steps: schedules are called, everything else stays."""

    def leaf(name, x):
        if not isinstance(x, Schedule):
            return x
        return Decay(1 - x(t)) if name in DECAYS else x(t)

    return {
        name: jax.tree.map(functools.partial(leaf, name), value, is_leaf=is_special)
        for name, value in hyper.items()
    }


def shown(value: Any) -> Any:
    """A hyperparameter as people read it: `b`, not `1 - b`."""
    return jax.tree.map(lambda x: x.value if isinstance(x, Decay) else x, value, is_leaf=is_special)


def named_values(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """`lr` itself, then the numbers inside a schedule: `lr__peak_value`."""
    yield name, shown(value)
    for key, x in parts(value).items():
        yield from named_values(f"{name}__{key}", x)


def parts(value: Any) -> dict[str, Any]:
    """What a schedule is made of, by name; the pieces of a joined one by position."""
    if isinstance(value, Schedule):
        return value.hyper
    if isinstance(value, tuple) and any(isinstance(x, Schedule) for x in value):
        return {str(i): x for i, x in enumerate(value)}
    return {}


def trees_equal(a: Any, b: Any) -> bool:
    """The same structure and, leaf by leaf, the same numbers."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    return all(
        x is y or np.array_equal(x, y)
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )
