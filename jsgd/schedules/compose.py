r"""Schedules made of pieces."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jsgd.core import Schedule
from jsgd.core.hyper import is_concrete


def piecewise(values: Any, boundaries: Any) -> Schedule:
    """One constant after another: `values[i]` from step `boundaries[i - 1]` on.

    Args:
        values: n + 1 numbers.
        boundaries: n steps, rising, the first above 0.

    Raises:
        ValueError: the lengths do not fit, or the boundaries do not rise.

    >>> [round(float(piecewise([1.0, 0.5, 0.1], [2, 4])(t)), 1) for t in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.1, 0.1]
    """
    _check(len(values), boundaries)
    return Schedule(_piecewise, values=_stack(values), boundaries=_stack(boundaries))


def _piecewise(t, h):
    return h.values[_piece(t, h.boundaries)]


def join(schedules: Sequence[Any], boundaries: Any) -> Schedule:
    """One schedule after another, each counting from its own start.

    Args:
        schedules: n + 1 schedules (or any callables `step -> value`).
        boundaries: the n steps at which the next one takes over, rising, the first above 0.

    Raises:
        ValueError: the lengths do not fit, or the boundaries do not rise.

    >>> from jsgd.schedules import constant, linear
    >>> s = join([linear(0.0, 1.0, 2), constant(1.0), linear(1.0, 0.0, 2)], [2, 4])
    >>> [float(s(t)) for t in range(8)]
    [0.0, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0]
    """
    _check(len(schedules), boundaries)
    return Schedule(_join, schedules=tuple(schedules), boundaries=_stack(boundaries))


def _join(t, h):
    starts = jnp.concatenate([jnp.zeros(1, h.boundaries.dtype), h.boundaries])
    values = [schedule(t - starts[i]) for i, schedule in enumerate(h.schedules)]
    return jnp.stack(values)[_piece(t, h.boundaries)]


def _piece(t, boundaries):
    return jnp.sum(t >= boundaries)


def _stack(numbers: Any) -> Any:
    if all(is_concrete(x) for x in numbers):
        return np.asarray(numbers, np.float64)
    return jnp.stack([jnp.asarray(x, float) for x in numbers])


def _check(n: int, boundaries: Any) -> None:
    if len(boundaries) != n - 1:
        raise ValueError(f"{n} pieces have {n - 1} boundaries between them, not {len(boundaries)}")
    if all(is_concrete(x) for x in boundaries) and np.any(np.diff([0.0, *boundaries]) <= 0):
        raise ValueError(f"boundaries = {boundaries}: they must rise, from above 0")
