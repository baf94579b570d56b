"""The commands of one training: `jsgd train`, and what uses what it has learnt."""

import argparse
import contextlib
import csv
from pathlib import Path

import numpy as np

from jsgd import train as training
from jsgd.cli.devices import every_core_a_device
from jsgd.cli.parse import parse_setting
from jsgd.cli.show import guesses
from jsgd.cli.task import Task, scheduled
from jsgd.cli.trained import GO_ON, asked, kept, open_trained
from jsgd.data.parts import pixels
from jsgd.data.pictures import decode
from jsgd.train.files import replacing
from jsgd.train.stopping import higher_is_better


def train(args: argparse.Namespace) -> None:
    """`jsgd train`: train one setting."""
    setting = parse_setting(args.setting)
    if args.devices is not None:
        every_core_a_device(args.devices)
    task, hyper = Task(args, setting, devices=args.devices), dict(setting)
    metric, options = task.metric, {name: hyper.pop(name) for name in task.options}
    run, steps = task.make(**options), 0
    if args.schedule:
        steps = args.epochs * task.steps(args.batch_size)
        hyper["lr"] = scheduled(args.schedule, args.optimizer, hyper.get("lr"), steps)
    page = asked(args, setting, task.data, steps)
    try:
        with kept(args.out, args.resume, page) if args.out else contextlib.nullcontext():
            fitted = training.fit(
                run,
                epochs=args.epochs,
                key=args.seed,
                hyper=hyper,
                tol=args.tol,
                patience=args.patience,
                monitor=metric,
                tensorboard=args.tensorboard,
                out=args.out,
                save_every=args.save_every,
                keep=args.keep,
                resume=args.resume,
            )
    except KeyboardInterrupt:
        if args.out:
            print(f"{args.out}: {GO_ON}")
        raise
    last = {name: x[-1] for name, x in fitted.history.items()}
    if fitted.stopped == "diverged":
        print(f"diverged at step {last['diverged_at']}")
        return
    best = max if higher_is_better(metric) else min
    words = [f"{name} {x:.4g}" for name, x in last.items() if name not in ("step", "diverged_at")]
    print(", ".join(words), f"(best {metric} {best(fitted.history[metric]):.4g})")
    if args.out:
        out = Path(args.out)
        fitted.plot(out / "curves.png")
        print(f"written to {out}: {', '.join(sorted(x.name for x in out.iterdir()))}")


def evaluate(args: argparse.Namespace) -> None:
    """`jsgd evaluate`: what was trained, held against its test data."""
    trained = open_trained(args.dir, args.epoch)
    data = trained.data(args.data)
    if np.shape(data.test[0])[1:] != tuple(trained.page["input"]):
        shapes = f"{np.shape(data.test[0])[1:]}, and it takes {tuple(trained.page['input'])}"
        raise ValueError(f"--data {args.data}: its inputs are of shape {shapes}")
    names = trained.page["class_names"]
    found = training.evaluate(*trained[:3], data, loss=trained.page["loss"], class_names=names)
    print(found)
    if found.confusion is not None:
        path = Path(args.dir) / "confusion.png"
        found.plot_confusion(path)
        print(f"drawn: {path}")


def predict(args: argparse.Namespace) -> None:
    """`jsgd predict`: what it takes pictures for."""
    trained = open_trained(args.dir, args.epoch)
    if len(trained.page["input"]) != 3:
        raise ValueError(f"{args.dir} was not trained on pictures")
    height, width, channels = trained.page["input"]
    files = [Path(x) for x in args.pictures]
    for file in files:
        if not file.is_file():
            raise ValueError(f"there is no file {file}")
    x = pixels(decode(files, (height, width), grayscale=channels == 1))
    outputs = training.predict(*trained[:3], x)
    names = trained.page["class_names"] or [str(i) for i in range(outputs.shape[1])]
    if trained.page["classes"]:
        outputs = trained.probabilities(outputs)
        guesses(args.pictures, names, outputs)
    else:
        for file, values in zip(args.pictures, outputs):
            print(file, *(f"{value:.4g}" for value in values))
    if args.csv:
        lines = [["file", *names], *([file, *row] for file, row in zip(args.pictures, outputs))]
        with replacing(args.csv) as beside, beside.open("w", newline="") as stream:
            csv.writer(stream).writerows(lines)
        print(f"written: {args.csv}")
