"""Fit: drive one run, epoch by epoch, until it is done or there is nothing more to gain."""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jsgd.train.batches import count_samples
from jsgd.train.checkpoint import Checkpoints, Snapshot, claimed, record
from jsgd.train.drive import Drive, peek, strong
from jsgd.train.history import History
from jsgd.train.progress import Progress
from jsgd.train.run import Carry, Run
from jsgd.train.stopping import Stopping, pick_monitor
from jsgd.train.tensorboard import events


class Fit(NamedTuple):
    """What `fit` returns.

    Attributes:
        carry: where the run is now; it can be advanced further.
        history: metric -> array of shape (epochs done,); the learning rate is one of them.
        stopped: why it stopped, in words: `"epochs"`, `"tol"`, `"patience"`, `"diverged"` or
            `"stream"`.
        best_epoch: the best one by the metric that was watched, from 1; `None` if there is none.
        best: the carry after that epoch; `None` where it was not kept.
    """

    carry: Any
    history: dict[str, np.ndarray]
    stopped: str
    best_epoch: int | None = None
    best: Any = None

    @property
    def params(self) -> Any:
        """The parameters to use of where the run is, after its last epoch (of `make_run`'s runs).

        Those of the best epoch, where it was kept, are `fitted.best.eval_params`.
        """
        return self._made().eval_params

    @property
    def model_state(self) -> Any:
        """The rest of the model after the last epoch, such as the averages of batch norm."""
        return self._made().model_state

    def _made(self) -> Carry:
        if not isinstance(self.carry, Carry):
            raise ValueError("this run was not made by make_run: look into its carry")
        return self.carry

    def to_pandas(self) -> Any:
        """The history as a `pandas.DataFrame`, indexed by the epoch."""
        import pandas as pd

        epochs = len(next(iter(self.history.values()), ()))
        return pd.DataFrame(self.history, index=pd.RangeIndex(1, epochs + 1, name="epoch"))

    def plot(
        self, path: str | os.PathLike | None = None, *, ax: Any = None, metric: str | None = None
    ) -> Any:
        """The metrics at every epoch, training and test together, the best epoch marked.

        Args:
            path: a picture file to write, `curves.pdf` or `.png`, or `None`.
            ax: matplotlib axes to draw one metric into, instead of a figure of all.
            metric: draw this one alone, with that of the test; in `ax`, by default, the loss.

        Returns:
            The matplotlib figure.

        Raises:
            ValueError: there is no such metric.
        """
        from jsgd.train.plots import curves, draw  # here: matplotlib takes a while to import

        if ax is None:
            figure = curves(self.history, self.best_epoch, metric)
        else:
            draw(ax, self.history, metric or "loss", self.best_epoch)
            figure = ax.figure
        if path is not None:
            figure.savefig(path, dpi=200)
        return figure


