r"""A learning rate that falls when the loss no longer does."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, wrapper
from jsgd.core.bind import bind
from jsgd.core.nest import scale_now, with_hyper_of
from jsgd.core.numerics import hyper_dtype
from jsgd.core.slots import counter


def reduce_on_plateau(
    opt: Optimizer,
    factor: Any = 0.1,
    patience: Any = 10,
    rtol: Any = 1e-4,
    atol: Any = 0.0,
    cooldown: Any = 0,
    accumulation_size: Any = 1,
    min_scale: Any = 0.0,
) -> Optimizer:
    r"""Multiplies the inner learning rate by `factor` when the loss has stopped falling.

    A loss is better than the best so far, :math:`b`, if it is below :math:`b - r|b| - a`. After
    `patience` losses in a row that are not, the scale falls, at once, and the next `cooldown`
    losses do not count. The step of `opt` sees its learning rates, schedules and all, times the
    scale, and so does what follows them, such as decoupled weight decay; the numbers in the state
    stay what they were set to. The scale is in the slot `"scale"`.

    This is optax's count: PyTorch waits for one loss more. Both take :math:`(1 - r) b - a`, by
    which a worse loss is a better one where losses are negative.

    Args:
        opt: the optimizer that takes the step. The step must be given `value=`, the loss.
        factor: in (0, 1).
        patience: >= 1; infinity changes nothing.
        rtol, atol: :math:`r` in [0, 1) and :math:`a` >= 0.
        cooldown: >= 0.
        accumulation_size: >= 1, the number of values whose mean is one loss.
        min_scale: >= 0, where the scale stops.

    Raises:
        ValueError: a number is out of range; at the step, `value=` is missing, or no optimizer
            within has an `lr`.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.reduce_on_plateau(jsgd.sgd(1.0), factor=0.5, patience=2)
    >>> params, state = jnp.zeros(()), opt.init(jnp.zeros(()))
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     params, state = opt.step(params, jnp.ones(()), state, value=loss)
    ...     print(float(params), float(state.slots["scale"]))
    -1.0 1.0
    -2.0 1.0
    -3.0 1.0
    -3.5 0.5
    """
    return wrapper(
        _reduce_on_plateau,
        opt,
        slots={
            "scale": bind(_start, 1.0),
            "best": bind(_start, float("inf")),
            "bad": counter,
            "cooling": counter,
            "total": bind(_start, 0.0),
            "count": counter,
        },
        factor=factor,
        patience=patience,
        rtol=rtol,
        atol=atol,
        cooldown=cooldown,
        accumulation_size=accumulation_size,
        min_scale=min_scale,
    )


def _reduce_on_plateau(step, params, grads, inner, s, h):
    total, count = s.total + h.value, s.count + 1
    n = count.astype(hyper_dtype())

    def judge():
        loss = total / n
        better = loss < (1 - h.rtol * jnp.sign(s.best)) * s.best - h.atol
        bad = jnp.where(better | (s.cooling > 0), 0, s.bad + 1)
        lower = jnp.maximum(h.factor * s.scale, h.min_scale)
        fall = bad.astype(hyper_dtype()) >= h.patience
        rest = jnp.where(fall, h.cooldown.astype(jnp.int32), 0)
        return {
            "scale": jnp.where(fall, jnp.minimum(s.scale, lower), s.scale),
            "best": jnp.where(better, loss, s.best),
            "bad": jnp.where(fall, 0, bad),
            "cooling": jnp.where(s.cooling > 0, s.cooling - 1, rest),
            "total": jnp.zeros_like(total),
            "count": jnp.zeros_like(count),
        }

    def wait():
        return {**vars(s), "total": total, "count": count}

    slots = jax.lax.cond(n >= h.accumulation_size, judge, wait)
    params, after = step(params, grads, scale_now(inner, "lr", slots["scale"]))
    return params, with_hyper_of(after, inner), slots


def _start(value: float, params: Any) -> jax.Array:
    return jnp.full((), value, hyper_dtype())
