r"""Schedules that fall in steps, by the same factor each time."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.schedules.compose import check_rising, stack
from jsgd.schedules.shapes import whole_turns


def step(init_value: Any, transition_steps: Any, decay_rate: Any = 0.1) -> Schedule:
    r"""Multiplied by `decay_rate` at every `transition_steps`-th step, constant between.

    .. math::
        s(t) = s_0\, r^{\lfloor t / T \rfloor}

    It is `exponential` with a staircase, under the name and with the default that people know.

    Args:
        init_value: :math:`s_0`, at step 0.
        transition_steps: :math:`T` > 0.
        decay_rate: :math:`r` > 0.

    Raises:
        ValueError: a number is out of range.

    >>> [float(step(1.0, 2, 0.5)(t)) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return Schedule(
        _step, init_value=init_value, transition_steps=transition_steps, decay_rate=decay_rate
    )


def _step(t, h):
    return h.init_value * h.decay_rate ** whole_turns(t, h.transition_steps)


def multi_step(init_value: Any, boundaries: Any, decay_rate: Any = 0.1) -> Schedule:
    r"""Multiplied by `decay_rate` at each of some steps, constant between.

    .. math::
        s(t) = s_0\, r^{\#\{i : t \ge b_i\}}

    For other values between the same steps there is `piecewise`.

    Args:
        init_value: :math:`s_0`, at step 0.
        boundaries: the steps :math:`b_i`, rising, the first above 0.
        decay_rate: :math:`r` > 0.

    Raises:
        ValueError: the boundaries do not rise, or a number is out of range.

    >>> [float(multi_step(1.0, [2, 3], 0.5)(t)) for t in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.25]

    References:
        He et al., "Deep Residual Learning for Image Recognition", 2015,
        https://arxiv.org/abs/1512.03385, section 4.2.
    """
    check_rising(boundaries)
    return Schedule(
        _multi_step, init_value=init_value, boundaries=stack(boundaries), decay_rate=decay_rate
    )


def _multi_step(t, h):
    falls = jnp.sum(t >= h.boundaries, dtype=h.boundaries.dtype)
    return h.init_value * h.decay_rate**falls