def fit(
    run: Run,
    *,
    epochs: int,
    key: Any = 0,
    hyper: Mapping[str, Any] | None = None,
    tol: float | None = None,
    patience: int | None = None,
    monitor: str | None = None,
    keep_best: bool | None = None,
    progress: bool = True,
    tensorboard: str | os.PathLike | None = None,
    out: str | os.PathLike | None = None,
    save_every: int = 1,
    keep: int = 3,
    resume: bool = False,
    stream: Iterator | None = None,
) -> Fit:
    """Drive one run.

    It stops after `epochs`; with `tol`, once the training loss changed by less than that from one
    epoch to the next; with `patience`, once `monitor` has not been better than its best for so
    many epochs; and when it diverges. The carry it returns is that of the last epoch, and beside
    it that of the best.

    With `out` it is saved there (`checkpoints/` and `history.csv`), and with `resume=True` goes on
    from there: it ends with the same bits as if it had not been interrupted, by whatever and
    whenever. What a kill loses are the epochs since the last save. The run, `hyper`, `key`,
    `monitor`, the platform and the version of JAX must be the same; `epochs`, `tol` and `patience`
    may be others, so that a fit can go on further.

    Args:
        run: the pair `(init, advance)`.
        epochs: at most so many, >= 1; with those of earlier sessions.
        key: an int seed or a JAX key.
        hyper: hyperparameters other than the run's defaults, by name.
        tol: >= 0, or `None`.
        patience: >= 1, or `None`.
        monitor: the metric that says which epoch is the best. Higher is better for an accuracy or a
            score, lower for everything else. `None` is `test_loss`, or `loss` where there is none.
        keep_best: keep the carry of the best epoch, which takes the memory of one more; `None` does
            so with `patience` and with `out`.
        progress: show it: a bar on a terminal, plain lines elsewhere.
        tensorboard: a directory for TensorBoard's event files, or `None`; needs tensorboardX.
        out: a directory to save to, or `None`.
        save_every: epochs, >= 1. Saving a small run takes some hundredths of a second.
        keep: checkpoints, >= 1: the last so many are kept, and the best.
        resume: go on with the fit in `out`, or begin it there.
        stream: an iterator that gives the chunks of a run of `make_stream_run`, such as
            `jsgd.data.stream`; an epoch is then a chunk. To be saved it needs `get_state` and
            `set_state`; its data is not compared.

    Raises:
        ValueError: a name is unknown or a number out of range; `out` cannot be written, or holds a
            fit and is not to be gone on with, or cannot be, since it is of something else.

    >>> import jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> problem = jsgd.train.regression(model, data)
    >>> run = jsgd.train.make_run(problem, jsgd.sgd(lr=0.1))
    >>> result = fit(run, epochs=100, tol=1e-5, progress=False)
    >>> result.params["linear"]["bias"].round(1).tolist(), result.stopped
    ([3.0], 'tol')
    """
    for name, value in (("epochs", epochs), ("save_every", save_every), ("keep", keep)):
        _at_least(name, value, 1)
    _at_least("patience", patience, 1)
    _at_least("tol", tol, 0)
    key, hyper = jax.random.key(key) if isinstance(key, int) else key, dict(hyper or {})
    # of the numbers themselves, so that one out of range is an error in one line
    like = strong(jax.eval_shape(lambda key: run.init(key, hyper), key))
    chunk, stream = peek(stream, saved=out is not None)
    _, metrics = jax.eval_shape(run.advance, like, *chunk)
    stopping = Stopping(pick_monitor(monitor, metrics), tol, patience)
    keep_best = patience is not None or out is not None if keep_best is None else keep_best
    with claimed(out, resume) as folder:
        saver = None
        if folder is not None:
            told = record(run, key, hyper, stopping.monitor, *chunk)
            saver = Checkpoints(folder, told, keep)
        begun = (saver.load(like) if saver and resume else None) or _begin(run, key, hyper)
        drive = Drive(run, stopping, *begun, keep_best=keep_best, stream=stream)
        del begun  # a best carry, which need not outlive the next best
        if drive.epoch > epochs:
            raise ValueError(f"epochs = {epochs}: the fit in {out} has done {drive.epoch}")
        samples = count_samples(chunk) if chunk else run.samples
        _loop(drive, epochs, samples, saver, save_every, progress, tensorboard)
    best = drive.best and drive.best.carry
    stopped = stopping.reason or "epochs"
    return Fit(drive.now.carry, drive.history.arrays(), stopped, stopping.best_epoch, best)


def _begin(run: Run, key: Any, hyper: dict[str, Any]) -> tuple[Snapshot, None, History]:
    return Snapshot(0, strong(jax.jit(run.init)(key, hyper))), None, History()


def _loop(
    drive: Drive,
    epochs: int,
    samples: int | None,
    saver: Checkpoints | None,
    save_every: int,
    progress: bool,
    tensorboard: Any,
) -> None:
    """Advance it until there is a reason to stop, and say, write and save what there is."""
    first = drive.epoch + 1
    bar = Progress("epoch", epochs, progress, done=drive.epoch)
    with bar, events(tensorboard, drive.epoch) as write:
        while drive.epoch < epochs and drive.stopping.reason is None:
            start = time.perf_counter()
            metrics = drive.advance()
            if metrics is None:
                break
            pace = samples and drive.epoch > first and samples / (time.perf_counter() - start)
            bar.update(drive.epoch, _line(metrics, pace))
            write(drive.epoch, metrics)
            if saver is not None and drive.epoch % save_every == 0:
                saver.save(drive.now, drive.best, drive.history)
        if saver is not None and drive.epoch:
            saver.save(drive.now, drive.best, drive.history)
        if drive.stopping.reason is not None:
            bar.say(f"stopped after epoch {drive.epoch}: {drive.stopping.reason}")


def _line(metrics: dict[str, Any], pace: float | None) -> str:
    """An epoch in words: training before test, losses first; no pace where it compiled."""

    def place(name):
        return name.startswith("test_"), "loss" not in name, name

    names = sorted(metrics.keys() - {"step", "diverged_at"}, key=place)
    words = [f"{name} {metrics[name]:.4g}" for name in names]
    return "  ".join([*words, f"{pace:,.0f} samples/s"] if pace else words)


def _at_least(name: str, value: float | None, low: int) -> None:
    if value is not None and not value >= low:
        raise ValueError(f"{name} = {value}: it must be at least {low}")
