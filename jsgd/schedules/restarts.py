r"""Cosines that start again."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.schedules.compose import joined
from jsgd.schedules.shapes import between, fraction, half_cosine
from jsgd.schedules.warmup import warmup_cosine


def cosine_restarts(
    init_value: Any,
    first_decay_steps: Any,
    t_mul: Any = 2.0,
    m_mul: Any = 1.0,
    alpha: Any = 0.0,
) -> Schedule:
    r"""Half a cosine down, again and again, each longer and lower than the one before.

    Cycle :math:`i` is :math:`T_i = T_0 q^i` steps long; :math:`x` of them after its start,

    .. math::
        s = s_0 \left((1 - \alpha)\, m^i\, \tfrac12(1 + \cos \pi x / T_i) + \alpha\right)

    Args:
        init_value: :math:`s_0`, at step 0.
        first_decay_steps: :math:`T_0` > 0.
        t_mul: :math:`q` >= 1. The default is Keras's; PyTorch's is 1.
        m_mul: :math:`m` > 0.
        alpha: :math:`\alpha`, the lowest value as a fraction of `init_value`.

    Raises:
        ValueError: a number is out of range.

    >>> [round(float(cosine_restarts(1.0, 2, m_mul=0.5)(t)), 3) for t in range(7)]
    [1.0, 0.5, 0.5, 0.427, 0.25, 0.073, 0.25]

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
        https://arxiv.org/abs/1608.03983, equation 5. The factor :math:`m` is Keras's.
    """
    return Schedule(
        _cosine_restarts,
        init_value=init_value,
        first_decay_steps=first_decay_steps,
        t_mul=t_mul,
        m_mul=m_mul,
        alpha=alpha,
    )


def _cosine_restarts(t, h):
    i, start, length = _cycle(t, h.first_decay_steps, h.t_mul)
    height = h.m_mul**i * half_cosine(fraction(t - start, length))
    return h.init_value * between(h.alpha, 1, height)


_BITS = 31  # of a step, which the state holds as an int32


def _cycle(t, first, growth):
    """The number, start and length of the cycle at `t`, if each is `growth` times the last.

    The number is found bit by bit, from how long 1, 2, 4, ... cycles are. There are only sums and
    products, so whole lengths give exact starts, compiled too, which a logarithm would not; and a
    growth of 1 is nothing special.
    """
    power, total = [growth], [jnp.ones_like(growth)]  # growth**(2**k), and the sum of 2**k powers
    for _ in range(_BITS - 1):
        total.append(total[-1] * (1 + power[-1]))
        power.append(power[-1] ** 2)
    i, start, length = jnp.zeros_like(t), jnp.zeros_like(t), first
    for k in reversed(range(_BITS)):
        end = start + length * total[k]
        over = end <= t
        i = jnp.where(over, i + 2**k, i)
        start = jnp.where(over, end, start)
        length = jnp.where(over, length * power[k], length)
    return i, start, length


def sgdr(cycles: Sequence[Mapping[str, Any]]) -> Schedule:
    """One `warmup_cosine` after another, each as long as its `decay_steps` say.

    Where each cycle starts follows from the lengths of those before it, so a length that is swept
    moves all that comes after.

    Args:
        cycles: the arguments of `warmup_cosine`, a dict of them for every cycle.

    Raises:
        ValueError: there is no cycle, or a number is out of range.

    >>> s = sgdr([dict(peak_value=1.0, warmup_steps=0, decay_steps=2, end_value=0.5),
    ...           dict(peak_value=1.0, warmup_steps=2, decay_steps=4, init_value=0.5)])
    >>> [round(float(s(t)), 3) for t in range(8)]
    [1.0, 0.75, 0.5, 0.75, 1.0, 0.5, 0.0, 0.0]

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
        https://arxiv.org/abs/1608.03983, equation 5, with the rise of Goyal et al. 2017.
    """
    if not cycles:
        raise ValueError("cycles: there must be one or more")
    return Schedule(_sgdr, cycles=tuple(warmup_cosine(**cycle) for cycle in cycles))


def _sgdr(t, h):
    lengths = jnp.stack([cycle.hyper["decay_steps"] for cycle in h.cycles])
    return joined(t, h.cycles, jnp.cumsum(lengths)[:-1])
