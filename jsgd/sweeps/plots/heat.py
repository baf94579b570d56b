"""The score over two hyperparameters: a heat map of a grid, points for draws."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from jsgd.sweeps.plots import look
from jsgd.sweeps.space import is_product

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult

_FEW = 160  # cells that still have room for a number each
_TICKS = 12  # values that are all written at the axis
_HATCH = {"facecolor": "#d8d8d8", "edgecolor": "#707070", "hatch": "////", "linewidth": 0}
_FRAME = {"fill": False, "edgecolor": look.BEST, "linewidth": 2.2, "zorder": 3}


class _Side(NamedTuple):
    """A side of the map: where the cells begin and end, and where their middles are."""

    parameter: look.Parameter
    edges: np.ndarray
    middles: np.ndarray
    scale: str  # "linear", "log", or "cells": too uneven to be drawn to scale


def heat_map(result: "SweepResult", a: str | None = None, b: str | None = None) -> Figure:
    """The score over two hyperparameters; the one with more values lies along x.

    A grid is drawn as cells, draws as points, and settings to which one of the two does not apply
    not at all. The best is framed, what diverged is hatched. An
    evenly spaced grid is drawn to scale, on a log axis if its ratios are what is even. The colours
    spread over the better half of the scores, so that they tell good settings apart; all worse
    ones share the last colour.

    Args:
        result: of a sweep.
        a, b: the hyperparameters' names; `None` for the first two that vary. If others vary, too,
            the best over them is shown.

    Raises:
        ValueError: no such hyperparameter, or there are not two different ones.
    """
    given = [name for name in (a, b) if name is not None]
    others = [*(p.name for p in look.varied(result)), *result.space]
    names = [*given, *(name for name in dict.fromkeys(others) if name not in given)][:2]
    if len(set(names)) < 2:
        raise ValueError(f"a heat map needs two hyperparameters, not {', '.join(names)} alone")
    p, q = sorted(
        (look.parameter(result, name) for name in names), key=lambda p: len(p.values), reverse=True
    )
    order = result.order[::-1]  # the best comes last, and stays
    order = order[np.isfinite(p.x[order] + q.x[order])]
    pairs = len(np.unique(np.stack([p.x[order], q.x[order]]), axis=1).T)
    grids = is_product({x.name: result.space[x.name] for x in (p, q)})
    whole = grids and 0 < pairs == len(p.values) * len(q.values)
    return (_cells if whole else _points)(result, p, q, order)


def _cells(
    result: "SweepResult", p: look.Parameter, q: look.Parameter, order: np.ndarray
) -> Figure:
    x, y = _side(p), _side(q)
    rows = np.full((len(q.values), len(p.values)), -1)
    rows[np.searchsorted(q.values, q.x[order]), np.searchsorted(p.values, p.x[order])] = order
    scores = np.where(rows >= 0, result.table["mean_score"][rows], np.nan)
    written = scores.size <= _FEW
    room = 0.44 if written else 0.11
    fig = look.figure(
        min(max(2.4 + room * scores.shape[1], 5.2), 9.5),
        min(max(1.9 + room * scores.shape[0], 3.4), 7.5),
    )
    ax = fig.subplots()
    ax.patch.set(**_HATCH)  # seen where a cell has no score
    cmap, norm = look.colours(result)
    image = ax.pcolormesh(x.edges, y.edges, np.ma.masked_invalid(scores), cmap=cmap, norm=norm)
    for (j, i), score in np.ndenumerate(scores):
        if written and np.isfinite(score):
            dark = _lightness(cmap(norm(score))) <= 0.5
            ax.text(
                float(x.middles[i]), float(y.middles[j]), _number(score), ha="center", va="center",
                color="white" if dark else "black", fontsize=7.5,
            )  # fmt: skip
    handles: list[Any] = []
    for j, i in np.argwhere((rows == result.order[0]) & np.isfinite(scores)):
        (left, right), (low, high) = x.edges[i : i + 2].tolist(), y.edges[j : j + 2].tolist()
        frame = Rectangle((left, low), right - left, high - low, clip_on=False, **_FRAME)
        frame.set_path_effects(look.outline(4.2))
        handles.append(ax.add_patch(frame))
        frame.set_label("best")
    if not np.isfinite(scores).all():
        handles.append(Patch(label="diverged", **_HATCH))
    for axis, side, most in ((ax.xaxis, x, _TICKS), (ax.yaxis, y, 2 * _TICKS)):
        _ticks(axis, side, most)
    ax.set_xlabel(look.label(p.name))
    ax.set_ylabel(look.label(q.name))
    look.colour_bar(fig, ax, result, image)
    look.title(fig, result)
    look.key(fig, handles)
    return fig


def _points(
    result: "SweepResult", p: look.Parameter, q: look.Parameter, order: np.ndarray
) -> Figure:
    fig = look.figure(6.4, 4.8)
    ax = fig.subplots()
    good = look.finished(result)[order]
    cmap, norm = look.colours(result)
    rows, bad = order[good], order[~good]
    image = ax.scatter(
        p.x[rows], q.x[rows], c=result.table["mean_score"][rows], s=46, cmap=cmap, norm=norm,
        edgecolors="#404040", linewidths=0.4,
    )  # fmt: skip
    handles: list[Any] = []
    best = rows[rows == result.order[0]]
    if best.size:
        how = {"marker": "o", "markersize": 12, "markeredgewidth": 2, "zorder": 3}
        handles += ax.plot(
            p.x[best], q.x[best], color=look.BEST, fillstyle="none", linestyle="",
            label="best", **how,
        )  # fmt: skip
    if bad.size:
        crosses = {"color": look.DIVERGED, "markersize": 5, "label": "diverged"}
        handles += ax.plot(p.x[bad], q.x[bad], "x", **crosses)
    look.show_parameter(ax, p)
    ax.set_ylabel(look.label(q.name))
    if q.log:
        ax.set_yscale("log")
    if q.words:
        ax.set_yticks(range(len(q.words)), q.words)
        ax.set_ylim(-0.5, len(q.words) - 0.5)
    look.colour_bar(fig, ax, result, image)
    look.title(fig, result)
    look.key(fig, handles)
    return fig


def _side(p: look.Parameter) -> _Side:
    values = p.values
    place = np.log(values) if p.log else values
    if not p.even:
        edges = np.arange(len(values) + 1) - 0.5
        return _Side(p, edges, np.arange(len(values)), "cells")
    inner = (place[1:] + place[:-1]) / 2
    edges = np.concatenate([[2 * place[0] - inner[0]], inner, [2 * place[-1] - inner[-1]]])
    middles = (edges[1:] + edges[:-1]) / 2
    if p.log:
        return _Side(p, np.exp(edges), np.exp(middles), "log")
    return _Side(p, edges, middles, "linear")


def _ticks(axis: Any, side: _Side, most: int) -> None:
    """Every value if they are few; else those of a common axis, or every so many."""
    values, at = side.parameter.values, side.middles
    if side.scale == "log":
        set_scale = axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale
        set_scale("log")
    if side.scale != "cells" and len(values) > most:
        return
    skip = -(-len(values) // most)
    words = [side.parameter.text(v) for v in values[::skip]]
    axis.set_ticks(at[::skip], words)
    axis.set_ticks([], minor=True)
    axis.set_tick_params(length=0)
    if axis.axis_name == "x":
        look.slant(axis.axes, words)


def _number(score: float) -> str:
    """What fits into a cell: .986, .0081, 12.3, 3e35."""
    if 1e-3 <= score < 1:
        return f"{score:.2g}"[1:] if score < 0.01 else f"{score:.3f}".removeprefix("0")
    if 0 < abs(score) < 1e-3 or abs(score) >= 1000:
        return look.short(float(f"{score:.0e}"))
    return f"{score:.3g}"


def _lightness(colour: tuple[float, ...]) -> float:
    red, green, blue = colour[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue
