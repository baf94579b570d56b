"""Makes the golden values: `KERAS_BACKEND=torch python tests/schedules/make_golden.py [NAME ...]`.

It needs `pip install torch keras transformers`. Each file holds what an original outside optax
gives at some of the first 10,000 steps, in float64: at every join, at its neighbours, and evenly
between. What jsgd computes has no part in it: nothing here imports jsgd. (The tests run optax.)
"""

import json
import platform
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

STEPS = 10_000
LIBRARIES = ("numpy", "torch", "keras", "transformers")


class Golden(NamedTuple):
    factory: str
    settings: dict[str, Any]  # jsgd's
    reference: str
    values: Callable[[], Iterable[float]]  # from step 0 on
    joins: Iterable[float]


def torch_lr(lr: float, name: str, **settings: Any) -> Golden:
    """What a scheduler of PyTorch makes of a learning rate."""

    def values():
        import torch

        return walk(
            lr, lambda optimizer: getattr(torch.optim.lr_scheduler, name)(optimizer, **settings)
        )

    return Golden("", {}, f"torch.optim.lr_scheduler.{name}", values, ())


def transformers_lr(lr: float, name: str, **settings: Any) -> Golden:
    def values():
        import transformers.optimization

        return walk(
            lr, lambda optimizer: getattr(transformers.optimization, name)(optimizer, **settings)
        )

    return Golden("", {}, f"transformers.{name}", values, ())


