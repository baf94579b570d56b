"""What else a state is read for: parameters to evaluate, metrics, a gradient known already."""

from collections.abc import Callable
from typing import Any

import jax

from jsgd.core import tree
from jsgd.core.nest import nested, qualified
from jsgd.core.numerics import cast_like
from jsgd.core.optimizer import State


def eval_params(params: Any, state: State) -> Any:
    """The parameters to evaluate: the average that an optimizer keeps, else `params` itself.

    A rule or a wrapper that has something better to evaluate than the trained parameters keeps it
    in the slot `"average"`, leaf by leaf; the outermost one counts.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.ema(jsgd.sgd(1.0), decay=0.5)
    >>> params, state = jnp.float32(0.0), opt.init(jnp.float32(0.0))
    >>> for _ in range(2):
    ...     params, state = opt.step(params, jnp.float32(-1.0), state)
    >>> float(params), round(float(jsgd.eval_params(params, state)), 4)
    (2.0, 1.6667)
    """
    best: dict[tuple, Any] = {}
    for _, inner in nested(state):
        found = jax.tree_util.tree_leaves_with_path(tree.join(inner.slots.get("average")))
        best = dict(found) | best
    return jax.tree_util.tree_map_with_path(
        lambda path, p: cast_like(best[path], p) if path in best else p, params
    )


def metrics(state: State) -> dict[str, Any]:
    """The numbers that the `log_metrics` wrappers of a nest keep, as one flat dict.

    A name that several of them keep is qualified by its path, as in `get_hyper`. Without such a
    wrapper there are none.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.log_metrics(jsgd.clip_by_value(jsgd.log_metrics(jsgd.sgd(1.0)), 0.5))
    >>> params, state = opt.step(jnp.zeros(1), jnp.ones(1), opt.init(jnp.zeros(1)))
    >>> norms = {name: float(x) for name, x in jsgd.metrics(state).items() if "grad" in name}
    >>> norms
    {'outer__grad_norm': 1.0, 'inner__grad_norm': 0.5}
    """
    found = {
        (path, name): value
        for path, inner in nested(state)
        for name, value in inner.slots.get("metrics", {}).items()
    }
    names = qualified((name, path) for path, name in found)
    return {name: found[where] for name, where in names.items()}


def value_and_grad(value_fn: Callable, params: Any, state: State) -> tuple[jax.Array, Any]:
    """The loss and its gradient for the next step, without an evaluation where they are known.

    A line search ends with the value and the gradient at the parameters that it returns, and its
    optimizer keeps them in the slots `"next_value"` and `"next_gradient"`. They hold where the loss
    is the same at every step and nothing else moves the parameters. Before the first step, and with
    any other optimizer (a wrapper, say, which may move them), they are computed. Gradients of
    complex leaves are conjugated, as every step takes them.

    Args:
        value_fn: parameters -> loss.
        params: the parameters that the last step returned.
        state: the state that came with them.

    >>> import jax.numpy as jnp, jsgd
    >>> opt, params = jsgd.lbfgs(), jnp.array([3.0, 4.0])
    >>> state = opt.init(params)
    >>> for _ in range(2):
    ...     value, grads = jsgd.value_and_grad(lambda x: jnp.sum(x**2), params, state)
    ...     params, state = opt.step(
    ...         params, grads, state, value=value, value_fn=lambda x: jnp.sum(x**2)
    ...     )
    >>> params.round(4).tolist(), int(state.slots["evaluations"])
    ([0.0, 0.0], 2)
    """

    def compute():
        return tree.value_and_grad(value_fn, params)

    if "next_value" not in state.slots:
        return compute()
    known = state.slots["next_value"], state.slots["next_gradient"]
    known = jax.tree.map(lambda x, like: x.astype(like.dtype), known, jax.eval_shape(compute))
    return jax.lax.cond(state.t > 0, lambda: known, compute)
