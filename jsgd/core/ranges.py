"""What numbers a hyperparameter may be: one spelling each, one range each, everywhere."""

from typing import Any, NamedTuple

import numpy as np


class Range(NamedTuple):
    """The numbers a hyperparameter may be: `low <= x <= high`, each end in or out."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, x: Any) -> bool:
        above = x > self.low if self.open_low else x >= self.low
        below = x < self.high if self.open_high else x <= self.high
        return bool(np.all(above & below))

    def __str__(self) -> str:
        left, right = "(" if self.open_low else "[", ")" if self.open_high else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"


def check_whole(name: str, x: Any, least: int) -> None:
    """Raises `ValueError` unless an argument is an `int`, and not below the least."""
    if isinstance(x, bool) or not isinstance(x, int) or x < least:
        raise ValueError(f"{name} = {x!r}: it must be a whole number >= {least}")


INF = float("inf")
# Rates of slow averages, where 1 - b must be exact: held as `Decay`.
DECAYS = ("b1", "b2", "b3", "decay")
# Where `None`, a static choice, means that there is none of it.
OPTIONAL = frozenset({"momentum", "momentum_decay", "b3"})

_NAMES: dict[Range, tuple[str, ...]] = {
    Range(0, INF, open_high=True): (
        "cooldown",
        "l1",
        "l2",
        "l2_shrinkage",
        "lambd",
        "lr",
        "rho",
        "start",
        "weight_decay",
    ),
    Range(0, INF): (
        "atol",
        "eps",
        "eta",
        "initial_accumulator",
        "max_lr",
        "max_step",
        "min_norm",
        "min_scale",
        "min_step",
        "momentum_decay",
        "scale",
        "stable_steps",
        "t0",
        "transition_begin",
        "trust_coefficient",
        "warmup_steps",
        "weight_lr_power",
    ),
    Range(0, 1): (
        "dampening",
        "momentum",
        "nu1",
        "nu2",
        "pct_final",
        "pct_start",
        "slow_step_size",
    ),
    Range(-1, 0, open_low=True): ("lr_power",),
    Range(0, 1, open_low=True, open_high=True): (
        "eta_minus",
        "factor",
    ),
    Range(1, INF, open_low=True, open_high=True): ("eta_plus",),
    Range(0, INF, open_low=True): (
        "boundaries",
        "clip_threshold",
        "d0",
        "d_coef",
        "decay_exponent",
        "decay_rate",
        "decay_steps",
        "div_factor",
        "exponent",
        "final_div_factor",
        "first_decay_steps",
        "m_mul",
        "max_norm",
        "max_ratio",
        "max_rms",
        "max_value",
        "power",
        "r_eps",
        "radius",
        "s_init",
        "side",
        "total",
        "transition_steps",
    ),
    Range(-INF, INF): (
        "lower",
        "offset",
        "upper",
    ),
    Range(-INF, INF, open_low=True, open_high=True): (
        "direction",
        "normal",
    ),
    Range(1, INF, open_high=True): (
        "accumulation_size",
        "every",
        "sync_period",
    ),
    Range(1, INF): (
        "patience",
        "t_mul",
    ),
    Range(0, 1, open_high=True): (
        *DECAYS,
        "rtol",
    ),
    Range(0, INF, open_low=True, open_high=True): (
        "down_steps",
        "timescale",
        "up_steps",
    ),
}
# A name that is not here may be any number.
RANGES: dict[str, Range] = {name: allowed for allowed, names in _NAMES.items() for name in names}
