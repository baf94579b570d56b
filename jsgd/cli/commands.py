"""What the commands do: each takes the parsed arguments."""

import argparse
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jsgd import sweeps
from jsgd import train as training
from jsgd.cli.parse import (
    parse_layout,
    parse_rungs,
    parse_setting,
    parse_space,
)
from jsgd.cli.show import entry, ranking, shelf
from jsgd.cli.task import Task, pick
from jsgd.sweeps.files import CHECKPOINT
from jsgd.sweeps.scheduler import Scheduler
from jsgd.sweeps.space import is_product
from jsgd.train.files import writable
from jsgd.train.stopping import higher_is_better

_BARE = ("lr=log:1e-3:1:16", "momentum=0,0.5,0.9,0.99")
_DRAWS = 64
_GO_ON = "the same command with --out DIR --resume goes on"
_MIDDLE = np.full(1, 0.5)  # of a normal, the mean: its least may be no value for an optimizer


def sweep(args: argparse.Namespace) -> None:
    """`jsgd sweep`: train every setting of a space."""
    space = parse_space(args.space or _BARE)
    every_core_a_device(args.devices)
    if args.resume and not args.out:
        raise ValueError("--resume: say where with --out DIR")
    task = Task(args, {name: x.at(_MIDDLE)[0].item() for name, x in space.items()}, args.folds)
    out = Path(args.out) if args.out else _fresh_directory()
    n = args.n if args.n is not None or is_product(space) else _DRAWS
    try:
        result = sweeps.sweep(
            task.make,
            space,
            n=n,
            sampler=args.sampler,
            at_once=args.at_once,
            seeds=args.seeds,
            folds=args.folds,
            epochs=args.epochs,
            rungs=parse_rungs(args.rungs),
            reduction_factor=args.reduction_factor,
            scheduler=_scheduler(args),
            timeout=args.timeout,
            layout=parse_layout(args.layout),
            memory=args.memory,
            key=args.seed,
            metric=args.metric or task.metric,
            out=out,
            resume=args.resume,
        )
    except KeyboardInterrupt:
        print(f"{out}: {_GO_ON}" if (out / CHECKPOINT).exists() else "nothing was finished yet")
        raise
    ranking(result)
    print(f"written to {out}: {', '.join(sorted(x.name for x in out.iterdir()))}")


def show(args: argparse.Namespace) -> None:
    """`jsgd show`: the table and the pictures of a sweep again, from what was saved."""
    result = sweeps.SweepResult.load(args.dir)
    with writable(args.out or args.dir) as out:
        drawn = result.save_pictures(out)
    ranking(result)
    if "RUNNING" in result.table["status"]:
        print("the sweep is running, or was stopped: these are its latest results;", _GO_ON)
    print(f"drawn into {out}: {', '.join(sorted(x.name for x in drawn))}")


def train(args: argparse.Namespace) -> None:
    """`jsgd train`: train one setting."""
    hyper = parse_setting(args.setting)
    task = Task(args, hyper)
    metric, options = task.metric, {name: hyper.pop(name) for name in task.options}
    fitted = training.fit(
        task.make(**options),
        epochs=args.epochs,
        key=args.seed,
        hyper=hyper,
        tol=args.tol,
        patience=args.patience,
        monitor=metric,
    )
    last = {name: x[-1] for name, x in fitted.history.items()}
    if fitted.stopped == "diverged":
        print(f"diverged at step {last['diverged_at']}")
        return
    best = max if higher_is_better(metric) else min
    words = [f"{name} {x:.4g}" for name, x in last.items() if name not in ("step", "diverged_at")]
    print(", ".join(words), f"(best {metric} {best(fitted.history[metric]):.4g})")


def list(args: argparse.Namespace) -> None:
    """`jsgd list`: what there is."""
    shelf() if args.name is None else entry(args.name)


def every_core_a_device(count: int | None = None) -> None:
    """Let JAX see every CPU core as a device; a GPU or TPU is not affected, and stays the default.

    It does nothing if JAX has started, or if the environment has settled it already.
    """
    if count is not None and count < 1:
        raise ValueError(f"--devices {count}: it must be at least 1")
    config: Any = jax.config
    settled = config.jax_num_cpu_devices > 0 or (
        "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    )
    if settled and count is None:
        return
    try:
        jax.config.update("jax_num_cpu_devices", count or _cores())
    except RuntimeError:
        if count is not None and count != jax.local_device_count():
            raise ValueError(f"--devices {count}: JAX has started with other devices") from None


def _cores() -> int:
    """The cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _scheduler(args: argparse.Namespace) -> Scheduler | None:
    makers = {
        "hyperband": lambda: sweeps.hyperband(args.epochs, reduction_factor=args.reduction_factor),
        "median_stopping": sweeps.median_stopping,
        "population_based": sweeps.population_based,
    }
    return pick("scheduler", args.scheduler, makers)() if args.scheduler else None


def _fresh_directory() -> Path:
    stem = Path("runs") / time.strftime("sweep-%Y%m%d-%H%M%S")
    tries: Iterable[Path] = (stem.with_name(f"{stem.name}-{i}") for i in range(2, 1000))
    return next(path for path in (stem, *tries) if not path.exists())
