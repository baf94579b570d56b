r"""Schedules that rise before they fall, or stay."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.core.bind import bind
from jsgd.core.hyper import is_concrete
from jsgd.schedules.decay import decayed
from jsgd.schedules.shapes import between, fraction, half_cosine, present


def warmup_constant(peak_value: Any, warmup_steps: Any, init_value: Any = 0.0) -> Schedule:
    r"""A straight rise to `peak_value`, constant after.

    Args:
        peak_value: the value from step `warmup_steps` on.
        warmup_steps: length of the rise, >= 0; with 0 there is no rise, where optax would stay at
            `init_value` for ever.
        init_value: the value at step 0.

    Raises:
        ValueError: a number is out of range.

    >>> [float(warmup_constant(1.0, warmup_steps=4)(t)) for t in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]

    References:
        Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
        https://arxiv.org/abs/1706.02677, section 2.2, gradual warmup.
    """
    return Schedule(
        _warmup_constant, peak_value=peak_value, warmup_steps=warmup_steps, init_value=init_value
    )


def _warmup_constant(t, h):
    return warmed_up(t, h, h.peak_value)


def warmed_up(t, h, later):
    """A straight line from `init_value` to `peak_value` in `warmup_steps`, then `later`."""
    rise = between(h.init_value, h.peak_value, fraction(t, h.warmup_steps))
    return jnp.where(t < h.warmup_steps, rise, later)


def warmup_cosine(
    peak_value: Any,
    warmup_steps: Any,
    decay_steps: Any,
    init_value: Any = 0.0,
    end_value: Any = 0.0,
    exponent: Any = 1.0,
) -> Schedule:
    r"""A straight rise to `peak_value`, then half a cosine down to `end_value`, constant after.

    Args:
        peak_value: the value at step `warmup_steps`.
        warmup_steps: length of the rise, >= 0.
        decay_steps: length of the whole, the rise included, > 0 and > `warmup_steps`.
        init_value: the value at step 0.
        end_value: the value from step `decay_steps` on.
        exponent: > 0; the power of the half cosine that is followed, as in `cosine`.

    Raises:
        ValueError: a number is out of range.

    >>> s = warmup_cosine(1.0, warmup_steps=2, decay_steps=6)
    >>> [round(float(s(t)), 3) for t in range(8)]
    [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0, 0.0]

    References:
        Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
        https://arxiv.org/abs/1706.02677, section 2.2 (the rise). Loshchilov and Hutter, "SGDR",
        ICLR 2017, https://arxiv.org/abs/1608.03983, equation 5 (the fall).
    """
    if is_concrete(warmup_steps) and is_concrete(decay_steps) and warmup_steps >= decay_steps:
        raise ValueError(
            f"warmup_steps = {warmup_steps}: it is part of decay_steps = {decay_steps}, and less"
        )
    return Schedule(
        _warmup_cosine,
        peak_value=peak_value,
        warmup_steps=warmup_steps,
        decay_steps=decay_steps,
        init_value=init_value,
        end_value=end_value,
        exponent=exponent,
    )


def _warmup_cosine(t, h):
    done = fraction(t - h.warmup_steps, h.decay_steps - h.warmup_steps)
    fall = between(h.end_value, h.peak_value, half_cosine(done) ** h.exponent)
    return warmed_up(t, h, fall)


def warmup_exponential(
    peak_value: Any,
    warmup_steps: Any,
    transition_steps: Any,
    decay_rate: Any,
    init_value: Any = 0.0,
    transition_begin: Any = 0,
    end_value: Any = None,
    *,
    staircase: bool = False,
) -> Schedule:
    r"""A straight rise to `peak_value`, then `exponential` from there.

    Args:
        peak_value: the value at step `warmup_steps`.
        warmup_steps: length of the rise, >= 0.
        transition_steps: > 0; after the rise, multiplied by `decay_rate` in each so many steps.
        decay_rate: > 0.
        init_value: the value at step 0.
        transition_begin: >= 0; so many steps at `peak_value` between the rise and the fall.
        end_value: never below this for `decay_rate` < 1, never above it otherwise, once the rise
            is over. `None`, a static choice, is no bound.
        staircase: static; fall in stairs.

    Raises:
        ValueError: a number is out of range.

    >>> s = warmup_exponential(1.0, warmup_steps=2, transition_steps=1, decay_rate=0.5)
    >>> [float(s(t)) for t in range(6)]
    [0.0, 0.5, 1.0, 0.5, 0.25, 0.125]

    References:
        Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017,
        https://arxiv.org/abs/1706.02677, section 2.2 (the rise).
    """
    return Schedule(
        bind(_warmup_exponential, bool(staircase)),
        peak_value=peak_value,
        warmup_steps=warmup_steps,
        transition_steps=transition_steps,
        decay_rate=decay_rate,
        init_value=init_value,
        transition_begin=transition_begin,
        **present(end_value=end_value),
    )


def _warmup_exponential(staircase, t, h):
    return warmed_up(t, h, decayed(staircase, h.peak_value, t - h.warmup_steps, h))


def inverse_sqrt(
    peak_value: Any, warmup_steps: Any, init_value: Any = 0.0, timescale: Any = None
) -> Schedule:
    r"""A straight rise to `peak_value`, then down with the inverse square root of the step.

    .. math::
        s(t) = s_1 \sqrt{\frac{\tau}{\tau + t - w}} \quad \text{for } t \ge w

    where :math:`\tau = w` unless it is given, so that the fall is :math:`s_1 \sqrt{w / t}`. The
    Transformer's :math:`d^{-1/2} \min(t^{-1/2}, t\, w^{-3/2})` has :math:`s_1 = (d\,w)^{-1/2}`; it
    counts the steps from 1. With `init_value = peak_value` the rise is flat, as for T5.

    Args:
        peak_value: :math:`s_1`, the value at step `warmup_steps`.
        warmup_steps: :math:`w` >= 0, length of the rise.
        init_value: the value at step 0.
        timescale: :math:`\tau` > 0. `None`, a static choice, is `warmup_steps`, or 1 where that is
            less; Transformers has 10,000 in place of a `warmup_steps` of 0.

    Raises:
        ValueError: a number is out of range.

    >>> [round(float(inverse_sqrt(1.0, warmup_steps=2)(t)), 3) for t in (0, 1, 2, 4, 8, 32)]
    [0.0, 0.5, 1.0, 0.707, 0.5, 0.25]

    References:
        Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762,
        equation 3. Zhai et al., "Scaling Vision Transformers", 2021,
        https://arxiv.org/abs/2106.04560, section 3.5 (with a timescale).
    """
    return Schedule(
        _inverse_sqrt,
        peak_value=peak_value,
        warmup_steps=warmup_steps,
        init_value=init_value,
        **present(timescale=timescale),
    )


def _inverse_sqrt(t, h):
    timescale = vars(h).get("timescale", jnp.maximum(h.warmup_steps, 1))
    since = jnp.maximum(t - h.warmup_steps, 0)
    return warmed_up(t, h, h.peak_value * jnp.sqrt(timescale / (timescale + since)))
