r"""What to do about a gradient that is not a number, or far too large."""

from typing import Any

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
    return _step_if(tree.all_finite(grads), step, params, grads, inner, s)


def skip_large(opt: Optimizer, max_norm: Any = 100.0) -> Optimizer:
    """Leaves parameters and inner state alone where the global gradient norm is above `max_norm`.

    So it does where that norm is not finite, as with `skip_nonfinite`. Where clipping makes
    something of an outlier, this makes nothing of it. The state counts the skipped steps in its
    slot `"skipped"` (int32).

    Args:
        opt: the optimizer that takes the step.
        max_norm: > 0; infinity skips only what is not finite.

    Raises:
        ValueError: `max_norm` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.skip_large(jsgd.sgd(1.0), max_norm=4.0)
    >>> params, state = opt.step(jnp.ones(2), jnp.array([3.0, 4.0]), opt.init(jnp.ones(2)))
    >>> params.tolist(), int(state.slots["skipped"]), int(state.inner.t)
    ([1.0, 1.0], 1, 0)
    """
    return wrapper(_skip_large, opt, slots={"skipped": counter}, max_norm=max_norm)


def _skip_large(step, params, grads, inner, s, h):
    norm = tree.norm(grads)
    good = jnp.isfinite(norm) & (norm <= h.max_norm)
    return _step_if(good, step, params, grads, inner, s)


def _step_if(good, step, params, grads, inner, s):
    def skip(params, grads, inner):
        return params, inner

    params, inner = jax.lax.cond(good, step, skip, params, grads, inner)
    return params, inner, {"skipped": s.skipped + jnp.where(good, 0, 1)}


def zero_nans(opt: Optimizer) -> Optimizer:
    """Takes every NaN of the gradient for 0, and lets the rest of it through.

    A complex number is NaN where either part is. Infinities stay. The state counts the steps at
    which there was a NaN in its slot `"found"` (int32).

    Args:
        opt: the optimizer that takes the step.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.zero_nans(jsgd.sgd(1.0))
    >>> params, state = opt.step(jnp.ones(2), jnp.array([1.0, jnp.nan]), opt.init(jnp.ones(2)))
    >>> params.tolist(), int(state.slots["found"])
    ([0.0, 1.0], 1)
    """
    return wrapper(_zero_nans, opt, slots={"found": counter})


def _zero_nans(step, params, grads, inner, s, h):
    found = tree.any_nan(grads)
    grads = jax.tree.map(lambda g: jnp.where(jnp.isnan(g), jnp.zeros_like(g), g), grads)
    return *step(params, grads, inner), {"found": s.found + jnp.where(found, 1, 0)}
