r"""Float32 copies of narrow parameters, on which small steps are not lost."""

import jax

from jsgd.core import Optimizer, wrapper
from jsgd.core.bind import bind
from jsgd.core.slots import copies
from jsgd.wrappers.narrow import its_own, narrow


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
    return wrapper(_master_weights, opt, slots={"master": bind(narrow, copies)})


def _master_weights(step, params, grads, inner, s, h):
    """Section 3.1."""
    wide = jax.tree.map(lambda p, m: p if m is None else its_own(m, p), params, s.master)
    master, inner = step(wide, grads, inner)
    kept = jax.tree.map(lambda w, m: None if m is None else w, master, s.master)
    return master, inner, {"master": kept}
