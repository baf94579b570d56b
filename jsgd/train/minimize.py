"""`minimize`: a function and a start, as SciPy has it, with any optimizer and in one program."""

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core import Optimizer, tree
from jsgd.core.hyper import is_concrete
from jsgd.core.nest import nested
from jsgd.core.numerics import hyper_dtype
from jsgd.core.ranges import check_whole
from jsgd.optimizers import lbfgs
from jsgd.train import walk
from jsgd.train.bounds import draw_starts, read_bounds
from jsgd.train.walk import Problem

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

# reason -> SciPy's status, and a message
_ENDS = {
    0: (1, "`max_steps` were taken."),
    walk.GRADIENT: (0, "The gradient is within `tol`."),
    walk.CHANGE: (0, "Two steps in a row changed the value by less than `ftol`, relatively."),
    walk.STALLED: (2, "A line search along the gradient found nothing lower: rounding hides it."),
    walk.NOT_FINITE: (
        3,
        "The value or the gradient is not finite; `x` is the lowest point before.",
    ),
}
_STOPPED = {"status": 99, "success": False, "message": "`callback` raised `StopIteration`."}


def minimize(
    fun: Callable,
    x0: Any,
    args: Any = (),
    *,
    optimizer: Optimizer | None = None,
    tol: float | None = None,
    ftol: float | None = None,
    max_steps: int = 10_000,
    bounds: Any = None,
    n_starts: int = 1,
    key: Any = 0,
    callback: Callable | None = None,
    callback_every: int = 1,
) -> "OptimizeResult":
    """Minimize a function, called as `scipy.optimize.minimize` is.

    The whole descent is one compiled loop. It is compiled once for a function, an optimizer
    (whatever its numbers) and the shapes, and kept; other values of the arguments run it again.

    It computes in the dtype of `x0`: a NumPy array, a number or a list of numbers is of float64,
    for this call also without `jax_enable_x64`, and a JAX array is of its own dtype. `x` comes back
    as `x0` came.

    It ends where the gradient or the change of the value is small, after `max_steps`, or where a
    value or a gradient is not finite. `x` is then the point whose gradient is small, or else the
    lowest that was looked at; what line searches find is lower each time, but for rounding, and of
    them it is the last. With an optimizer that averages, the averages are looked at
    (`jsgd.eval_params`).

    Args:
        fun: `fun(x, *args)` -> one real number, of JAX operations, the same at every call: what may
            change belongs in `args`.
        x0: the start, an array or any pytree of them. It is clipped to the bounds.
        args: more arguments, pytrees of arrays; one that is no tuple is the only one.
        optimizer: any; by default `jsgd.lbfgs()`.
        tol: ends it once no number of the gradient (projected, if there are bounds) is larger,
            >= 0; by default the square root of the precision, 1.5e-8 or in float32 3.5e-4.
        ftol: ends it once two steps in a row change the value by less, in ratio to it, >= 0; by
            default the precision, 2.2e-16 or 1.2e-7, or 0 if the optimizer does not search along
            lines: small steps would end it anywhere.
        max_steps: the most steps, >= 0.
        bounds: of a single array, SciPy's `Bounds`, a sequence of one `(low, high)` per number, or
            two numbers `(low, high)` for all; of a tree, a pair `(low, high)` of trees that are
            prefixes of it. `None` is no bound. `jsgd.lbfgs` itself makes a two-metric projection,
            whose searches ask `fun` within the bounds only, as gradients are; after a step of
            another optimizer `x` is projected.
        n_starts: how many starts, >= 1, all in one program. The others are drawn between the
            bounds, uniformly.
        key: an int seed or a JAX key, of the starts.
        callback: called as by SciPy, `callback(intermediate_result=...)` if that is the name of
            its argument, else `callback(x)`; it may raise `StopIteration` to end the descent, which
            leaves its loop for every call. With one start only.
        callback_every: how many steps from call to call, >= 1.

    Returns:
        SciPy's `OptimizeResult`, with the optimizer's `state` besides: `x`; `fun`; `jac`, the
        gradient (of complex numbers the direction of steepest ascent); `nit`, the steps; `nfev`, of
        value and gradient together (of those that an optimizer asks for itself, as `sam` does, only
        line searches are counted); `success`; `message`; and `status`: 0 if a tolerance was met, 1
        after `max_steps`, 2 if rounding hides what is lower, 3 if not finite, 99 if stopped by the
        callback. With several starts it is the result of the lowest, and `starts` has the fields of
        all, stacked, and their `x0`.

    Raises:
        ValueError: an argument is not what is said here; or `fun` does not return one real number.

    >>> import jax.numpy as jnp, numpy as np, jsgd
    >>> def rosenbrock(x, a):
    ...     return jnp.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> result = jsgd.minimize(rosenbrock, np.array([-1.2, 1.0]), args=(100.0,))
    >>> result.success, result.x.round(6).tolist()
    (True, [1.0, 1.0])
    >>> jsgd.minimize(rosenbrock, [-1.2, 1.0], (100.0,), bounds=[(None, 0.5), (0, 1)]).x.tolist()
    [0.5, 0.25]

    References:
        The algorithm is the optimizer's, for the default see `jsgd.lbfgs`; the calling form and the
        tolerances are those of SciPy, https://docs.scipy.org/doc/scipy/reference/optimize.html.
    """
    from scipy.optimize import OptimizeResult  # here: it takes a while to import

    opt = lbfgs() if optimizer is None else optimizer
    _check(fun, opt, callback, max_steps, n_starts, callback_every)
    if isinstance(x0, list | tuple) and x0 and all(isinstance(x, int | float) for x in x0):
        x0 = np.asarray(x0)
    dtypes = tree.map_with_path(_dtype, x0)
    kinds = {d.name for d in jax.tree.leaves(dtypes)}
    if not kinds:
        raise ValueError("x0: it has no numbers")
    precise = partial(jax.enable_x64, True) if kinds & {"float64", "complex128"} else nullcontext
    many = n_starts > 1

    with precise():
        start = jax.tree.map(jnp.asarray, x0, dtypes)
        box = read_bounds(bounds, start)
        if many:
            start = draw_starts(start, box, n_starts, key)
        state = (jax.vmap(opt.init) if many else opt.init)(start)
        problem = Problem(_tuple(args), box, *_tolerances(tol, ftol, state, dtypes))
        now = walk.begin(fun, many, start, state, problem)

    every = max_steps if callback is None else callback_every
    is_stopped = False
    while not is_stopped and np.any(
        (np.asarray(now.reason) == 0) & (np.asarray(now.t) < max_steps)
    ):
        until = min(int(np.max(now.t)) + every, max_steps)
        with precise():
            now = walk.advance(fun, opt.step, many, now, problem, np.int32(until))
        if callback is not None:
            is_stopped = _stops(callback, OptimizeResult(_report(now, now.seen, x0)))

    starts = {}
    if many:
        table = OptimizeResult(x0=_as(x0, start), **_report(now, now.best, x0))
        starts = {"starts": table}
        lowest = int(np.argmin(np.where(np.isnan(table.fun), np.inf, table.fun)))
        with precise():
            now = jax.tree.map(lambda leaf: leaf[lowest], now)
    ends = {"message": _ENDS[int(now.reason)][1]} | (_STOPPED if is_stopped else {})
    return OptimizeResult(_report(now, now.best, x0) | ends | {"state": now.state} | starts)


