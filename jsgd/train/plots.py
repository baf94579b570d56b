"""Plots of a fit: its metrics at every epoch, training and test together."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jsgd.train.names import unknown
from jsgd.train.picture import Picture

_LINES = (  # apart in grey, too
    ("", "training", {"color": "#0072b2", "linestyle": "-"}),
    ("test_", "test", {"color": "#d55e00", "linestyle": "--"}),
)
_NOT_DRAWN = {"step", "diverged_at"}
_ACROSS = 3  # panels in a row
_WIDE, _HIGH = 3.2, 2.6  # inches a panel: two fit into a column's width
_FAR = 50  # the ratio from which a logarithm shows more


def curves(
    history: Mapping[str, np.ndarray], best_epoch: int | None = None, metric: str | None = None
) -> Figure:
    """A panel for each metric: the losses first, the learning rates last.

    Args:
        history: metric -> array of shape (epochs,).
        best_epoch: marked, if there is one.
        metric: the only one to draw, or `None` for all.

    Raises:
        ValueError: there is no such metric.
    """
    names = _metrics(history) if metric is None else [metric]
    across = min(len(names), _ACROSS)
    down = math.ceil(len(names) / across)
    figure = Picture(figsize=(_WIDE * across, _HIGH * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for ax, name in zip(panels, names, strict=False):
        draw(ax, history, name, best_epoch)
    for ax in panels[len(names) :]:
        ax.set_axis_off()
    return figure


def draw(
    ax: Any, history: Mapping[str, np.ndarray], metric: str, best_epoch: int | None = None
) -> None:
    """One metric into these axes, with that of the test. On a log scale if a loss falls far.

    Raises:
        ValueError: there is no such metric.
    """
    metric = metric.removeprefix("test_")
    lines = [line for line in _LINES if line[0] + metric in history]
    if not lines:
        raise ValueError(unknown("metric", metric, _metrics(history)))
    seen = np.concatenate([np.asarray(history[x + metric], np.float64) for x, _, _ in lines])
    seen = seen[np.isfinite(seen)]
    if metric == "loss" and seen.size and 0 < seen.min() * _FAR < seen.max():
        ax.set_yscale("log")
    for prefix, label, style in lines:
        values = np.asarray(history[prefix + metric], np.float64)
        epochs = np.arange(1, len(values) + 1)
        alone = "o" if len(values) == 1 else ""
        ax.plot(epochs, values, label=label, linewidth=1.5, marker=alone, **style)
    if best_epoch is not None:
        ax.axvline(best_epoch, color="#707070", linestyle=":", linewidth=1, label="best epoch")
    ax.set_xlabel("epoch")
    ax.set_ylabel({"lr": "learning rate"}.get(metric, metric.replace("__", " ").replace("_", " ")))
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, alpha=0.25)
    if len(lines) > 1:
        ax.legend(fontsize=8, frameon=False)


def _metrics(history: Mapping[str, np.ndarray]) -> list[str]:
    """What has a panel of its own."""
    names = dict.fromkeys(name.removeprefix("test_") for name in history)

    def place(name):
        return name.endswith("lr"), "norm" in name, "loss" not in name, name

    return sorted(names.keys() - _NOT_DRAWN, key=place)
