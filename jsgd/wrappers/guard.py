r"""What to do about a gradient that is not a number."""

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.slots import counter


def skip_nonfinite(opt: Optimizer) -> Optimizer:
    """Leaves parameters and inner state alone where a gradient holds an infinity or a NaN.

    The state counts the skipped steps in its slot `"skipped"` (int32).

    Args:
        opt: the optimizer that takes the step.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.skip_nonfinite(jsgd.sgd(1.0))
    >>> params, state = opt.step(jnp.ones(2), jnp.array([1.0, jnp.nan]), opt.init(jnp.ones(2)))
    >>> params.tolist(), int(state.slots["skipped"]), int(state.inner.t)
    ([1.0, 1.0], 1, 0)
    """
    return wrapper(_skip_nonfinite, opt, slots={"skipped": counter})


def _skip_nonfinite(step, params, grads, inner, s, h):
    def skip(params, grads, inner):
        return params, inner

    good = tree.all_finite(grads)
    params, inner = jax.lax.cond(good, step, skip, params, grads, inner)
    return params, inner, {"skipped": s.skipped + jnp.where(good, 0, 1)}
