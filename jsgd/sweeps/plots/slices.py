"""The score against one hyperparameter at a time."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jsgd.sweeps.plots import look

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult

_FEW = 6  # lines in one panel that can be told apart
_BEST = "best at each value"


def sensitivity(result: "SweepResult", *names: str) -> Figure:
    """The score against each hyperparameter, a panel each.

    A panel has a line for each combination of the others' values, the mean over the seeds, with a
    band from the worst to the best seed. Where that would be more than six lines, or lines of one
    point, or of words, every setting is a point; if values repeat, a line joins the best at each
    number, and a dash is the best at each word.
    Settings that diverged are crosses at the bad edge, a row of them for each line. Points that are
    far worse than most lie on that edge. Those that were stopped are hollow, at their last score.
    Settings to which a hyperparameter does not apply are not in its panel.

    Args:
        result: of a sweep.
        names: of hyperparameters; none for all that vary.

    Raises:
        ValueError: no such hyperparameter.
    """
    every = look.varied(result)
    names = names or tuple(p.name for p in every) or tuple(result.space)
    columns = min(len(names), 3)
    down = -(-len(names) // columns)
    fig = look.figure(max(3.3 * columns + 0.4, 5.2), 3.2 * down + 0.6)
    panels = list(fig.subplots(down, columns, sharey=True, squeeze=False).flat)
    shown = look.extent(result.table["mean_score"], result.mode)
    for place, (ax, name) in enumerate(zip(panels, names)):
        p = look.parameter(result, name)
        others = [q for q in every if q.name != name]
        look.show_score(ax, result, shown)
        look.show_parameter(ax, p)
        ax.grid(True, alpha=0.25)
        rows = np.flatnonzero(np.isfinite(p.x))
        groups = _groups(rows, others)
        few = len(groups) == 1 or 0 < len(groups) <= min(_FEW, len(rows) // 2)
        if few and not p.words:
            _lines(ax, result, p, others, groups)
        else:
            _points(ax, result, p, rows)
        if np.isfinite(result.best_score):
            at = p.x[result.order[0]], result.best_score
            ax.plot(*at, "*", color=look.BEST, markersize=12, markeredgecolor="white", zorder=4)
        if place % columns:
            ax.set_ylabel("")
    for ax in panels[len(names) :]:
        ax.remove()
    look.title(fig, result)
    look.key(fig, _handles(result, panels))
    return fig


def _groups(rows: np.ndarray, others: list[look.Parameter]) -> list[np.ndarray]:
    """The rows, parted by the values of the others."""
    if not others:
        return [rows]
    # no number equals NaN, not even NaN: where a name does not apply it is infinite here
    columns = np.nan_to_num(np.stack([q.x[rows] for q in others], axis=1), nan=np.inf)
    kinds, which = np.unique(columns, axis=0, return_inverse=True)
    return [rows[which.ravel() == kind] for kind in range(len(kinds))]


def _lines(
    ax: Any,
    result: "SweepResult",
    p: look.Parameter,
    others: list[look.Parameter],
    groups: list[np.ndarray],
) -> None:
    mean, runs, good = result.table["mean_score"], look.final(result), look.finished(result)
    stopped = look.stopped(result)
    colours = look.ordered_colours(len(groups))
    for place, (rows, colour) in enumerate(zip(groups, colours)):
        rows = rows[np.argsort(p.x[rows], kind="stable")]
        how = {
            "color": colour,
            "marker": look.MARKERS[place % 6],
            "markersize": 4,
            "linewidth": 1.3,
        }
        label = ", ".join(q.text(float(q.x[rows[0]])) for q in others)
        ax.plot(p.x[rows], np.where(good[rows], mean[rows], np.nan), label=label, **how)
        early = rows[good[rows] & stopped[rows]]
        if early.size:
            ax.plot(p.x[early], mean[early], **how | {"linewidth": 0, "markerfacecolor": "white"})
        if runs.shape[1] > 1 and good[rows].any():
            low, high = runs[rows].min(axis=1), runs[rows].max(axis=1)
            ax.fill_between(p.x[rows], low, high, color=colour, alpha=0.2, linewidth=0)
        _crosses(ax, result, p.x[rows[~good[rows]]], colour, place)
    if others:
        heading = ", ".join(look.label(q.name) for q in others)
        ax.legend(
            title=heading, fontsize=look.SMALL, title_fontsize=look.SMALL, frameon=False,
            loc="lower center", bbox_to_anchor=(0.5, 1.0), borderaxespad=0.2,
            ncols=len(groups) if len(groups) <= 4 else 3, columnspacing=1.2, handlelength=1.8,
        )  # fmt: skip


def _points(ax: Any, result: "SweepResult", p: look.Parameter, rows: np.ndarray) -> None:
    x, mean, good = p.x[rows], result.table["mean_score"][rows], look.finished(result)[rows]
    colour = look.ordered_colours(3)[1]
    if good.any():
        y, early = np.clip(mean, *ax.get_ylim()), look.stopped(result)[rows]
        for some, fill in ((good & ~early, colour), (good & early, "none")):
            how = {"markerfacecolor": fill, "alpha": 0.45, "markersize": 4, "clip_on": False}
            if some.any():  # nothing, unclipped, has no extent that a layout can be made of
                ax.plot(x[some], y[some], "o", color=colour, **how)
    values = np.unique(x[good])
    if 0 < len(values) <= good.sum() / 2:
        pick = np.max if result.mode == "max" else np.min
        best = [pick(mean[good & (x == v)]) for v in values]
        how = {"marker": "_", "markersize": 18, "linestyle": ""} if p.words else {}
        ax.plot(values, best, color=colour, linewidth=1.3, label=_BEST, **how)
    _crosses(ax, result, x[~good], look.DIVERGED, 0)


def _crosses(ax: Any, result: "SweepResult", x: np.ndarray, colour: Any, row: int) -> None:
    """The diverged, at the bad edge; the rows of several lines lie above one another."""
    if x.size:
        edge = look.bad_edge(result)
        at = np.full(x.size, edge + (0.035 * row if edge < 0.5 else -0.035 * row))
        ax.plot(x, at, "x", color=colour, markersize=5, transform=ax.get_xaxis_transform())


def _handles(result: "SweepResult", panels: list[Any]) -> list[Any]:
    """One of each kind that is drawn."""
    best = [line for ax in panels for line in ax.lines if line.get_label() == _BEST]
    handles: list[Any] = best[:1]
    if np.isfinite(result.best_score):
        handles.append(look.star())
    if (look.stopped(result) & look.finished(result)).any():
        how = {"color": look.DIVERGED, "markerfacecolor": "none", "markersize": 4}
        handles.append(Line2D([], [], marker="o", linestyle="", label="stopped early", **how))
    if not look.finished(result).all():
        handles.append(look.cross())
    if any(ax.collections for ax in panels):
        handles.append(look.band(result))
    return handles
