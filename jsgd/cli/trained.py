"""What `jsgd train --out DIR` leaves in DIR besides checkpoints: what was asked for.

So the same command goes on with it, and `jsgd evaluate` and `jsgd predict` know what it is.
"""

import argparse
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jsgd import train as training
from jsgd.cli.task import Task, load, scheduled
from jsgd.data import Dataset
from jsgd.models import Model
from jsgd.train.checkpoint import claimed
from jsgd.train.files import write

ASKED = "train.json"
GO_ON = "the same command with --out DIR --resume goes on"
_WORDS = (
    "data", "size", "grayscale", "validation", "model", "optimizer", "loss", "class_weight",
    "compute", "batch_size", "microbatch", "seed", "schedule",
)  # fmt: skip


def asked(
    args: argparse.Namespace, setting: dict[str, Any], data: Dataset, steps: int
) -> dict[str, Any]:
    """What was asked for, as JSON has it.

    Args:
        args: of `jsgd train`.
        setting: its names and values.
        data: what it trains on.
        steps: of all epochs together; they matter to a schedule.
    """
    page = {name: getattr(args, name) for name in _WORDS} | {"setting": setting}
    kind, colon, path = args.data.partition(":")
    page["data"] = f"{kind}:{os.path.abspath(path)}" if colon else kind
    page["steps"] = steps if args.schedule else None
    page["input"] = [*np.shape(data.train[0])[1:]]
    page["outputs"], page["classes"] = data.outputs, data.n_classes is not None
    page["class_names"] = data.class_names and [*data.class_names]
    return page


@contextlib.contextmanager
def kept(out: str, resume: bool, page: dict[str, Any]) -> Iterator[None]:
    """Keep the page in a directory while it is filled; it goes if nothing else comes there.

    Raises:
        ValueError: the directory cannot be written to, or what is there was asked for otherwise.
    """
    with claimed(out, resume) as folder:
        assert folder is not None
        if resume and (folder / ASKED).exists():
            for name, was in _read(folder).items():
                if page.get(name) != was:
                    raise ValueError(
                        f"--resume: {out} was trained with {name} {was}, not {page.get(name)}: "
                        "give the same, or name another directory"
                    )
        write(folder / ASKED, (json.dumps(page, indent=2) + "\n").encode())
        try:
            yield
        finally:
            if [x.name for x in folder.iterdir()] == [ASKED]:
                (folder / ASKED).unlink()


class Trained(NamedTuple):
    """What a training has learnt.

    Attributes:
        model, params, model_state: as `jsgd.train.predict` takes them.
        page: what was asked for.
    """

    model: Model
    params: Any
    model_state: Any
    page: dict[str, Any]

    def data(self, name: str | None = None) -> Dataset:
        """The data that it was trained with, or other data."""
        words = argparse.Namespace(**self.page)
        if name is not None:
            words.data = name
            if not name.startswith("images:"):
                words.size, words.grayscale = None, False
        return load(words)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Of logits of shape (n, classes); each class by itself where the loss takes it so."""
        alone = self.page["loss"] in ("binary", "focal")
        return np.asarray((jax.nn.sigmoid if alone else jax.nn.softmax)(logits))


def open_trained(out: str, epoch: str) -> Trained:
    """What the training in a directory has learnt.

    Args:
        out: the directory.
        epoch: `"best"`, `"latest"` or a number.

    Raises:
        ValueError: there is none, or not that epoch.
    """
    page = _read(Path(out))
    words = argparse.Namespace(**page)
    words.batch_size, words.microbatch, words.class_weight = "all", None, None  # of one sample
    x = np.zeros((1, *page["input"]), np.float32)
    y = np.zeros(1, np.int32) if page["classes"] else np.zeros((1, page["outputs"]), np.float32)
    hyper = dict(page["setting"])
    task = Task(words, hyper, Dataset((x, y), (x, y), page["outputs"] if page["classes"] else None))
    options = {name: hyper.pop(name) for name in task.options}
    if page["schedule"]:
        lr = hyper.get("lr")
        hyper["lr"] = scheduled(page["schedule"], page["optimizer"], lr, page["steps"])
    which = int(epoch) if epoch.isdecimal() else epoch
    carry = training.load_checkpoint(out, task.make(**options), which, hyper=hyper)
    model = task.network(task.model, **options)
    return Trained(model, carry.eval_params, carry.model_state, page)


def _read(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / ASKED).read_text())
    except OSError:
        raise ValueError(f"{folder} holds nothing that `jsgd train --out` wrote") from None
    except ValueError as error:
        raise ValueError(f"{folder / ASKED} cannot be read: {error}") from None
