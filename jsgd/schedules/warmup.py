r"""Schedules that rise before they fall."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.core.hyper import is_concrete
from jsgd.schedules.decay import _half_cosine


def warmup_cosine(
    peak_value: Any,
    warmup_steps: Any,
    decay_steps: Any,
    init_value: Any = 0.0,
    end_value: Any = 0.0,
) -> Schedule:
    r"""A straight rise to `peak_value`, then half a cosine down to `end_value`, constant after.

    Args:
        peak_value: the value at step `warmup_steps`.
        warmup_steps: length of the rise, >= 0.
        decay_steps: length of the whole, the rise included, > 0 and > `warmup_steps`.
        init_value: the value at step 0.
        end_value: the value from step `decay_steps` on.

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
    )


def _warmup_cosine(t, h):
    # max(., 1): with no warm-up the rise is never chosen, and must not divide by zero
    rise = h.init_value + (h.peak_value - h.init_value) * t / jnp.maximum(h.warmup_steps, 1)
    done = (t - h.warmup_steps) / jnp.maximum(h.decay_steps - h.warmup_steps, 1)
    fall = h.end_value + (h.peak_value - h.end_value) * _half_cosine(done)
    return jnp.where(t < h.warmup_steps, rise, fall)
