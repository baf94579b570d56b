"""The list of all schedules, as data: a new one is one row here."""

from jsgd.core.registry import Row
from jsgd.schedules.compose import join, piecewise, piecewise_interpolate
from jsgd.schedules.cyclic import cyclic
from jsgd.schedules.decay import constant, cosine, exponential, inverse_time, linear, polynomial
from jsgd.schedules.onecycle import onecycle
from jsgd.schedules.restarts import cosine_restarts, sgdr
from jsgd.schedules.stairs import multi_step, step
from jsgd.schedules.warmup import inverse_sqrt, warmup_constant, warmup_cosine, warmup_exponential
from jsgd.schedules.wsd import wsd

_ROWS = [
    Row(constant, "", "optax.constant_schedule", ({"value": 0.5},)),
    Row(
        linear,
        "",
        "optax.linear_schedule",
        ({"init_value": 0.9, "end_value": 0.1, "transition_steps": 50, "transition_begin": 10},),
    ),
    Row(
        polynomial,
        "",
        "optax.polynomial_schedule",
        (
            {
                "init_value": 0.9,
                "end_value": 0.1,
                "power": 3.0,
                "transition_steps": 50,
                "transition_begin": 10,
            },
        ),
    ),
    Row(
        cosine,
        "Loshchilov and Hutter 2017",
        "optax.cosine_decay_schedule",
        ({"init_value": 0.9, "decay_steps": 50, "alpha": 0.1, "exponent": 1.5},),
    ),
    Row(
        exponential,
        "",
        "optax.exponential_decay",
        (
            {"init_value": 0.9, "transition_steps": 20, "decay_rate": 0.5},
            {"init_value": 0.9, "transition_steps": 20, "decay_rate": 0.5, "end_value": 0.2},
            {"init_value": 0.9, "transition_steps": 20, "decay_rate": 0.5, "staircase": True},
            {
                "init_value": 0.9,
                "transition_steps": 20,
                "decay_rate": 0.5,
                "end_value": 0.2,
                "staircase": True,
            },
        ),
    ),
    Row(
        inverse_time,
        "Robbins and Monro 1951",
        "keras.optimizers.schedules.InverseTimeDecay",
        (
            {"init_value": 0.9, "transition_steps": 20, "decay_rate": 0.5},
            {"init_value": 0.9, "transition_steps": 20, "decay_rate": 0.5, "staircase": True},
        ),
    ),
    Row(
        inverse_sqrt,
        "Vaswani et al. 2017",
        "transformers.get_inverse_sqrt_schedule",
        (
            {"peak_value": 0.9, "warmup_steps": 20, "init_value": 0.1},
            {"peak_value": 0.9, "warmup_steps": 20, "init_value": 0.1, "timescale": 30},
        ),
    ),
    Row(
        step,
        "",
        "torch.optim.lr_scheduler.StepLR",
        ({"init_value": 0.9, "transition_steps": 20, "decay_rate": 0.5},),
    ),
    Row(
        multi_step,
        "He et al. 2015",
        "torch.optim.lr_scheduler.MultiStepLR",
        ({"init_value": 0.9, "boundaries": [20, 50], "decay_rate": 0.5},),
    ),
    Row(
        warmup_constant,
        "Goyal et al. 2017",
        "optax.warmup_constant_schedule",
        ({"peak_value": 0.9, "warmup_steps": 20, "init_value": 0.1},),
    ),
    Row(
        warmup_cosine,
        "Goyal et al. 2017; Loshchilov and Hutter 2017",
        "optax.warmup_cosine_decay_schedule",
        (
            {
                "peak_value": 0.9,
                "warmup_steps": 10,
                "decay_steps": 60,
                "end_value": 0.1,
                "exponent": 1.5,
            },
        ),
    ),
    Row(
        warmup_exponential,
        "Goyal et al. 2017",
        "optax.warmup_exponential_decay_schedule",
        (
            {"peak_value": 0.9, "warmup_steps": 10, "transition_steps": 20, "decay_rate": 0.5},
            {
                "peak_value": 0.9,
                "warmup_steps": 10,
                "transition_steps": 20,
                "decay_rate": 0.5,
                "transition_begin": 5,
                "end_value": 0.2,
            },
            {
                "peak_value": 0.9,
                "warmup_steps": 10,
                "transition_steps": 20,
                "decay_rate": 0.5,
                "staircase": True,
            },
            {
                "peak_value": 0.9,
                "warmup_steps": 10,
                "transition_steps": 20,
                "decay_rate": 0.5,
                "end_value": 0.2,
                "staircase": True,
            },
        ),
    ),
    Row(
        wsd,
        "Hu et al. 2024; Hägele et al. 2024",
        "transformers.get_wsd_schedule",
        tuple(
            {
                "peak_value": 0.9,
                "warmup_steps": 10,
                "stable_steps": 30,
                "decay_steps": 30,
                "end_value": 0.1,
                "shape": shape,
            }
            for shape in ("linear", "cosine", "1-sqrt")
        ),
    ),
    Row(
        onecycle,
        "Smith and Topin 2017",
        "optax.cosine_onecycle_schedule, linear_onecycle_schedule",
        tuple(
            {
                "peak_value": 0.9,
                "transition_steps": 60,
                "pct_start": 0.25,
                "div_factor": 5.0,
                "final_div_factor": 10.0,
                "shape": shape,
            }
            | third
            for shape in ("cosine", "linear")
            for third in ({}, {"pct_final": 0.85})
        ),
    ),
    Row(
        cyclic,
        "Smith 2017",
        "torch.optim.lr_scheduler.CyclicLR",
        (
            {"init_value": 0.1, "peak_value": 0.9, "up_steps": 11},
            {"init_value": 0.1, "peak_value": 0.9, "up_steps": 11, "down_steps": 20},
            {"init_value": 0.1, "peak_value": 0.9, "up_steps": 11, "mode": "triangular2"},
            {
                "init_value": 0.1,
                "peak_value": 0.9,
                "up_steps": 11,
                "down_steps": 20,
                "mode": "triangular2",
            },
            {
                "init_value": 0.1,
                "peak_value": 0.9,
                "up_steps": 11,
                "decay_rate": 0.99,
                "mode": "exp_range",
            },
            {
                "init_value": 0.1,
                "peak_value": 0.9,
                "up_steps": 11,
                "down_steps": 20,
                "decay_rate": 0.99,
                "mode": "exp_range",
            },
        ),
    ),
    Row(
        cosine_restarts,
        "Loshchilov and Hutter 2017",
        "keras.optimizers.schedules.CosineDecayRestarts",
        (
            {
                "init_value": 0.9,
                "first_decay_steps": 10,
                "t_mul": 1.5,
                "m_mul": 0.8,
                "alpha": 0.1,
            },
        ),
    ),
    Row(
        sgdr,
        "Loshchilov and Hutter 2017",
        "optax.sgdr_schedule",
        (
            {
                "cycles": [
                    {"peak_value": 0.9, "warmup_steps": 5, "decay_steps": 20, "end_value": 0.1},
                    {"peak_value": 0.5, "warmup_steps": 10, "decay_steps": 40, "init_value": 0.1},
                ]
            },
        ),
    ),
    Row(
        piecewise,
        "",
        "optax.piecewise_constant_schedule",
        ({"values": [0.9, 0.5, 0.1], "boundaries": [20, 50]},),
    ),
    Row(
        piecewise_interpolate,
        "",
        "optax.piecewise_interpolate_schedule",
        tuple(
            {"values": [0.1, 0.9, 0.5], "boundaries": [20, 50], "shape": shape}
            for shape in ("linear", "cosine")
        ),
    ),
    Row(
        join,
        "",
        "optax.join_schedules",
        ({"schedules": (linear(0.0, 0.9, 20), cosine(0.9, 50)), "boundaries": [20]},),
    ),
]
REGISTRY: dict[str, Row] = {row.factory.__name__: row for row in _ROWS}
