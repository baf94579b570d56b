r"""One rise and one long fall: the 1cycle policy."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.core.bind import bind
from jsgd.core.hyper import is_concrete
from jsgd.schedules.compose import interpolated
from jsgd.schedules.shapes import choice, present


def onecycle(
    peak_value: Any,
    transition_steps: Any,
    pct_start: Any = 0.3,
    pct_final: Any = None,
    div_factor: Any = 25.0,
    final_div_factor: Any = 1e4,
    *,
    shape: str = "cosine",
) -> Schedule:
    r"""Up to `peak_value` for part of the steps, then down to far below the start.

    From :math:`s_0 = s_1 / k` to :math:`s_1` at step :math:`p T`, and to :math:`s_0 / k'` at step
    :math:`T`; with `pct_final`, back to :math:`s_0` at step :math:`p' T` on the way.

    The defaults are optax's `cosine_onecycle_schedule`; its `linear_onecycle_schedule` has
    `shape="linear"` and `pct_final=0.85`. optax rounds the steps :math:`p T` and :math:`p' T`
    down to whole ones. PyTorch's `OneCycleLR(total_steps=N, pct_start=q)` reaches its last value
    at step :math:`T = N - 1` and its peak at step :math:`p T = q N - 1`.

    Args:
        peak_value: :math:`s_1`.
        transition_steps: :math:`T` > 0.
        pct_start: :math:`p` in [0, 1].
        pct_final: :math:`p'` in [0, 1], not below `pct_start`. `None`, a static choice, is no
            third phase.
        div_factor: :math:`k` > 0.
        final_div_factor: :math:`k'` > 0.
        shape: static; the way from one value to the next, `"cosine"` or `"linear"`.

    Raises:
        ValueError: a number is out of range, or there is no such shape.

    >>> s = onecycle(1.0, 10, pct_start=0.4, div_factor=4.0, final_div_factor=100.0)
    >>> [round(float(s(t)), 4) for t in (0, 2, 4, 7, 10, 11)]
    [0.25, 0.625, 1.0, 0.5012, 0.0025, 0.0025]

    References:
        Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
        Learning Rates", 2017, https://arxiv.org/abs/1708.07120, the 1cycle policy.
    """
    if is_concrete(pct_start) and is_concrete(pct_final) and pct_start > pct_final:
        raise ValueError(f"pct_start = {pct_start}: it must not be above pct_final = {pct_final}")
    return Schedule(
        bind(_onecycle, choice("shape", shape, ("cosine", "linear"))),
        peak_value=peak_value,
        transition_steps=transition_steps,
        pct_start=pct_start,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        **present(pct_final=pct_final),
    )


def _onecycle(shape, t, h):
    first = h.peak_value / h.div_factor
    third = "pct_final" in vars(h)
    values = [first, h.peak_value, *([first] if third else []), first / h.final_div_factor]
    joins = [h.pct_start, *([h.pct_final] if third else [])]
    boundaries = [pct * h.transition_steps for pct in joins] + [h.transition_steps]
    return interpolated(shape, t, jnp.stack(values), jnp.stack(boundaries))
