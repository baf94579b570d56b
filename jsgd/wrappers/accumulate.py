r"""One step for several gradients: large batches on small memory."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.numerics import hyper_dtype
from jsgd.core.slots import counter


def accumulate(opt: Optimizer, every: Any = 1) -> Optimizer:
    """Takes one inner step every so many calls, with the mean of the gradients in between.

    The other calls only add: the inner step is not run and thrown away, it is not run. Its
    schedules count inner steps. Under `vmap` this holds as long as the counter is not mapped;
    over a whole mapped state both branches are computed, as `lax.cond` does there.

    Args:
        opt: the optimizer that takes the step. It is given the `value=` of the last call.
        every: the number of calls for a step, >= 1; 1 changes nothing.

    Raises:
        ValueError: `every` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.accumulate(jsgd.sgd(1.0), every=2)
    >>> params, state = jnp.zeros(1), opt.init(jnp.zeros(1))
    >>> for g in (1.0, 3.0, 5.0):
    ...     params, state = opt.step(params, jnp.array([g]), state)
    ...     print(float(params[0]))
    0.0
    -2.0
    -2.0
    """
    slots = {"total": tree.zeros_like, "count": counter}
    return wrapper(_accumulate, opt, slots=slots, every=every)


def _accumulate(step, params, grads, inner, s, h):
    count = s.count + 1
    total = jax.tree.map(lambda a, g: a + jnp.asarray(g, a.dtype), s.total, grads)

    def go(params, inner, total):
        mean = tree.scale(1 / count.astype(hyper_dtype()), total)
        return *step(params, mean, inner), tree.zeros_like(total), jnp.zeros_like(count)

    def wait(params, inner, total):
        return params, inner, total, count

    enough = count >= h.every.astype(count.dtype)
    params, inner, total, count = jax.lax.cond(enough, go, wait, params, inner, total)
    return params, inner, {"total": total, "count": count}
