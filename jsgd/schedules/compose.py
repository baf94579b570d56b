r"""Schedules made of pieces."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jsgd.core import Schedule
from jsgd.core.bind import bind
from jsgd.core.hyper import is_concrete
from jsgd.schedules.shapes import FALLS, between, choice, fraction


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
    _check_lengths(len(values), boundaries)
    return Schedule(_piecewise, values=stack(values), boundaries=stack(boundaries))


def _piecewise(t, h):
    return h.values[_piece(t, h.boundaries)]


def piecewise_interpolate(values: Any, boundaries: Any, *, shape: str = "linear") -> Schedule:
    r"""From one value to the next, `values[i]` at step `boundaries[i - 1]`, by lines or cosines.

    Between the boundaries :math:`b_i` and :math:`b_{i+1}`, with :math:`b_0 = 0`,

    .. math::
        s(t) = v_{i+1} + (v_i - v_{i+1}) f\left(\frac{t - b_i}{b_{i+1} - b_i}\right), \quad
        f(x) = 1 - x \;\text{ or }\; \tfrac12(1 + \cos \pi x)

    optax is given the ratio of each value to the one before it.

    Args:
        values: n + 1 numbers, the first of them at step 0, the last from the last boundary on.
        boundaries: n steps, rising, the first above 0.
        shape: static; `"linear"` or `"cosine"`.

    Raises:
        ValueError: the lengths do not fit, the boundaries do not rise, or there is no such shape.

    >>> [round(float(piecewise_interpolate([0.0, 1.0, 0.4], [2, 4])(t)), 1) for t in range(6)]
    [0.0, 0.5, 1.0, 0.7, 0.4, 0.4]
    """
    _check_lengths(len(values), boundaries)
    return Schedule(
        bind(_piecewise_interpolate, choice("shape", shape, ("linear", "cosine"))),
        values=stack(values),
        boundaries=stack(boundaries),
    )


def _piecewise_interpolate(shape, t, h):
    return interpolated(shape, t, h.values, h.boundaries)


def interpolated(shape, t, values, boundaries):
    """The value at `t` on the way through `values`, from step 0 over the boundaries."""
    starts = _starts(boundaries)
    i = jnp.minimum(_piece(t, boundaries), len(values) - 2)
    done = fraction(t - starts[i], starts[i + 1] - starts[i])
    return between(values[i + 1], values[i], FALLS[shape](done))


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
    _check_lengths(len(schedules), boundaries)
    return Schedule(_join, schedules=tuple(schedules), boundaries=stack(boundaries))


def _join(t, h):
    return joined(t, h.schedules, h.boundaries)


def joined(t, schedules, boundaries):
    """The value at `t` of the schedule whose turn it is."""
    starts = _starts(boundaries)
    values = [schedule(t - starts[i]) for i, schedule in enumerate(schedules)]
    return jnp.stack(values)[_piece(t, boundaries)]


def _piece(t, boundaries):
    return jnp.sum(t >= boundaries)


def _starts(boundaries):
    return jnp.concatenate([jnp.zeros(1, boundaries.dtype), boundaries])


def stack(numbers: Any) -> Any:
    """An array of numbers, some of which may be tracers."""
    if all(is_concrete(x) for x in numbers):
        return np.asarray(numbers, np.float64)
    return jnp.stack([jnp.asarray(x, float) for x in numbers])


def check_rising(boundaries: Any) -> None:
    """Steps between pieces come one after the other."""
    if all(is_concrete(x) for x in boundaries) and np.any(np.diff([0.0, *boundaries]) <= 0):
        raise ValueError(f"boundaries = {boundaries}: they must rise, from above 0")


def _check_lengths(n: int, boundaries: Any) -> None:
    if len(boundaries) != n - 1:
        raise ValueError(f"{n} pieces have {n - 1} boundaries between them, not {len(boundaries)}")
    check_rising(boundaries)
