"""A walk downhill: an optimizer and a function in one compiled loop, and why it ended."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jsgd.core import State, eval_params, tree
from jsgd.core.linesearch import Bounds, within
from jsgd.core.numerics import cast_like, hyper_dtype

# Reasons; 0 while there is none.
GRADIENT, CHANGE, STALLED, NOT_FINITE = 1, 2, 3, 4


class Problem(NamedTuple):
    """What is minimized, as arrays: other numbers are the same program.

    Attributes:
        args: what the function is given after the parameters.
        bounds: the lowest and the highest values, two trees like the parameters, or `None`.
        tol: ends it once no number of the projected gradient is larger.
        ftol: ends it once two steps in a row change the value by less, relatively.
    """

    args: tuple
    bounds: Bounds
    tol: Any
    ftol: Any


class Point(NamedTuple):
    """Parameters, the value and the gradient there."""

    params: Any
    value: jax.Array
    grads: Any


class Walk(NamedTuple):
    """Where it stands.

    Attributes:
        now: where the next step starts.
        state: the optimizer's.
        seen: what is judged: the parameters to evaluate, which for most optimizers are those of
            `now`.
        best: the lowest point seen, or the last of a line search, or the one within `tol`.
        t: int32, the steps done.
        quiet: int32, how many steps in a row changed the value by too little.
        stuck: int32, how many searches in a row found nothing.
        reason: int32, why it ended, 0 if it did not.
    """

    now: Point
    state: State
    seen: Point
    best: Point
    t: jax.Array
    quiet: jax.Array
    stuck: jax.Array
    reason: jax.Array


def searches(state: State) -> bool:
    """Whether it is of an optimizer that searches along a line, and keeps what it found there."""
    return "next_value" in state.slots


@partial(jax.jit, static_argnames=("fun", "many"))
def begin(fun: Callable, many: bool, x0: Any, state: State, problem: Problem) -> Walk:
    """The start of a walk, or with `many` of one for each row of `x0` and `state`."""

    def one(x0, state):
        x0 = within(x0, problem.bounds)
        now = Point(x0, *tree.value_and_grad(_value_fn(fun, problem), x0))
        return _looked(fun, problem, Walk(now, state, now, now, *jnp.zeros(4, jnp.int32)))

    return jax.vmap(one)(x0, state) if many else one(x0, state)


@partial(jax.jit, static_argnames=("fun", "step", "many"))
def advance(
    fun: Callable, step: Callable, many: bool, walk: Walk, problem: Problem, until: Any
) -> Walk:
    """On to this number of steps, or to where it ends."""

    def going(walk):
        return (walk.reason == 0) & (walk.t < until)

    def one(walk):
        return jax.lax.while_loop(going, partial(_stepped, fun, step, problem), walk)

    return jax.vmap(one)(walk) if many else one(walk)


def _stepped(fun, step, problem, walk):
    """One step of the optimizer, a look at where it came, and whether the change is too small."""
    value_fn, (x, value, grads) = _value_fn(fun, problem), walk.now
    given = {"value": value, "value_fn": value_fn}
    if searches(walk.state):
        given |= {} if problem.bounds is None else {"bounds": problem.bounds}
        x, state = step(x, grads, walk.state, **given)
        found = state.slots["next_value"], state.slots["next_gradient"]
        now = Point(x, *jax.tree.map(cast_like, found, (value, grads)))
    else:
        x, state = step(x, grads, walk.state, **given)
        x = within(x, problem.bounds)
        now = Point(x, *tree.value_and_grad(value_fn, x))

    new = _looked(fun, problem, walk._replace(now=now, state=state, t=walk.t + 1))
    before, after = walk.seen.value, new.seen.value
    scale = jnp.maximum(jnp.abs(before), jnp.abs(after))
    pairs = zip(jax.tree.leaves(now.params), jax.tree.leaves(walk.now.params), strict=True)
    moved = jnp.any(jnp.stack([jnp.any(a != b) for a, b in pairs]))
    is_flat = jnp.abs(after - before) < problem.ftol * scale
    quiet = jnp.where(is_flat, walk.quiet + 1, 0)
    if searches(state):
        # the first that finds nothing forgets the pairs, so the second is along the gradient
        stuck = jnp.where(moved, 0, walk.stuck + 1)
    else:  # nothing moves while `accumulate` gathers gradients, or at a rate of 0
        stuck, quiet = walk.stuck, jnp.where(moved, quiet, walk.quiet)
    why = jnp.where(stuck == 2, STALLED, jnp.where(quiet == 2, CHANGE, 0)).astype(jnp.int32)
    why = jnp.where(new.reason == 0, why, new.reason)
    return new._replace(quiet=quiet, stuck=stuck, reason=why)


def _looked(fun, problem, walk):
    """With the point to judge, the best so far, and the reasons to end that one point gives."""
    seen = walk.now
    x = eval_params(seen.params, walk.state)
    if any(a is not b for a, b in zip(jax.tree.leaves(x), jax.tree.leaves(seen.params))):
        x = within(x, problem.bounds)
        seen = Point(x, *tree.value_and_grad(_value_fn(fun, problem), x))

    finite = tree.all_finite((seen.value, seen.grads))
    is_solved = finite & (_size(seen, problem.bounds) <= problem.tol)
    # the start may be NaN; a line search is told by slopes where rounding hides what is lower
    is_lower = finite & (searches(walk.state) | ~(seen.value >= walk.best.value))
    return walk._replace(
        seen=seen,
        best=tree.choose(is_solved | is_lower, seen, walk.best),
        reason=jnp.where(finite, jnp.where(is_solved, GRADIENT, 0), NOT_FINITE).astype(jnp.int32),
    )


def _size(point, bounds):
    """The largest number of the projected gradient: of `x - P(x - g)`, without its rounding."""
    grads = point.grads
    if bounds is not None:
        grads = jax.tree.map(
            lambda x, g, low, high: jnp.clip(g, x - high, x - low), point.params, grads, *bounds
        )
    sizes = [jnp.max(jnp.abs(g), initial=0).astype(hyper_dtype()) for g in jax.tree.leaves(grads)]
    return jnp.max(jnp.stack(sizes))


def _value_fn(fun, problem):
    """The value of parameters, one real number of `hyper_dtype()`."""

    def value_fn(params):
        value = jnp.asarray(fun(params, *problem.args))
        if value.shape != () or jnp.iscomplexobj(value):
            raise ValueError(
                f"fun returned {value.dtype}{list(value.shape)}: it must be one real number"
            )
        return value.astype(hyper_dtype())

    return value_fn
