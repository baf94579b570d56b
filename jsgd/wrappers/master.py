r"""Float32 copies of narrow parameters, on which small steps are not lost."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, wrapper
from jsgd.core.numerics import working_dtype


def master_weights(opt: Optimizer) -> Optimizer:
    r"""Keeps a float32 copy of every narrower parameter; the step moves the copy.

    The parameters are the copies, rounded. In bfloat16 the number below 1 is 0.996, so by itself
    a parameter at 1 never moves by steps of 1e-3. Leaves of float32 and wider have no copy and
    cost no memory.

    A parameter that is no longer the rounding of its copy was changed from outside, restored or
    projected, say: that change counts, and the copy starts again from the parameter. Under
    `jsgd.to_optax` it is optax that writes the parameters, and nothing is gained.

    Args:
        opt: the optimizer that takes the step.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.master_weights(jsgd.sgd(1e-3))
    >>> params = jnp.ones((), jnp.bfloat16)
    >>> state = opt.init(params)
    >>> for _ in range(10):
    ...     params, state = opt.step(params, jnp.ones(()), state)
    >>> float(params), round(float(state.slots["master"]), 6)
    (0.98828125, 0.99)

    References:
        Micikevicius et al., "Mixed Precision Training", ICLR 2018,
        https://arxiv.org/abs/1710.03740, section 3.1.
    """
    return wrapper(_master_weights, opt, slots={"master": _copies})


def _master_weights(step, params, grads, inner, s, h):
    """Section 3.1."""
    master, inner = step(jax.tree.map(_wide, params, s.master), grads, inner)
    kept = jax.tree.map(lambda w, m: None if m is None else w, master, s.master)
    return master, inner, {"master": kept}


def _wide(p, m):
    return p if m is None else jnp.where(p == m.astype(p.dtype), m, p.astype(m.dtype))


def _copies(params: Any) -> Any:
    def copy(p):
        wide = working_dtype(p)
        return None if wide == jnp.result_type(p) else jnp.array(p, wide, copy=True)

    return jax.tree.map(copy, params)
