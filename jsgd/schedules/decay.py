r"""Schedules that run down (or up) from one value to another."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.core.bind import bind


def constant(value: Any) -> Schedule:
    """The same value at every step; unlike a plain number, it can be joined to others.

    >>> float(constant(0.5)(100))
    0.5
    """
    return Schedule(_constant, value=value)


def _constant(t, h):
    return h.value


def linear(
    init_value: Any, end_value: Any, transition_steps: Any, transition_begin: Any = 0
) -> Schedule:
    r"""A straight line from one value to another, constant before and after.

    .. math::
        s(t) = s_0 + (s_1 - s_0)\,\mathrm{clip}\left(\frac{t - t_0}{T}, 0, 1\right)

    Args:
        init_value: :math:`s_0`, up to step `transition_begin`.
        end_value: :math:`s_1`, from step `transition_begin + transition_steps` on.
        transition_steps: :math:`T` > 0.
        transition_begin: :math:`t_0` >= 0.

    >>> [round(float(linear(1.0, 0.0, 4)(t)), 2) for t in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    return Schedule(
        _linear,
        init_value=init_value,
        end_value=end_value,
        transition_steps=transition_steps,
        transition_begin=transition_begin,
    )


def _linear(t, h):
    done = jnp.clip((t - h.transition_begin) / h.transition_steps, 0, 1)
    return h.init_value + (h.end_value - h.init_value) * done


def cosine(init_value: Any, decay_steps: Any, alpha: Any = 0.0) -> Schedule:
    r"""Half a cosine from `init_value` down to `alpha * init_value`, constant after.

    .. math::
        s(t) = s_0 \left((1 - \alpha)\tfrac12(1 + \cos \pi \min(t / T, 1)) + \alpha\right)

    Args:
        init_value: :math:`s_0`, at step 0.
        decay_steps: :math:`T` > 0, where the end is reached.
        alpha: :math:`\alpha`, the last value as a fraction of the first.

    >>> [round(float(cosine(1.0, 4)(t)), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
        https://arxiv.org/abs/1608.03983, equation 5, one period.
    """
    return Schedule(_cosine, init_value=init_value, decay_steps=decay_steps, alpha=alpha)


def _cosine(t, h):
    return h.init_value * ((1 - h.alpha) * _half_cosine(t / h.decay_steps) + h.alpha)


def _half_cosine(done):
    return (1 + jnp.cos(jnp.pi * jnp.clip(done, 0, 1))) / 2


def exponential(
    init_value: Any,
    transition_steps: Any,
    decay_rate: Any,
    transition_begin: Any = 0,
    *,
    staircase: bool = False,
) -> Schedule:
    r"""Multiplied by `decay_rate` every `transition_steps` steps, smoothly or in stairs.

    .. math::
        s(t) = s_0\, r^{\max(t - t_0, 0) / T}

    Args:
        init_value: :math:`s_0`, up to step `transition_begin`.
        transition_steps: :math:`T` > 0.
        decay_rate: :math:`r` > 0.
        transition_begin: :math:`t_0` >= 0.
        staircase: static; round the exponent down.

    >>> [float(exponential(1.0, 2, 0.25)(t)) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """
    return Schedule(
        bind(_exponential, bool(staircase)),
        init_value=init_value,
        transition_steps=transition_steps,
        decay_rate=decay_rate,
        transition_begin=transition_begin,
    )


def _exponential(staircase, t, h):
    since = jnp.maximum(t - h.transition_begin, 0)
    turns = since / h.transition_steps
    if staircase:
        # compiled, the quotient may round to below (or up to) a whole number: ask the product
        turns = jnp.round(turns)
        turns = jnp.where(turns * h.transition_steps > since, turns - 1, turns)
    return h.init_value * h.decay_rate**turns
