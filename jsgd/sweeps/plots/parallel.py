"""Every setting as a line across axes side by side: parallel coordinates."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jsgd.sweeps.plots import look

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult

_FEW = 8  # values that are all written at their axis
_BELOW = -0.06  # of an axis from 0 to 1


def parallel_coordinates(result: "SweepResult", *names: str) -> Figure:
    """Every setting as a line across an axis for each hyperparameter, and one for the score.

    The colour is the score, the best setting a broad line; the axis of the score has the good end
    on top. Settings that diverged are dotted grey lines that end in a cross at the bottom. Where a
    hyperparameter does not apply, lines pass below its axis.

    Args:
        result: of a sweep.
        names: of hyperparameters, from left to right; none for all that vary.

    Raises:
        ValueError: no such hyperparameter.
    """
    names = names or tuple(p.name for p in look.varied(result)) or tuple(result.space)
    axes = [look.parameter(result, name) for name in names]
    good = look.finished(result)
    fig = look.figure(max(1.5 * len(axes) + 2.0, 5.2), 4.4)
    ax = fig.subplots()
    ax.set_xlim(0, len(axes))
    ax.set_ylim(0, 1)
    ax.set_xticks(range(len(axes) + 1), [*map(look.label, names), look.label(result.metric)])
    ax.tick_params(length=0, pad=9)
    ax.yaxis.set_visible(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    heights = [_axis(ax, i, p) for i, p in enumerate(axes)]
    if any((y == _BELOW).any() for y in heights):
        ax.tick_params(pad=26)
    heights.append(_score_axis(ax, len(axes), result))
    y = np.stack(heights, axis=1)
    lines = np.stack([np.broadcast_to(np.arange(y.shape[1]), y.shape), y], axis=-1)
    cmap, norm = look.colours(result)
    rows = [row for row in result.order[::-1] if good[row]]  # the best above the others
    image = LineCollection(list(lines[rows]), cmap=cmap, norm=norm, linewidths=1, clip_on=False)
    image.set_array(result.table["mean_score"][rows])
    handles: list[Any] = []
    if not good.all():
        dotted = {"colors": "#a0a0a0", "linestyles": ":", "linewidths": 0.9}
        ax.add_collection(LineCollection(list(lines[~good]), zorder=1, clip_on=False, **dotted))
        bottom = np.zeros((~good).sum())
        ax.plot(bottom + len(axes), bottom, "x", color=look.DIVERGED, markersize=5, clip_on=False)
        handles.append(look.cross())
    ax.add_collection(image)
    if rows:
        how = {"color": look.BEST, "linewidth": 2.4, "path_effects": look.outline(4.6)}
        handles = ax.plot(y[rows[-1]], clip_on=False, zorder=3, label="best", **how) + handles
    look.colour_bar(fig, ax, result, image)
    look.title(fig, result)
    look.key(fig, handles)
    return fig


def _axis(ax: Any, place: int, p: look.Parameter) -> np.ndarray:
    """Draw an upright axis; the heights of the settings on it, 0 to 1."""
    side = ax.twinx()
    few = len(p.values) <= _FEW
    apart = few and not p.even  # too uneven to be drawn to scale: a place for each value
    values = np.log(p.x) if p.log else p.x
    if apart:
        values = np.where(np.isfinite(p.x), np.searchsorted(p.values, p.x), np.nan)
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    room = 0.03 * (high - low)
    low, high = low - room, high + room
    if p.log and not apart:
        side.set_yscale("log")
        side.set_ylim(*np.exp([low, high]))
    else:
        side.set_ylim(low, high)
    if few:
        at = range(len(p.values)) if apart else p.values
        side.set_yticks(at, [p.text(v) for v in p.values])
        side.set_yticks([], minor=True)
    elif (p.values == np.round(p.values)).all() and not p.log:
        side.yaxis.set_major_locator(MaxNLocator(integer=True))
    _upright(side, place)
    if known.size < len(values):
        ax.text(place, _BELOW - 0.01, look.NOTHING, ha="center", va="top")
    return np.where(np.isfinite(values), (values - low) / (high - low), _BELOW)


def _score_axis(ax: Any, place: int, result: "SweepResult") -> np.ndarray:
    side = ax.twinx()
    shown = look.extent(result.table["mean_score"], result.mode)
    look.show_score(side, result, shown)
    side.set_ylabel("")
    _upright(side, place)
    score, low, high = result.table["mean_score"], shown.low, shown.high
    if shown.log:
        score, low, high = np.log(score), np.log(low), np.log(high)
    height = (score - low) / (high - low)
    if result.mode == "min":
        side.invert_yaxis()
        height = 1 - height
    return np.where(np.isfinite(score), np.clip(height, 0, 1), 0)


def _upright(side: Any, place: int) -> None:
    """Put it into its place, its numbers legible on the lines."""
    for name, spine in side.spines.items():
        spine.set_visible(name == "right")
    side.spines["right"].set_position(("data", place))
    side.tick_params(labelsize=look.SMALL)
    for text in side.get_yticklabels():
        text.set(path_effects=look.outline(2.5), verticalalignment="bottom")
