"""`find_lr`: a learning rate to begin with, from one sweep of short trainings."""

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jsgd.core.ranges import check_whole
from jsgd.sweeps.dimension import loggrid
from jsgd.sweeps.result import SweepResult
from jsgd.sweeps.sweep import sweep
from jsgd.train.run import Run

_SAFETY = 3  # the rate that does best for a while is often too large for longer
_FEWEST = 8  # rates that still show a curve


@dataclass(frozen=True)
class RangeTest:
    """What `find_lr` found.

    Attributes:
        lr: the suggestion.
        edge: the least rate above the best whose loss is no better than that of the lowest rate, or
            that diverged; NaN if there is none in the range.
        rates, losses: the curve, arrays of shape (n,); the loss is NaN where a training diverged.
        name, metric: what the axes are called.
        result: the sweep that it is from.
    """

    lr: float
    edge: float
    rates: np.ndarray
    losses: np.ndarray
    name: str
    metric: str
    result: SweepResult = field(repr=False, compare=False)

    def plot(self, path: str | os.PathLike | None = None, *, ax: Any = None) -> Any:
        """Draw the curve, the suggestion, and from where on it is unstable.

        Args:
            path: a file to write it to, `.png`, `.svg` or `.pdf`; or `None`.
            ax: the matplotlib axes to draw on, or `None` for a figure of its own.

        Returns:
            The matplotlib figure.
        """
        from jsgd.sweeps.plots import look  # here: matplotlib takes a while to import

        ax = look.figure(6.4, 4.0).subplots() if ax is None else ax
        good = np.isfinite(self.losses)
        start, least = self.losses[0], self.losses[good].min()
        top = start + 0.3 * (start - least)  # beyond the edge, losses are of any size
        ax.plot(self.rates, self.losses, ".-", color="#0072b2", linewidth=1.4, markersize=5)
        crosses = {"color": look.DIVERGED, "markersize": 5, "label": "diverged"}
        if not good.all():
            ax.plot(self.rates[~good], np.full((~good).sum(), top), "x", clip_on=False, **crosses)
        if np.isfinite(self.edge):
            ax.axvspan(self.edge, self.rates[-1], color="#e0e0e0", zorder=0, label="unstable")
        words = f"suggested {look.label(self.name)} {look.short(self.lr)}"
        ax.axvline(self.lr, color=look.BEST, linewidth=1.6, label=words)
        ax.set_xscale("log")
        ax.set_xlim(self.rates[0], self.rates[-1])
        ax.set_ylim(least - 0.08 * (start - least), top)
        ax.set_xlabel(look.label(self.name))
        epochs = self.result.info["epochs"]
        ax.set_ylabel(f"{look.label(self.metric)} after {epochs} epoch{'s' * (epochs > 1)}")
        ax.grid(True, alpha=0.25)
        ax.legend(fontsize=look.SMALL, loc="lower left")
        if path is not None:
            ax.figure.savefig(path, dpi=160)
        return ax.figure


def find_lr(
    run: Run,
    low: float = 1e-6,
    high: float = 10.0,
    n: int = 48,
    *,
    name: str = "lr",
    epochs: int = 1,
    metric: str = "loss",
    **options: Any,
) -> RangeTest:
    """Suggest a learning rate: train from the start with each of `n` for a while, all in one sweep.

    The suggestion is a third of the rate whose loss, averaged with that of its two neighbours, is
    least. A rate does best in a short training just below where it becomes unstable, and goes on
    well where there is some room; small rates are only slow.

    Smith's range test raises the rate while one training runs, so that the loss at a rate is also
    due to all the rates before. Here each has a training of its own, from the same parameters and
    through the same batches, which costs `n` short trainings side by side.

    Args:
        run: as of `sweep`; `make_run(problem, opt)` makes it of the optimizer that is to be used.
            An epoch is what its `advance` does: give it fewer samples to take less time.
        low, high: the range, 0 < low < high.
        n: how many rates, equal in ratio, >= 8.
        name: the hyperparameter, `lr` or what else the run calls it.
        epochs: how many to train for, >= 1.
        metric: the loss to look at, lower is better. `loss`, the mean over the epoch, has less
            noise than one after it.
        **options: as of `sweep`: `seeds`, whose mean then counts, `key`, `layout`, `progress`, ...

    Raises:
        ValueError: no rate lowers the loss, or an argument is out of range, or as `sweep`.

    >>> import jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> run = jsgd.train.make_run(jsgd.train.regression(model, data), jsgd.sgd())
    >>> found = find_lr(run, n=24, progress=False)
    >>> bool(0.1 < found.lr < 0.5 < found.edge < 4)  # it is stable for lr <= 1
    True

    References:
        Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017,
        https://arxiv.org/abs/1506.01186, section 3.3 (the range test).
    """
    check_whole("n", n, _FEWEST)
    space = {name: loggrid(low, high, n)}
    result = sweep(run, space, epochs=epochs, metric=metric, mode="min", **options)
    rates, losses = result.table[f"param_{name}"], result.table["mean_score"]
    seen = np.where(np.isfinite(losses), losses, np.inf)
    smooth = np.convolve(np.pad(seen, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    best = int(np.argmin(smooth))
    if not smooth[best] < seen[0] < np.inf:
        raise ValueError(f"no {name} from {low:g} to {high:g} lowers the {metric}: try lower ones")
    beyond = np.flatnonzero(seen[best:] >= seen[0])
    edge = rates[best + beyond[0]] if beyond.size else np.nan
    return RangeTest(float(rates[best] / _SAFETY), float(edge), rates, losses, name, metric, result)
