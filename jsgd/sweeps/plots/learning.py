"""The score at every epoch."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jsgd.sweeps.plots import look

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult

_TOP = (("#000000", "-"), ("#d55e00", "--"), ("#0072b2", "-."))  # apart in grey, too


def learning_curves(result: "SweepResult") -> Figure:
    """The score at every epoch, a line for each setting: the mean over the seeds.

    Lines are coloured by rank; where settings were stopped, by the rung in which they ended, with
    a dot. The best three stand out, each with a band from the worst to the best seed.
    Settings that diverged are dotted, and end in a cross where the first seed did.
    """
    fig = look.figure(7, 4.6)
    ax = fig.subplots()
    runs, ends = _alive(result)
    low, mean, high = runs.min(axis=1), runs.mean(axis=1), runs.max(axis=1)
    epochs = np.arange(1, runs.shape[2] + 1)
    good = look.finished(result)
    order = result.order[::-1]  # the best is drawn last, above the others
    shown = look.extent(mean[good] if good.any() else mean, result.mode)
    look.show_score(ax, result, shown)
    lines = {True: order[good[order]], False: order[~good[order]]}
    scale = _rungs(result, ends) if look.stopped(result).any() else _ranks(result)
    points = np.stack([np.broadcast_to(epochs, mean.shape), mean], axis=-1)
    image = LineCollection(list(points[lines[True]]), cmap=scale.colours, norm=scale.norm)
    image.set_linewidth(min(0.9, max(0.25, 90 / len(order))))  # many lines are thin
    image.set_array(scale.values[lines[True]])
    ax.add_collection(image, autolim=False)
    if lines[False].size:
        dotted = {"colors": look.DIVERGED, "linestyles": ":", "linewidths": 0.9}
        ax.add_collection(LineCollection(list(points[lines[False]]), **dotted), autolim=False)
        _crosses(ax, result, mean, ends, lines[False], shown)
    handles: list[Any] = []
    stopped = order[look.stopped(result)[order]]
    if stopped.size:
        how = {"color": look.DIVERGED, "markersize": 6, "label": "stopped"}
        last = ends[stopped]
        ends_at = last, mean[stopped, last - 1]
        handles += ax.plot(*ends_at, ".", zorder=2.5, clip_on=False, **how)
    for place, row in reversed(list(enumerate(result.order[: len(_TOP)]))):
        if good[row]:
            colour, style = _TOP[place]
            words = f"{place + 1}. {look.setting(result, row)}"
            if runs.shape[1] > 1:
                ax.fill_between(epochs, low[row], high[row], color=colour, alpha=0.18, linewidth=0)
            dot = "o" if len(epochs) == 1 else ""
            how = {"color": colour, "linestyle": style, "linewidth": 1.7, "marker": dot}
            handles += ax.plot(epochs, mean[row], label=words, zorder=3, **how)
    handles.reverse()  # the best first
    if lines[False].size:
        handles.append(look.cross())
    if good.any() and runs.shape[1] > 1:
        handles.append(look.band(result))
    ax.set_xlim(*((1, epochs[-1]) if len(epochs) > 1 else (0.5, 1.5)))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel("epoch")
    ax.grid(True, alpha=0.25)
    if good.sum() > len(_TOP):
        bar = fig.colorbar(image, ax=ax, pad=0.02)
        bar.set_label(scale.label)
        bar.set_ticks(list(scale.ticks), labels=list(map(str, scale.ticks.values())))
        if scale.label == "rank":
            bar.ax.invert_yaxis()  # 1 on top
    look.title(fig, result)
    look.key(fig, handles, columns=1 if len(result.space) > 2 else 2)
    return fig


class _Scale(NamedTuple):
    """What the colours of the lines say."""

    label: str
    values: np.ndarray  # of each setting
    colours: Colormap
    norm: Normalize
    ticks: dict[float, int]  # where -> what


def _ranks(result: "SweepResult") -> _Scale:
    count = int(look.finished(result).sum())
    bright = ListedColormap(colormaps["viridis_r"](np.linspace(0.12, 1, 256)))
    ticks = {x: int(x) for x in np.unique(np.linspace(1, count, 5).round()).tolist()}
    return _Scale("rank", result.table["rank"], bright, Normalize(1, max(count, 2)), ticks)


def _rungs(result: "SweepResult", ends: np.ndarray) -> _Scale:
    """A colour for each number of epochs that settings were let run, bright if many."""
    lengths, which = np.unique(np.where(look.finished(result), ends, 0), return_inverse=True)
    colours = ListedColormap(look.ordered_colours(len(lengths)))
    shown = np.unique(np.linspace(0, len(lengths) - 1, 8).round().astype(int))
    ticks = {float(i): int(lengths[i]) for i in shown if lengths[i]}
    return _Scale("epochs", which, colours, Normalize(-0.5, len(lengths) - 0.5), ticks)


def _alive(result: "SweepResult") -> tuple[np.ndarray, np.ndarray]:
    """The curves, NaN from the epoch on in which a seed diverged, and that epoch (from 0)."""
    runs = result.curves[result.metric].astype(np.float64)
    bad = ~np.isfinite(runs)
    if "diverged_at" in result.curves:
        bad = bad | (result.curves["diverged_at"] >= 0)
    dead = np.logical_or.accumulate(bad.any(axis=1), axis=-1)
    ends = np.where(dead.any(axis=-1), dead.argmax(axis=-1), dead.shape[-1])
    return np.where(dead[:, None], np.nan, runs), ends


def _crosses(
    ax: Any,
    result: "SweepResult",
    mean: np.ndarray,
    ends: np.ndarray,
    rows: np.ndarray,
    shown: look.Extent,
) -> None:
    """Where the diverged ones end; at the bad edge if they left no point, or one beyond it."""
    edge = shown.low if result.mode == "max" else shown.high
    last = np.maximum(ends[rows] - 1, 0)
    y = np.where(ends[rows] > 0, mean[rows, last], edge)
    y = np.clip(y, shown.low, shown.high)
    ax.plot(last + 1, y, "x", color=look.DIVERGED, markersize=5, clip_on=False, zorder=2.5)