def _check(fun, opt, callback, max_steps, n_starts, callback_every):
    if not callable(fun):
        raise ValueError(f"fun = {fun!r}: it must be a function of x, and of args")
    if not isinstance(opt, Optimizer):
        raise ValueError(f"optimizer = {opt!r}: it must be one of jsgd's")
    for name, number, least in (
        ("max_steps", max_steps, 0),
        ("n_starts", n_starts, 1),
        ("callback_every", callback_every, 1),
    ):
        check_whole(name, number, least)
    if callback is not None and n_starts > 1:
        raise ValueError(f"callback: it goes with one start only, and n_starts = {n_starts}")


def _dtype(path: str, leaf: Any) -> Any:
    """What to compute in: of what is not floating, as NumPy and JAX have it."""
    dtype = jnp.result_type(leaf) if isinstance(leaf, jax.Array) else np.asarray(leaf).dtype
    if not jnp.issubdtype(dtype, jnp.number):
        raise ValueError(f"x0: {path!r} is {leaf!r}; it must be a number or an array of numbers")
    if jnp.issubdtype(dtype, jnp.inexact):
        return dtype
    return hyper_dtype() if isinstance(leaf, jax.Array) else np.dtype(float)


def _tuple(args: Any) -> tuple:
    args = args if isinstance(args, tuple) else (args,)
    for path, leaf in tree.leaves_by_path(args).items():
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic | int | float | complex):
            raise ValueError(
                f"args: {path!r} is {leaf!r}; they are pytrees of numbers and arrays, "
                "anything else belongs in fun itself"
            )
    return args


def _tolerances(tol, ftol, state, dtypes) -> tuple[np.ndarray, np.ndarray]:
    eps = max(float(jnp.finfo(dtype).eps) for dtype in jax.tree.leaves(dtypes))
    tol = eps**0.5 if tol is None else tol
    ftol = (eps if walk.searches(state) else 0) if ftol is None else ftol
    for name, number in (("tol", tol), ("ftol", ftol)):
        if not is_concrete(number) or np.ndim(number) or not number >= 0:
            raise ValueError(f"{name} = {number!r}: it must be a number >= 0")
    return np.asarray(tol, hyper_dtype()), np.asarray(ftol, hyper_dtype())


def _stops(callback: Callable, result: "OptimizeResult") -> bool:
    named = "intermediate_result" in inspect.signature(callback).parameters
    try:
        callback(intermediate_result=result) if named else callback(result.x)
    except StopIteration:
        return True
    return False


def _report(now: walk.Walk, point: walk.Point, x0: Any) -> dict[str, Any]:
    """The fields that are numbers, of one walk, or stacked of many."""
    status = np.array([_ENDS[reason][0] for reason in range(len(_ENDS))])[np.asarray(now.reason)]
    numbers = {
        "fun": point.value,
        "nit": now.t,
        "nfev": _evaluations(now),
        "status": status,
        "success": status == 0,
    }
    numbers = {name: np.asarray(x) for name, x in numbers.items()}
    numbers = {name: x if x.ndim else x.item() for name, x in numbers.items()}
    return {"x": _as(x0, point.params), "jac": _as(x0, point.grads)} | numbers


def _as(x0: Any, params: Any) -> Any:
    """Arrays of the kind that `x0` has, NumPy's or JAX's."""
    return jax.tree.map(lambda x, p: p if isinstance(x, jax.Array) else np.asarray(p), x0, params)


def _evaluations(now: walk.Walk) -> Any:
    """Of value and gradient: those of the walk, and those that line searches counted."""
    states = [state for _, state in nested(now.state)]
    looks = 1 + any("average" in state.slots for state in states)
    own = looks * (1 + (0 if walk.searches(now.state) else np.asarray(now.t)))
    return own + sum(np.asarray(state.slots.get("evaluations", 0)) for state in states)
