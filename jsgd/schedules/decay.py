r"""Schedules that run down (or up) from one value to another."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.core.bind import bind
from jsgd.schedules.shapes import between, fraction, half_cosine, present, whole_turns


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

    Raises:
        ValueError: a number is out of range.

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
    done = fraction(t - h.transition_begin, h.transition_steps)
    return between(h.init_value, h.end_value, done)


def polynomial(
    init_value: Any,
    end_value: Any,
    power: Any,
    transition_steps: Any,
    transition_begin: Any = 0,
) -> Schedule:
    r"""A power of what is left of the way from one value to another, constant before and after.

    .. math::
        s(t) = s_1 + (s_0 - s_1)
            \left(1 - \mathrm{clip}\left(\frac{t - t_0}{T}, 0, 1\right)\right)^p

    Args:
        init_value: :math:`s_0`, up to step `transition_begin`.
        end_value: :math:`s_1`, from step `transition_begin + transition_steps` on.
        power: :math:`p` > 0.
        transition_steps: :math:`T` > 0.
        transition_begin: :math:`t_0` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> [round(float(polynomial(1.0, 0.0, 2.0, 4)(t)), 4) for t in range(6)]
    [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """
    return Schedule(
        _polynomial,
        init_value=init_value,
        end_value=end_value,
        power=power,
        transition_steps=transition_steps,
        transition_begin=transition_begin,
    )


def _polynomial(t, h):
    done = fraction(t - h.transition_begin, h.transition_steps)
    return between(h.end_value, h.init_value, (1 - done) ** h.power)


def cosine(init_value: Any, decay_steps: Any, alpha: Any = 0.0, exponent: Any = 1.0) -> Schedule:
    r"""Half a cosine from `init_value` down to `alpha * init_value`, constant after.

    .. math::
        s(t) = s_0 \left((1 - \alpha)
            \left(\tfrac12(1 + \cos \pi \min(t / T, 1))\right)^p + \alpha\right)

    Args:
        init_value: :math:`s_0`, at step 0.
        decay_steps: :math:`T` > 0, where the end is reached.
        alpha: :math:`\alpha`, the last value as a fraction of the first.
        exponent: :math:`p` > 0.

    Raises:
        ValueError: a number is out of range.

    >>> [round(float(cosine(1.0, 4)(t)), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
        https://arxiv.org/abs/1608.03983, equation 5, one period.
    """
    return Schedule(
        _cosine, init_value=init_value, decay_steps=decay_steps, alpha=alpha, exponent=exponent
    )


def _cosine(t, h):
    left = half_cosine(fraction(t, h.decay_steps)) ** h.exponent
    return h.init_value * between(h.alpha, 1, left)


def exponential(
    init_value: Any,
    transition_steps: Any,
    decay_rate: Any,
    transition_begin: Any = 0,
    end_value: Any = None,
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
        end_value: never below this for :math:`r < 1`, never above it otherwise. `None`, a static
            choice, is no bound.
        staircase: static; round the exponent down.

    Raises:
        ValueError: a number is out of range.

    >>> [float(exponential(1.0, 2, 0.25)(t)) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """
    return Schedule(
        bind(_exponential, bool(staircase)),
        init_value=init_value,
        transition_steps=transition_steps,
        decay_rate=decay_rate,
        transition_begin=transition_begin,
        **present(end_value=end_value),
    )


def _exponential(staircase, t, h):
    return decayed(staircase, h.init_value, t, h)


def decayed(staircase, start, t, h):
    """`start` after `t` steps of the decay that `h` describes."""
    since = jnp.maximum(t - h.transition_begin, 0)
    value = start * h.decay_rate ** _turns(staircase, since, h)
    if "end_value" not in vars(h):
        return value
    lowest, highest = jnp.maximum(value, h.end_value), jnp.minimum(value, h.end_value)
    return jnp.where(h.decay_rate < 1, lowest, highest)


def _turns(staircase, since, h):
    turns = whole_turns if staircase else jnp.divide
    return turns(since, h.transition_steps)


def inverse_time(
    init_value: Any, transition_steps: Any, decay_rate: Any, *, staircase: bool = False
) -> Schedule:
    r"""Divided by a number that grows by `decay_rate` every `transition_steps` steps.

    .. math::
        s(t) = \frac{s_0}{1 + r\, t / T}

    Args:
        init_value: :math:`s_0`, at step 0.
        transition_steps: :math:`T` > 0.
        decay_rate: :math:`r` > 0.
        staircase: static; round :math:`t / T` down.

    Raises:
        ValueError: a number is out of range.

    >>> [round(float(inverse_time(1.0, 2, 1.0)(t)), 3) for t in range(5)]
    [1.0, 0.667, 0.5, 0.4, 0.333]

    References:
        Robbins and Monro, "A Stochastic Approximation Method", 1951,
        https://doi.org/10.1214/aoms/1177729586: steps whose sum is infinite and whose sum of
        squares is finite. The parameters are those of Keras's `InverseTimeDecay`.
    """
    return Schedule(
        bind(_inverse_time, bool(staircase)),
        init_value=init_value,
        transition_steps=transition_steps,
        decay_rate=decay_rate,
    )


def _inverse_time(staircase, t, h):
    return h.init_value / (1 + h.decay_rate * _turns(staircase, t, h))
