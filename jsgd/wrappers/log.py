r"""Numbers to watch."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, State, tree, wrapper
from jsgd.core.nest import values_now
from jsgd.core.numerics import hyper_dtype, working_dtype

_NAMES = ("grad_norm", "lr", "param_norm", "update_norm")


def log_metrics(opt: Optimizer) -> Optimizer:
    """Keeps four numbers of the last step for `jsgd.metrics`, and changes nothing.

    * `grad_norm`: the norm of all gradients, as they come to this wrapper; put it inside or
      outside a clipping to see them clipped or not
    * `lr`: the learning rate that the step used; NaN where there is none inside, or not just one
    * `param_norm`: the norm of the parameters after it
    * `update_norm`: the norm of the change that it made

    They are 0-d arrays of `hyper_dtype()`, 0 before the first step, so a scan can stack them and a
    mapped state has one of each a member.

    Args:
        opt: the optimizer that takes the step.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.log_metrics(jsgd.sgd(0.5))
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, 4.0]), opt.init(jnp.zeros(2)))
    >>> {name: float(x) for name, x in jsgd.metrics(state).items()}
    {'grad_norm': 5.0, 'lr': 0.5, 'param_norm': 2.5, 'update_norm': 2.5}
    """
    return wrapper(_log_metrics, opt, needs_params=True, slots={"metrics": _zeros})


def _zeros(params: Any) -> dict[str, jax.Array]:
    return {name: jnp.zeros((), hyper_dtype()) for name in _NAMES}


def _log_metrics(step, params, grads, inner, s, h):
    lr = _only_lr(inner)
    new, inner = step(params, grads, inner)
    update = jax.tree.map(_difference, new, params)
    numbers = tree.norm(grads), lr, tree.norm(new), tree.norm(update)
    return new, inner, {"metrics": dict(zip(_NAMES, numbers, strict=True))}


def _only_lr(inner: State) -> Any:
    rates = values_now(inner, "lr")
    is_one = len(rates) == 1 and isinstance(rates[0], jax.Array) and rates[0].ndim == 0
    return rates[0] if is_one else jnp.nan


def _difference(a: Any, b: Any) -> jax.Array:
    return jnp.asarray(a, working_dtype(b)) - jnp.asarray(b, working_dtype(b))
