r"""Line searches: how far to go along a direction, each a free function with a bounded loop.

Both ask a step :math:`\alpha` for sufficient decrease along :math:`\phi(\alpha) = f(x + \alpha d)`,

.. math::
    \phi(\alpha) \le \phi(0) + c_1 \alpha \phi'(0),

or, where values differ by no more than rounding, for Hager and Zhang's form of it in slopes,
:math:`\phi'(\alpha) \le (2 c_1 - 1) \phi'(0)`. A value or a slope that is not finite is no
decrease, so the search backs off. One evaluation is a value with its gradient; the last gradient is
handed back, for the next step to start from.

With bounds the line bends: a number that has come to its bound stays there, and adds nothing to the
slope from then on.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jsgd.core import tree
from jsgd.core.numerics import cast_like

# Values that differ by less, relatively, are told apart by slopes (Hager and Zhang's epsilon).
ROUNDING = 1e-6

# The lowest and the highest values, trees like the parameters, all of them real; or none.
Bounds = tuple[Any, Any] | None


class Found(NamedTuple):
    """Where a search ended; at its start, with a step of 0, if no trial had sufficient decrease.

    Attributes:
        params, value, grads: the point, the loss and the gradient there.
        step: how far along the direction it is.
        evaluations: int32, the trials.
    """

    params: Any
    value: jax.Array
    grads: Any
    step: jax.Array
    evaluations: jax.Array


class Point(NamedTuple):
    """A point on the line: how far along, the loss there, and its slope along the line."""

    step: jax.Array
    value: jax.Array
    slope: jax.Array


def along(params: Any, direction: Any, step: Any, bounds: Bounds = None) -> Any:
    """`params + step * direction`, within bounds; after a step of 0 `params`, in any direction."""
    moved = jax.tree.map(
        lambda p, d: jnp.where(step == 0, p, p + d), params, tree.scale(step, direction)
    )
    return within(moved, bounds)


def within(params: Any, bounds: Bounds) -> Any:
    """The nearest parameters within the bounds."""
    return params if bounds is None else jax.tree.map(jnp.clip, params, *bounds)


def outward(params: Any, direction: Any, bounds: tuple[Any, Any]) -> Any:
    """Where a number is at a bound and the direction leads out: a tree of booleans."""
    return jax.tree.map(
        lambda p, d, low, high: ((p <= low) & (d < 0)) | ((p >= high) & (d > 0)),
        params,
        direction,
        *bounds,
    )


def backtracking(
    value_fn: Callable,
    params: Any,
    direction: Any,
    value: jax.Array,
    grads: Any,
    *,
    step: Any = 1.0,
    factor: float = 0.5,
    decrease: float = 1e-4,
    max_steps: int = 20,
    bounds: Bounds = None,
) -> Found:
    r"""Shortens the step until the loss falls far enough.

    Args:
        value_fn: parameters -> loss.
        params, value, grads: where the line starts, the loss and the gradient there (of steepest
            ascent, as `jsgd.core.tree.value_and_grad` gives it).
        direction: a tree like `params`, along which the loss falls.
        step: the first step that is tried.
        factor: from each trial to the next.
        decrease: :math:`c_1`.
        max_steps: the most evaluations.
        bounds: the lowest and the highest values, two trees like `params`, which are within them.

    >>> x, fx, gradient = jnp.float32(3), jnp.float32(9), jnp.float32(6)
    >>> found = backtracking(jnp.square, x, -gradient, fx, gradient)
    >>> float(found.params), float(found.step), int(found.evaluations)
    (0.0, 0.5, 2)

    References:
        Nocedal and Wright, "Numerical Optimization", 2nd ed., 2006, Algorithm 3.1.
    """
    start, at = _line(value_fn, params, direction, value, grads, bounds)

    def body(c):
        step, *end, n, _ = c
        trial = at(step)
        falls = _falls(trial[0], start, decrease)
        return factor * step, *tree.choose(falls, trial, tuple(end)), n + 1, falls

    def going(c):
        *_, n, done = c
        return (n < max_steps) & ~done

    first = jnp.asarray(step, value.dtype), start, grads, jnp.int32(0), jnp.asarray(False)
    _, end, end_grads, n, _ = jax.lax.while_loop(going, body, first)
    return Found(along(params, direction, end.step, bounds), end.value, end_grads, end.step, n)


def zoom(
    value_fn: Callable,
    params: Any,
    direction: Any,
    value: jax.Array,
    grads: Any,
    *,
    step: Any = 1.0,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    max_steps: int = 20,
    bounds: Bounds = None,
) -> Found:
    r"""Finds a step that satisfies the strong Wolfe conditions.

    They are sufficient decrease and :math:`|\phi'(\alpha)| \le c_2 |\phi'(0)|`. The step doubles
    until an interval holds such steps, which cubic interpolation then narrows. If the evaluations
    run out first, the lowest point with sufficient decrease is taken.

    Args:
        value_fn, params, direction, value, grads, step, decrease, max_steps: as in `backtracking`.
        curvature: :math:`c_2`, in (c_1, 1).

    >>> x, fx, gradient = jnp.float32(3), jnp.float32(9), jnp.float32(6)
    >>> found = zoom(jnp.square, x, -gradient, fx, gradient)
    >>> float(found.params), float(found.step), int(found.evaluations)
    (0.0, 0.5, 2)

    References:
        Nocedal and Wright, "Numerical Optimization", 2nd ed., 2006, Algorithms 3.5 and 3.6.
        Hager and Zhang, "Algorithm 851: CG_DESCENT", 2006, for the approximate conditions.
        Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods", Mathematical
        Programming 141, 2013, for the weak condition where slopes jump.
    """
    start, at = _line(value_fn, params, direction, value, grads, bounds)

    def body(c):
        low, low_grads, high, step, n, _ = c
        trial, new_grads = at(step)
        falls = _falls(trial, start, decrease)
        steepness = jnp.abs(trial.slope) if bounds is None else -trial.slope
        done = falls & (steepness <= curvature * jnp.abs(start.slope))
        lower = done | (falls & (trial.value < low.value))
        # Algorithm 3.6; while `high` is infinitely far, these same lines are Algorithm 3.5
        turned = trial.slope * (high.step - low.step) >= 0
        high = tree.choose(lower, tree.choose(turned, low, high), trial)
        low, low_grads = tree.choose(lower, (trial, new_grads), (low, low_grads))
        step = jnp.where(jnp.isinf(high.step), 2 * low.step, _interpolated(low, high))
        return low, low_grads, high, step, n + 1, done

    def going(c):
        *_, n, done = c
        return (n < max_steps) & ~done

    nowhere = Point(*(jnp.full_like(value, jnp.inf) for _ in range(3)))
    first = start, grads, nowhere, jnp.asarray(step, value.dtype), jnp.int32(0), jnp.asarray(False)
    low, low_grads, _, _, n, _ = jax.lax.while_loop(going, body, first)
    end = along(params, direction, low.step, bounds)
    return Found(end, low.value, low_grads, low.step, n)


def _line(value_fn, params, direction, value, grads, bounds) -> tuple[Point, Callable]:
    """The start of the line, and `step -> (point, gradient)` on it; scalars are like `value`."""

    def slope(point, grads):
        moving = direction
        if bounds is not None:
            moving = tree.zero_where(outward(point, direction, bounds), direction)
        return tree.dot(grads, moving).astype(value.dtype)

    def at(step):
        point = along(params, direction, step, bounds)
        new_value, new_grads = tree.value_and_grad(value_fn, point)
        new_grads = jax.tree.map(cast_like, new_grads, grads)
        return Point(step, new_value.astype(value.dtype), slope(point, new_grads)), new_grads

    return Point(jnp.zeros_like(value), value, slope(params, grads)), at


def _falls(trial: Point, start: Point, decrease: float) -> jax.Array:
    """Sufficient decrease, exact or approximate."""
    exact = trial.value <= start.value + decrease * trial.step * start.slope
    level = trial.value <= start.value + ROUNDING * jnp.abs(start.value)
    approximate = level & (trial.slope <= (2 * decrease - 1) * start.slope)
    return jnp.isfinite(trial.value) & jnp.isfinite(trial.slope) & (exact | approximate)


def _interpolated(low: Point, high: Point) -> jax.Array:
    """The minimum of the cubic through both points (equation 3.59), well inside the interval."""
    width = high.step - low.step
    d1 = low.slope + high.slope - 3 * (high.value - low.value) / width
    d2 = jnp.sign(width) * jnp.sqrt(d1**2 - low.slope * high.slope)
    part = 1 - (high.slope + d2 - d1) / (high.slope - low.slope + 2 * d2)
    return low.step + width * jnp.where(jnp.isfinite(part), jnp.clip(part, 0.1, 0.9), 0.5)
