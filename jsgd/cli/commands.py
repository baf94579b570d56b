"""What the commands do: each takes the parsed arguments."""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from jsgd import sweeps
from jsgd.cli.devices import every_core_a_device
from jsgd.cli.parse import parse_layout, parse_rungs, parse_space
from jsgd.cli.show import entry, ranking, shelf
from jsgd.cli.task import Task, pick
from jsgd.cli.trained import GO_ON
from jsgd.cli.training import evaluate as evaluate
from jsgd.cli.training import predict as predict
from jsgd.cli.training import train as train
from jsgd.sweeps.files import CHECKPOINT
from jsgd.sweeps.scheduler import Scheduler
from jsgd.sweeps.space import is_product
from jsgd.train.files import writable

_BARE = ("lr=log:1e-3:1:16", "momentum=0,0.5,0.9,0.99")
_DRAWS = 64
_MIDDLE = np.full(1, 0.5)  # of a normal, the mean: its least may be no value for an optimizer


def sweep(args: argparse.Namespace) -> None:
    """`jsgd sweep`: train every setting of a space."""
    space = parse_space(args.space or _BARE)
    every_core_a_device(args.devices)
    middle = {name: x.at(_MIDDLE)[0].item() for name, x in space.items()}
    task = Task(args, middle, folds=args.folds)
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
        print(f"{out}: {GO_ON}" if (out / CHECKPOINT).exists() else "nothing was finished yet")
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
        print("the sweep is running, or was stopped: these are its latest results;", GO_ON)
    print(f"drawn into {out}: {', '.join(sorted(x.name for x in drawn))}")


def list(args: argparse.Namespace) -> None:
    """`jsgd list`: what there is."""
    shelf() if args.name is None else entry(args.name)


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
