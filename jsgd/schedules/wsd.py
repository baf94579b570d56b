r"""Warmup, stable, decay: a plateau that a fall may leave at any time."""

from typing import Any

from jsgd.core import Schedule
from jsgd.core.bind import bind
from jsgd.schedules.shapes import FALLS, between, choice, fraction
from jsgd.schedules.warmup import warmed_up


def wsd(
    peak_value: Any,
    warmup_steps: Any,
    stable_steps: Any,
    decay_steps: Any,
    init_value: Any = 0.0,
    end_value: Any = 0.0,
    *,
    shape: str = "linear",
) -> Schedule:
    r"""A straight rise to `peak_value`, constant for long, then down to `end_value`.

    .. math::
        s(t) = s_2 + (s_1 - s_2) f\left(\frac{t - w - n}{d}\right) \quad \text{for } t \ge w + n,
        \quad f(x) = 1 - x, \;\; \tfrac12(1 + \cos \pi x) \;\text{ or }\; 1 - \sqrt{x}

    Before the fall nothing depends on when it will come, so one run on the plateau serves several
    falls. Hu et al. leave :math:`f` open and use an exponential themselves; Hägele et al. compare
    these, and find :math:`1 - \sqrt{x}` the best.

    Args:
        peak_value: :math:`s_1`, the value on the plateau.
        warmup_steps: :math:`w` >= 0, length of the rise.
        stable_steps: :math:`n` >= 0, length of the plateau.
        decay_steps: :math:`d` > 0, length of the fall alone.
        init_value: the value at step 0.
        end_value: :math:`s_2`, the value after the fall.
        shape: static; `"linear"`, `"cosine"` or `"1-sqrt"`.

    Raises:
        ValueError: a number is out of range, or there is no such shape.

    >>> s = wsd(1.0, warmup_steps=2, stable_steps=3, decay_steps=4, shape="1-sqrt")
    >>> [round(float(s(t)), 3) for t in range(10)]
    [0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.293, 0.134, 0.0]

    References:
        Hu et al., "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training
        Strategies", 2024, https://arxiv.org/abs/2404.06395, section 4. Hägele et al., "Scaling
        Laws and Compute-Optimal Training Beyond Fixed Training Durations", 2024,
        https://arxiv.org/abs/2405.18392, section 3.
    """
    return Schedule(
        bind(_wsd, choice("shape", shape, tuple(FALLS))),
        peak_value=peak_value,
        warmup_steps=warmup_steps,
        stable_steps=stable_steps,
        decay_steps=decay_steps,
        init_value=init_value,
        end_value=end_value,
    )


def _wsd(shape, t, h):
    done = fraction(t - h.warmup_steps - h.stable_steps, h.decay_steps)
    return warmed_up(t, h, between(h.end_value, h.peak_value, FALLS[shape](done)))
