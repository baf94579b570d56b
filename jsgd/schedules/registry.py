"""The list of all schedules, as data: a new one is one row here."""

from jsgd.core.registry import Row
from jsgd.schedules.compose import join, piecewise
from jsgd.schedules.decay import constant, cosine, exponential, linear
from jsgd.schedules.warmup import warmup_cosine

_ROWS = [
    Row(constant, "", "optax.constant_schedule", ({"value": 0.5},)),
    Row(
        linear,
        "",
        "optax.linear_schedule",
        ({"init_value": 1.0, "end_value": 0.1, "transition_steps": 50, "transition_begin": 10},),
    ),
    Row(
        cosine,
        "Loshchilov and Hutter 2017",
        "optax.cosine_decay_schedule",
        ({"init_value": 1.0, "decay_steps": 50, "alpha": 0.1},),
    ),
    Row(
        warmup_cosine,
        "Goyal et al. 2017; Loshchilov and Hutter 2017",
        "optax.warmup_cosine_decay_schedule",
        ({"peak_value": 1.0, "warmup_steps": 10, "decay_steps": 60, "end_value": 0.1},),
    ),
    Row(
        exponential,
        "",
        "optax.exponential_decay",
        (
            {"init_value": 1.0, "transition_steps": 20, "decay_rate": 0.5},
            {"init_value": 1.0, "transition_steps": 20, "decay_rate": 0.5, "staircase": True},
        ),
    ),
    Row(
        piecewise,
        "",
        "optax.piecewise_constant_schedule",
        ({"values": [1.0, 0.5, 0.1], "boundaries": [20, 50]},),
    ),
    Row(
        join,
        "",
        "optax.join_schedules",
        ({"schedules": (linear(0.0, 1.0, 20), cosine(1.0, 50)), "boundaries": [20]},),
    ),
]
REGISTRY: dict[str, Row] = {row.factory.__name__: row for row in _ROWS}
