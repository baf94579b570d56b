r"""L-BFGS: Newton's step, with a Hessian that is read off the last few steps."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, linesearch, tree, treewise
from jsgd.core.bind import bind
from jsgd.core.numerics import hyper_dtype
from jsgd.core.slots import counter

SEARCHES = {"zoom": linesearch.zoom, "backtracking": linesearch.backtracking}


def lbfgs(
    lr: Any = 1.0,
    *,
    memory_size: int = 10,
    linesearch: str | None = "zoom",
    scale_init_precond: bool = True,
    max_linesearch_steps: int = 20,
) -> Optimizer:
    r"""L-BFGS, for losses that are the same at every step.

    .. math::
        \theta_{t+1} = \theta_t - \alpha_t H_t g_t, \quad
        H \leftarrow (I - \rho_i s_i y_i^T)\,H\,(I - \rho_i y_i s_i^T) + \rho_i s_i s_i^T
            \text{ from } \gamma_t I, \quad
        \rho_i = \frac{1}{s_i^T y_i}, \quad \gamma_t = \frac{s^T y}{y^T y}

    over the last steps :math:`s_i` and the changes :math:`y_i` of the gradient along them. A pair
    without positive curvature is not remembered. Before there is one, :math:`\gamma` is
    :math:`\min(1, 1/\lVert g \rVert)`, as in optax. The step size :math:`\alpha` is `lr` or what a
    search finds from there on (`jsgd.core.linesearch`); a search that finds nothing leaves the
    parameters where they are and forgets the pairs.

    A search needs the step to be given the loss at the parameters and the loss itself, of which
    `grads` must be the gradient (penalties belong in there):
    `opt.step(params, grads, state, value=value, value_fn=value_fn)`. The pair is then taken along
    the line, so also a loss that changes from step to step gives consistent pairs. The value and
    the gradient at the new parameters are kept: `jsgd.value_and_grad` reads them without another
    evaluation. The slot `evaluations` counts those of the searches.

    A step that is also given `bounds=(low, high)`, two trees like the parameters, which are real
    and within them, stays there (`jsgd.minimize` gives them). The numbers that a gradient step of
    rate :math:`\gamma` would take to their bounds go there, the others by the :math:`H` of their
    own subspace, and the search follows the projections of the line. So every step is downhill
    after the projection, too, where projected steps of L-BFGS may stall.

    Args:
        lr: the first step size that is tried, or without a search the step size itself, >= 0.
        memory_size: static; how many pairs are remembered.
        linesearch: static; `"zoom"` (strong Wolfe conditions), `"backtracking"` (sufficient
            decrease) or `None`.
        scale_init_precond: static; `False` has :math:`\gamma = 1`.
        max_linesearch_steps: static; the most evaluations of one search.

    Raises:
        ValueError: an argument is out of range; at a step, a search is not given what it needs.

    >>> import jax.numpy as jnp, jsgd
    >>> def loss(x):
    ...     return jnp.sum(jnp.array([1.0, 10.0, 100.0]) * (x - 1) ** 2)
    >>> opt = jsgd.lbfgs()
    >>> params = jnp.zeros(3)
    >>> state = opt.init(params)
    >>> for _ in range(12):
    ...     value, grads = jsgd.value_and_grad(loss, params, state)
    ...     params, state = opt.step(params, grads, state, value=value, value_fn=loss)
    >>> params.round(3).tolist()
    [1.0, 1.0, 1.0]

    References:
        Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
        Nocedal and Wright, "Numerical Optimization", 2nd ed., 2006, Algorithms 7.4 and 7.5.
        Bertsekas, "Projected Newton methods for optimization problems with simple constraints",
        SIAM Journal on Control and Optimization 20, 1982, https://doi.org/10.1137/0320018 (bounds).
        Schmidt, Kim and Sra, "Projected Newton-type methods in machine learning", in Optimization
        for Machine Learning, 2011, chapter 11 (the same with L-BFGS).
    """
    if linesearch is not None and linesearch not in SEARCHES:
        raise ValueError(f"linesearch = {linesearch!r}: it is one of {[*SEARCHES, None]}")
    for name, x in (("memory_size", memory_size), ("max_linesearch_steps", max_linesearch_steps)):
        if not isinstance(x, int) or x < 1:
            raise ValueError(f"{name} = {x}: it is static, a whole number >= 1")
    stacked = bind(_stacked_zeros, memory_size)
    slots = {"steps": stacked, "changes": stacked, "rho": bind(_real_zeros, (memory_size,))}
    if linesearch is None:
        slots |= {"last_params": tree.zeros_like, "last_gradient": tree.zeros_like}
    else:
        slots |= {
            "next_value": bind(_real_zeros, ()),
            "next_gradient": tree.zeros_like,
            "evaluations": counter,
        }
    return treewise(
        bind(_lbfgs, max_linesearch_steps),
        slots=slots,
        lr=lr,
        linesearch=linesearch,
        scale_init_precond=bool(scale_init_precond),
    )


def _lbfgs(max_steps, params, grads, s, h):
    """Algorithm 7.5."""
    memory = s.steps, s.changes, s.rho
    if h.linesearch is None:
        pair = _minus(params, s.last_params), _minus(grads, s.last_gradient)
        memory = _remember(memory, *pair, h.t > 1)
    bounds = tree.widen(vars(h).get("bounds"))
    direction = _direction(params, grads, memory, bounds, h.scale_init_precond)
    if h.linesearch is None:
        slots = {"last_params": params, "last_gradient": grads}
        return linesearch.along(params, direction, h.lr, bounds), slots | _named(memory)

    search, how = SEARCHES[h.linesearch], {"max_steps": max_steps, "bounds": bounds}
    found = search(h.value_fn, params, direction, h.value, grads, step=h.lr, **how)
    pair = _minus(found.params, params), _minus(found.grads, grads)
    steps, changes, rho = _remember(memory, *pair, found.step > 0)
    slots = {
        "next_value": found.value,
        "next_gradient": found.grads,
        "evaluations": s.evaluations + found.evaluations,
    }
    return found.params, slots | _named((steps, changes, jnp.where(found.step > 0, rho, 0)))


def _direction(params, grads, memory, bounds, scale_init_precond):
    """Minus H times the gradient; with bounds, of the numbers that a gradient step leaves free."""
    first = jnp.minimum(1, 1 / tree.norm(grads))
    gamma = _gamma(memory, first) if scale_init_precond else 1
    if bounds is None:
        return tree.scale(-1, _times_inverse_hessian(grads, memory, gamma))
    descent = tree.scale(-1, grads)
    aimed = linesearch.along(params, descent, gamma, bounds)
    held = linesearch.outward(aimed, descent, bounds)
    memory = _restricted(memory, held)
    gamma = _gamma(memory, gamma) if scale_init_precond else 1
    newton = _times_inverse_hessian(tree.zero_where(held, descent), memory, gamma)
    return jax.tree.map(jnp.where, held, _minus(aimed, params), newton)


def _times_inverse_hessian(grads, memory, gamma):
    """Algorithm 7.4, the two loops; a pair that is not there yet has rho = 0."""

    def first(q, pair):
        step, change, rho = pair
        alpha = rho * tree.dot(step, q)
        return _minus(q, tree.scale(alpha, change)), alpha

    def second(r, pair):
        (step, change, rho), alpha = pair
        beta = rho * tree.dot(change, r)
        return _minus(r, tree.scale(beta - alpha, step)), None

    q, alphas = jax.lax.scan(first, grads, memory, reverse=True)
    return jax.lax.scan(second, tree.scale(gamma, q), (memory, alphas))[0]


def _gamma(memory, otherwise):
    """Equation 7.20, where there is a pair."""
    _, changes, rho = memory
    y = tree.norm(jax.tree.map(lambda x: x[-1], changes))
    return jnp.where(rho[-1] > 0, 1 / (rho[-1] * y) / y, otherwise)


def _restricted(memory, held):
    """The memory of the other numbers alone; a pair without positive curvature there has rho 0."""
    steps, changes, rho = memory
    steps, changes = jax.vmap(lambda pair: tree.zero_where((held, held), pair))((steps, changes))
    new, ok = jax.vmap(_rho)(steps, changes)
    return steps, changes, jnp.where(ok & (rho > 0), new, 0)


def _rho(step, change):
    """1 / s'y, and whether that is positive beyond rounding."""
    curvature, size = tree.dot(step, change), tree.norm(step) * tree.norm(change)
    rho = 1 / curvature
    return rho, (curvature > jnp.finfo(rho.dtype).eps * size) & jnp.isfinite(rho)


def _remember(memory, step, change, ok):
    """The memory with this pair as its last, if its curvature is positive."""
    rho, positive = _rho(step, change)
    ok = ok & positive
    return jax.tree.map(
        lambda old, x: jnp.where(ok, jnp.concatenate([old[1:], x[None]]), old),
        memory,
        (step, change, rho),
    )


def _named(memory):
    return dict(zip(("steps", "changes", "rho"), memory, strict=True))


def _minus(a, b):
    return jax.tree.map(jnp.subtract, a, b)


def _stacked_zeros(n, params):
    return jax.tree.map(lambda x: jnp.stack([x] * n), tree.zeros_like(params))


def _real_zeros(shape, params):
    return jnp.zeros(shape, hyper_dtype())
