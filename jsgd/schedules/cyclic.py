r"""Up and down again, and again: triangles, whose height may decay."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.core.bind import bind
from jsgd.schedules.shapes import between, choice, present, whole_turns


def cyclic(
    init_value: Any,
    peak_value: Any,
    up_steps: Any,
    down_steps: Any = None,
    decay_rate: Any = None,
    *,
    mode: str = "triangular",
) -> Schedule:
    r"""Straight lines up from `init_value` and down again, without end.

    In cycle :math:`n = \lfloor t / (u + d) \rfloor`, of which :math:`x = t - n (u + d)` steps have
    passed,

    .. math::
        s(t) = s_0 + (s_1 - s_0) \min\left(\frac{x}{u}, \frac{u + d - x}{d}\right) c(t), \quad
        c(t) = 1, \;\; 2^{-n} \;\text{ or }\; r^t

    Args:
        init_value: :math:`s_0`, at step 0 and between the cycles.
        peak_value: :math:`s_1`, at the top of the first cycle.
        up_steps: :math:`u` > 0.
        down_steps: :math:`d` > 0. `None`, a static choice, is `up_steps`.
        decay_rate: :math:`r` > 0, each step's, in the mode `"exp_range"` and in no other.
        mode: static; the factor :math:`c` on the height: `"triangular"` has none,
            `"triangular2"` halves it every cycle, `"exp_range"` multiplies it by `decay_rate`
            every step.

    Raises:
        ValueError: a number is out of range, or belongs to another mode.

    >>> [float(cyclic(0.0, 1.0, 2, mode="triangular2")(t)) for t in range(9)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25, 0.0]

    References:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017,
        https://arxiv.org/abs/1506.01186, section 3.
    """
    choice("mode", mode, ("triangular", "triangular2", "exp_range"))
    if (decay_rate is not None) != (mode == "exp_range"):
        raise ValueError(
            f"decay_rate = {decay_rate!r}: the mode 'exp_range' has one, and no other; "
            f"this is {mode!r}"
        )
    return Schedule(
        bind(_cyclic, mode),
        init_value=init_value,
        peak_value=peak_value,
        up_steps=up_steps,
        **present(down_steps=down_steps, decay_rate=decay_rate),
    )


def _cyclic(mode, t, h):
    up = h.up_steps
    down = vars(h).get("down_steps", up)
    n = whole_turns(t, up + down)
    x = t - n * (up + down)
    height = jnp.clip(jnp.minimum(x / up, (up + down - x) / down), 0, 1)
    if mode == "triangular2":
        height = height * 0.5**n
    if mode == "exp_range":
        height = height * h.decay_rate**t
    return between(h.init_value, h.peak_value, height)
