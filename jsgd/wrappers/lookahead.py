r"""Lookahead: slow weights that follow the fast ones from time to time, and pull them back."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.bind import bind
from jsgd.core.lift import bare
from jsgd.core.nest import restarted
from jsgd.core.numerics import cast_like
from jsgd.core.slots import copies, counter


def lookahead(
    opt: Optimizer,
    sync_period: Any = 5,
    slow_step_size: Any = 0.5,
    *,
    reset_state: bool = False,
) -> Optimizer:
    r"""Moves slow weights part of the way to the parameters now and then, which go on from there.

    .. math::
        \phi \leftarrow \phi + \alpha (\theta - \phi), \qquad \theta \leftarrow \phi
        \qquad \text{every } k \text{ steps of } \theta

    The parameters are the fast weights :math:`\theta`; the slow ones :math:`\phi` are in the state,
    and are what `jsgd.eval_params` gives.

    Args:
        opt: the optimizer that takes the fast steps.
        sync_period: :math:`k` >= 1.
        slow_step_size: :math:`\alpha` in [0, 1]; 1 changes nothing.
        reset_state: static; whether `opt` then also starts again, moments, step count and all. Its
            hyperparameters and random keys stay.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.lookahead(jsgd.sgd(1.0), sync_period=2, slow_step_size=0.5)
    >>> params, state = jnp.zeros(()), opt.init(jnp.zeros(()))
    >>> for _ in range(3):
    ...     params, state = opt.step(params, jnp.ones(()), state)
    ...     print(float(params), float(jsgd.eval_params(params, state)))
    -1.0 0.0
    -1.0 -1.0
    -2.0 -1.0

    References:
        Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", NeurIPS 2019,
        https://arxiv.org/abs/1907.08610, Algorithm 1.
    """
    return wrapper(
        bind(_lookahead, bare(opt).init if reset_state else None),
        opt,
        needs_params=True,
        slots={"average": copies, "count": counter},
        sync_period=sync_period,
        slow_step_size=slow_step_size,
        reset_state=bool(reset_state),
    )


def _lookahead(init, step, params, grads, inner, s, h):
    """Algorithm 1."""
    fast, inner = step(params, grads, inner)
    count = s.count + 1

    def sync(fast, slow, inner):
        slow = tree.mix(slow, fast, h.slow_step_size)
        fast = jax.tree.map(cast_like, slow, fast)
        if h.reset_state:
            inner = restarted(init(fast), inner)
        return fast, slow, inner, jnp.zeros_like(count)

    def go_on(fast, slow, inner):
        return fast, slow, inner, count

    enough = count >= h.sync_period.astype(count.dtype)
    fast, slow, inner, count = jax.lax.cond(enough, sync, go_on, fast, s.average, inner)
    return fast, inner, {"average": slow, "count": count}
