"""Checkpoints: a fit, saved between epochs, so that a kill loses little and the best is kept.

A directory holds `checkpoints/`, each whole and enough to go on from, and `history.csv`. What stops
a fit and which epoch was the best follow from the history.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core.tree import leaves_by_path
from jsgd.train import store
from jsgd.train.files import writable, write
from jsgd.train.history import History
from jsgd.train.leaves import from_leaves, to_leaves
from jsgd.train.record import difference, fingerprint, signature
from jsgd.train.run import Run

CHECKPOINTS, HISTORY = "checkpoints", "history.csv"


class Snapshot(NamedTuple):
    """A fit after so many epochs.

    Attributes:
        epoch: the epochs done.
        carry: of the run.
        stream: the state of the stream that its chunks come from, as JSON has it, or `None`.
    """

    epoch: int
    carry: Any
    stream: Any = None


class Checkpoints:
    """The checkpoints of a fit in its directory.

    Args:
        out: the directory.
        record: what the fit is, as `record` has it.
        keep: how many of the last to keep, >= 1; the best one is kept, too.
    """

    def __init__(self, out: Path, record: dict[str, Any], keep: int):
        self.out, self.record, self.keep = out, record, keep
        self.folder = out / CHECKPOINTS

    def save(self, now: Snapshot, best: Snapshot | None, history: History) -> None:
        """Add what is not there, then remove what is not kept."""
        there = store.whole(self.folder)
        if now.epoch in there:
            return
        wanted = [now] if best is None or best.epoch == now.epoch else [best, now]
        for x in wanted:  # the best first: the last one there says which it is
            if x.epoch not in there:
                columns = history.arrays(x.epoch)
                notes = {"record": self.record, "stream": x.stream, "metrics": list(columns)}
                notes["best"] = best and best.epoch
                arrays = {"carry": to_leaves(x.carry), "history": columns.values()}
                arrays = {name: store.numbered(leaves) for name, leaves in arrays.items()}
                store.save(self.folder, x.epoch, notes, arrays)
        self.tidy(best and best.epoch)
        write(self.out / HISTORY, history.csv())

    def tidy(self, best: int | None) -> None:
        """Remove what is not kept, and what a kill has left."""
        last = store.whole(self.folder)[-self.keep :]
        store.tidy(self.folder, last if best is None else [best, *last])

    def load(self, like: Any) -> tuple[Snapshot, Snapshot | None, History] | None:
        """Where the fit is, its best, and its history; `None` if it had not begun.

        Args:
            like: the shapes of the carry.

        Raises:
            ValueError: what is there is of another fit; it says in what.
        """
        there = store.whole(self.folder)
        if not there:
            self.tidy(None)
            return None
        notes, arrays = store.load(self.folder, there[-1])
        other = difference(notes["record"], self.record)
        if other:
            raise ValueError(f"{self.out} holds another fit than the one to resume: {other}")
        now = Snapshot(there[-1], _carry(like, arrays), notes["stream"])
        columns = store.listed(arrays["history"])
        history = History(dict(zip(notes["metrics"], columns, strict=True)))
        best = notes["best"]
        if best is not None:
            theirs, arrays = store.load(self.folder, best)
            best = Snapshot(best, _carry(like, arrays), theirs["stream"])
        self.tidy(best and best.epoch)
        write(self.out / HISTORY, history.csv())
        return now, best, history


def record(
    run: Run, key: jax.Array, hyper: Mapping[str, Any], monitor: str | None, *chunk: Any
) -> dict[str, Any]:
    """What tells a fit from another, as JSON has it.

    Args:
        run, key, hyper: of the fit.
        monitor: the metric by which the best epoch is known.
        *chunk: the first one of a stream.
    """
    numbers = leaves_by_path(dict(hyper))
    return {
        "jax": jax.__version__,
        "platform": jax.default_backend(),
        "monitor": monitor,
        "key": jax.random.key_data(key).tolist(),
        "key_impl": _key_impl(key),
        "hyper": {at: np.asarray(x, np.float64).tolist() for at, x in numbers.items()},
        "run": fingerprint(run, key, dict(hyper), *chunk),
    }


@contextlib.contextmanager
def claimed(out: str | os.PathLike | None, resume: bool) -> Iterator[Path | None]:
    """The directory, made sure to be writable, and without a fit unless that is to go on.

    Raises:
        ValueError: it cannot be written; or it holds a fit, which is not to be gone on with.
    """
    if out is None:
        if resume:
            raise ValueError("resume: name the directory to go on from, out=...")
        yield None
        return
    folder = Path(out)
    if not resume and ((folder / HISTORY).exists() or store.whole(folder / CHECKPOINTS)):
        raise ValueError(
            f"{out} holds a fit: name another directory, or go on with it (resume=True)"
        )
    with writable(out) as folder:
        yield folder


def load_checkpoint(
    out: str | os.PathLike,
    run: Run,
    which: str | int = "best",
    *,
    hyper: Mapping[str, Any] | None = None,
) -> Any:
    """The carry of a fit that was saved, of the best epoch or another one that was kept.

    The run must carry the same as the one that was fitted; its data and all else may differ. Of
    `make_run`'s runs the carry has `params`, `model_state` and `eval_params`, those to use.

    Args:
        out: the directory, that of `fit(..., out=out)`.
        run: the run that was fitted, or one whose carry has the same structure.
        which: `"best"`, `"latest"` or an epoch, from 1.
        hyper: as the fit was given it; only needed where that held schedules or other trees.

    Raises:
        ValueError: there is no such checkpoint, or it is of a run that carries something else.

    >>> import tempfile, jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> run = jsgd.train.make_run(jsgd.train.regression(model, data), jsgd.sgd(lr=0.1))
    >>> with tempfile.TemporaryDirectory() as out:
    ...     fitted = jsgd.train.fit(run, epochs=3, out=out, progress=False)
    ...     carry = load_checkpoint(out, run, "latest")
    >>> bool(carry.eval_params["linear"]["bias"] == fitted.params["linear"]["bias"])
    True
    """
    folder = Path(out) / CHECKPOINTS
    there = store.whole(folder)
    if not there:
        raise ValueError(f"{out} holds no checkpoints of a fit")
    notes, arrays = store.load(folder, there[-1])
    epoch = {"best": notes["best"], "latest": there[-1]}.get(str(which), which)
    if epoch not in there:
        raise ValueError(
            f"which = {which!r}: it must be 'best', 'latest' or an epoch that is there: "
            f"{', '.join(map(str, there))}" + "; no metric said which is the best" * (epoch is None)
        )
    if epoch != there[-1]:
        _, arrays = store.load(folder, epoch)
    saved = notes["record"]
    if hyper is None and any("/" in at or isinstance(x, list) for at, x in saved["hyper"].items()):
        raise ValueError("hyper: the fit was given schedules or trees: give the same here")
    key = jnp.asarray(saved["key"], jnp.uint32)
    if saved["key_impl"] is not None:
        key = jax.random.wrap_key_data(key, impl=saved["key_impl"])
    like = jax.eval_shape(run.init, key, dict(saved["hyper"] if hyper is None else hyper))
    other = difference(saved["run"]["carry"], signature(like))
    if other:
        raise ValueError(f"{out} holds the fit of a run that carries something else: {other}")
    return _carry(like, arrays)


def _carry(like: Any, arrays: dict[str, Any]) -> Any:
    """The carry on the device."""
    carry = from_leaves(like, store.listed(arrays["carry"]))
    return jax.tree.map(lambda x: jnp.array(x, copy=True), carry)


def _key_impl(key: jax.Array) -> str | None:
    """Of a key of the old style, plain numbers, none."""
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    return str(jax.random.key_impl(key)) if typed else None