def walk(lr: float, scheduler: Callable) -> Iterable[float]:
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=lr, momentum=0.9)
    schedule = scheduler(optimizer)
    for _ in range(STEPS):
        yield float(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()


def keras_lr(name: str, *numbers: float, **settings: Any) -> Golden:
    def values():
        import keras

        keras.config.set_floatx("float64")
        schedule = getattr(keras.optimizers.schedules, name)(*numbers, **settings)
        return (float(schedule(t)) for t in range(STEPS))

    return Golden("", {}, f"keras.optimizers.schedules.{name}", values, ())


def one_cycle(shape: str, third: bool) -> Golden:
    total, pct = 9001, 0.25
    last = total - 1
    settings = {"peak_value": 2.0, "transition_steps": last, "pct_start": (pct * total - 1) / last}
    if third:
        settings["pct_final"] = (2 * pct * total - 2) / last
    original = torch_lr(
        1.0,
        "OneCycleLR",
        max_lr=2.0,
        total_steps=total,
        pct_start=pct,
        anneal_strategy={"cosine": "cos"}.get(shape, shape),
        div_factor=8.0,
        final_div_factor=50.0,
        three_phase=third,
    )
    joins = (pct * total - 1, 2 * pct * total - 2, last)
    settings |= {"div_factor": 8.0, "final_div_factor": 50.0, "shape": shape}
    # its very last step goes beyond the last value that it is asked for
    return original._replace(
        factory="onecycle",
        settings=settings,
        values=lambda: islice(original.values(), total),
        joins=joins,
    )


def cycles(mode: str, down: int | None) -> Golden:
    up, rate = 410, 1 - 2**-11
    settings = {"init_value": 0.3, "peak_value": 2.0, "up_steps": up, "mode": mode}
    theirs = {"base_lr": 0.3, "max_lr": 2.0, "step_size_up": up, "mode": mode}
    if down is not None:
        settings["down_steps"] = theirs["step_size_down"] = down
    if mode == "exp_range":
        settings["decay_rate"] = theirs["gamma"] = rate
    starts = range(0, STEPS, up + (down or up))
    joins = [*starts, *(start + up for start in starts)]
    original = torch_lr(0.3, "CyclicLR", cycle_momentum=False, **theirs)
    return original._replace(factory="cyclic", settings=settings, joins=joins)


def stable(shape: str) -> Golden:
    settings = {"peak_value": 2.0, "warmup_steps": 700, "stable_steps": 4000, "decay_steps": 3000}
    original = transformers_lr(
        2.0,
        "get_wsd_schedule",
        num_warmup_steps=700,
        num_stable_steps=4000,
        num_decay_steps=3000,
        decay_type=shape,
        min_lr_ratio=0.125,
    )
    # in Transformers the ratio is the start of the rise, too
    settings |= {"init_value": 0.25, "end_value": 0.25, "shape": shape}
    return original._replace(factory="wsd", settings=settings, joins=(700, 4700, 7700))


def inverse_root(timescale: int | None) -> Golden:
    settings = {"peak_value": 2.0, "warmup_steps": 1300} | (
        {} if timescale is None else {"timescale": timescale}
    )
    original = transformers_lr(
        2.0, "get_inverse_sqrt_schedule", num_warmup_steps=1300, timescale=timescale
    )
    return original._replace(factory="inverse_sqrt", settings=settings, joins=(1300,))


def restarts(first: int, growth: float) -> list[float]:
    starts = accumulate(first * growth**i for i in range(200) if growth**i < STEPS)
    return [start for start in starts if start < STEPS]


GOLDEN = {
    "step": torch_lr(2.0, "StepLR", step_size=410, gamma=0.75)._replace(
        factory="step",
        settings={"init_value": 2.0, "transition_steps": 410, "decay_rate": 0.75},
        joins=range(0, STEPS, 410),
    ),
    "multi_step": torch_lr(2.0, "MultiStepLR", milestones=[1, 550, 7000], gamma=0.75)._replace(
        factory="multi_step",
        settings={"init_value": 2.0, "boundaries": [1, 550, 7000], "decay_rate": 0.75},
        joins=[1, 550, 7000],
    ),
    "cosine_restarts-torch": torch_lr(
        2.0, "CosineAnnealingWarmRestarts", T_0=410, T_mult=1, eta_min=0.25
    )._replace(
        factory="cosine_restarts",
        settings={"init_value": 2.0, "first_decay_steps": 410, "t_mul": 1.0, "alpha": 0.125},
        joins=restarts(410, 1),
    ),
    "cosine_restarts-torch-longer": torch_lr(
        2.0, "CosineAnnealingWarmRestarts", T_0=55, T_mult=2, eta_min=0.25
    )._replace(
        factory="cosine_restarts",
        settings={"init_value": 2.0, "first_decay_steps": 55, "t_mul": 2.0, "alpha": 0.125},
        joins=restarts(55, 2),
    ),
    "cosine_restarts-keras": keras_lr(
        "CosineDecayRestarts", 2.0, 240, t_mul=1.5, m_mul=0.75, alpha=0.125
    )._replace(
        factory="cosine_restarts",
        settings={
            "init_value": 2.0,
            "first_decay_steps": 240,
            "t_mul": 1.5,
            "m_mul": 0.75,
            "alpha": 0.125,
        },
        joins=restarts(240, 1.5),
    ),
    "cosine_restarts-keras-equal": keras_lr(
        "CosineDecayRestarts", 2.0, 410, t_mul=1.0, m_mul=0.75
    )._replace(
        factory="cosine_restarts",
        settings={"init_value": 2.0, "first_decay_steps": 410, "t_mul": 1.0, "m_mul": 0.75},
        joins=restarts(410, 1),
    ),
    "inverse_time": keras_lr("InverseTimeDecay", 2.0, 410, 0.75)._replace(
        factory="inverse_time",
        settings={"init_value": 2.0, "transition_steps": 410, "decay_rate": 0.75},
    ),
    "inverse_time-staircase": keras_lr("InverseTimeDecay", 2.0, 410, 0.75, staircase=True)._replace(
        factory="inverse_time",
        settings={
            "init_value": 2.0,
            "transition_steps": 410,
            "decay_rate": 0.75,
            "staircase": True,
        },
        joins=range(0, STEPS, 410),
    ),
    "inverse_sqrt": inverse_root(None),
    "inverse_sqrt-timescale": inverse_root(2500),
    **{f"wsd-{shape}": stable(shape) for shape in ("linear", "cosine", "1-sqrt")},
    **{
        f"onecycle-{shape}{'-third' * third}": one_cycle(shape, third)
        for shape in ("cosine", "linear")
        for third in (False, True)
    },
    **{
        f"cyclic-{mode}{'-down' if down else ''}": cycles(mode, down)
        for mode in ("triangular", "triangular2", "exp_range")
        for down in (None, 700)
    },
}


def write(name: str, golden: Golden) -> None:
    values = list(golden.values())
    at = {round(t) for t in np.linspace(0, len(values) - 1, 100)}
    at |= {int(join) + i for join in golden.joins for i in (-1, 0, 1, 2)}
    steps = sorted(t for t in at if 0 <= t < len(values))
    head = {
        "factory": golden.factory,
        "settings": golden.settings,
        "reference": golden.reference,
        "versions": {"python": platform.python_version()}
        | {x: metadata.version(x) for x in LIBRARIES},
        "steps": steps,
        "values": [values[t] for t in steps],
    }
    lines = [f"  {json.dumps(k)}: {json.dumps(x)}" for k, x in head.items()]
    path = Path(__file__).parent / "golden" / f"{name}.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    for name, golden in GOLDEN.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            write(name, golden)
