"""Pictures of a sweep: a heat map, sensitivity curves, learning curves."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from jsgd.sweeps.space import is_product

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult

_DIVERGED = "#b0b0b0"
_CROSS = "\N{MULTIPLICATION SIGN}"
_FEW = 160  # cells that still have room for a number each
_TOP = 5  # learning curves that are singled out


def pictures(result: "SweepResult") -> dict[str, Figure]:
    """The pictures that suit a sweep, by name."""
    varied = _varied(result)
    out = {"curves": learning_curves(result)}
    if len(varied) == 2:
        out["heatmap"] = heat_map(result, *varied)
    if varied:
        out["sensitivity"] = sensitivity(result)
    return out


def png(fig: Figure) -> bytes:
    """The picture as the bytes of a PNG file."""
    data = io.BytesIO()
    fig.savefig(data, format="png", dpi=160)
    return data.getvalue()


def heat_map(result: "SweepResult", a: str, b: str) -> Figure:
    """The score over two hyperparameters; the one with more values lies along x.

    A grid is drawn as cells, draws as points. The best is framed, what diverged is grey with a
    cross. The colours spread over the better half of the scores, so that they tell good settings
    apart; all worse ones share the last colour.

    Args:
        result: of a sweep.
        a, b: the hyperparameters' names; if there are others, the best over them is shown.
    """
    a, b = sorted((a, b), key=lambda name: len(_values(result, name)), reverse=True)
    limits = _limits(result)
    if not is_product(result.space):
        return _points(result, a, b, limits)
    xs, ys = _values(result, a), _values(result, b)
    rows = np.full((len(ys), len(xs)), -1)
    for row in result.order[::-1]:  # the best comes last, and stays
        x, y = result.table[f"param_{a}"][row], result.table[f"param_{b}"][row]
        rows[np.searchsorted(ys, y), np.searchsorted(xs, x)] = row
    scores = result.table["mean_score"][rows]
    wide, high = 2.6 + 0.52 * len(xs), 1.9 + 0.5 * len(ys)
    fig, ax = _figure(min(max(wide, 5.0), 16), min(max(high, 3.4), 12))
    ax.set_facecolor(_DIVERGED)  # seen where a cell has no score
    image = ax.imshow(
        np.ma.masked_invalid(scores), origin="lower", aspect="auto",
        cmap=_colours(result), vmin=limits[0], vmax=limits[1],
    )  # fmt: skip
    for (j, i), score in np.ndenumerate(scores):
        if not np.isfinite(score):
            ax.text(i, j, _CROSS, ha="center", va="center", color="#404040", fontsize=11)
        elif scores.size <= _FEW:
            colour = "black" if _lightness(image.cmap(image.norm(score))) > 0.5 else "white"
            ax.text(i, j, _cell(score), ha="center", va="center", color=colour, fontsize=7.5)
    if np.isfinite(result.best_score):
        j, i = np.argwhere(rows == result.order[0])[0]
        frame = {"fill": False, "edgecolor": "#e03020", "linewidth": 2.4, "zorder": 3}
        ax.add_patch(_rectangle((i - 0.5, j - 0.5), **frame))
    for axis, values in ((ax.xaxis, xs), (ax.yaxis, ys)):
        skip = -(-len(values) // 24)
        axis.set_ticks(range(0, len(values), skip), [_short(v) for v in values[::skip]])
    if max(len(_short(x)) for x in xs) > 4 and len(xs) > 8:
        for label in ax.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    _finish(fig, ax, result, a, b, image, limits)
    return fig


def sensitivity(result: "SweepResult") -> Figure:
    """The score against each hyperparameter: every setting a point, the best at each value a line.

    With one hyperparameter the band is the standard deviation over the seeds. What diverged is a
    cross at the bad edge.
    """
    names = _varied(result)
    fig, axes = _figure(1.2 + 3.6 * len(names), 3.6, len(names))
    good = np.isfinite(result.table["mean_score"])
    mean, std = result.table["mean_score"], result.table["std_score"]
    for ax, name in zip(np.atleast_1d(axes), names, strict=True):
        x = result.table[f"param_{name}"]
        if result.space[name].log:
            ax.set_xscale("log")
        low, high = _limits(result, wide=True)
        ax.set_ylim(low, high)
        bad = 0.02 if result.mode == "max" else 0.98
        if (~good).any():
            at = np.full((~good).sum(), bad)
            ax.plot(
                x[~good], at, "x", color="#606060", transform=ax.get_xaxis_transform(),
                label="diverged", clip_on=False,
            )  # fmt: skip
        if len(names) > 1:
            ax.plot(x[good], mean[good], ".", color="C0", alpha=0.35, markersize=6)
        values = np.unique(x[good])
        if len(names) == 1 or result.space[name].kind in ("grid", "choice"):
            pick = max if result.mode == "max" else min
            best = [pick(np.flatnonzero(good & (x == v)), key=lambda r: mean[r]) for v in values]
            label = "mean over seeds" if len(names) == 1 else "best at this value"
            ax.plot(values, mean[best], "o-", color="C0", markersize=4, label=label)
            if len(names) == 1 and std[best].any():
                band = mean[best] - std[best], mean[best] + std[best]
                ax.fill_between(values, *band, color="C0", alpha=0.2, linewidth=0)
        if good.any():
            row = result.order[0]
            ax.plot(x[row], mean[row], "*", color="#e03020", markersize=12, label="best", zorder=3)
        ax.set_xlabel(_label(name))
        ax.grid(True, alpha=0.25)
    first = np.atleast_1d(axes)[0]
    first.set_ylabel(_label(result.metric))
    first.legend(fontsize=8, frameon=False, loc="best")
    fig.suptitle(_title(result), fontsize=11)
    return fig


def learning_curves(result: "SweepResult") -> Figure:
    """The score at every epoch, a mean over the seeds; the best settings in colour."""
    fig, ax = _figure(7, 4)
    curves = result.curves[result.metric].astype(float).mean(axis=1)
    epochs = np.arange(1, curves.shape[1] + 1)
    for place, row in reversed(list(enumerate(result.order))):
        curve = np.where(np.isfinite(curves[row]), curves[row], np.nan)
        if result.table["status"][row] == "DIVERGED":
            ax.plot(epochs, curve, color=_DIVERGED, linewidth=0.6, linestyle=":")
        elif place < _TOP:
            values = [f"{_label(n)} {_short(x)}" for n, x in result.params(row).items()]
            label = f"{place + 1}.  {',  '.join(values)}"
            ax.plot(epochs, curve, color=f"C{place}", linewidth=1.6, label=label)
        else:
            ax.plot(epochs, curve, color="#c8c8c8", linewidth=0.7)
    low, high = _limits(result, wide=True)
    ax.set_ylim(low, high)
    ax.set_xlabel("epoch")
    ax.set_ylabel(_label(result.metric))
    ax.grid(True, alpha=0.25)
    if ax.get_legend_handles_labels()[0]:
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(handles[::-1], labels[::-1], fontsize=8, frameon=False, loc="best")
    ax.set_title(_title(result), fontsize=11)
    return fig


def _points(result: "SweepResult", a: str, b: str, limits: tuple[float, float]) -> Figure:
    fig, ax = _figure(6.4, 4.6)
    x, y = result.table[f"param_{a}"], result.table[f"param_{b}"]
    good = np.isfinite(result.table["mean_score"])
    ax.plot(x[~good], y[~good], "x", color="#606060", label="diverged")
    rows = [row for row in result.order[::-1] if good[row]]
    image = ax.scatter(
        x[rows], y[rows], c=result.table["mean_score"][rows], s=46, cmap=_colours(result),
        vmin=limits[0], vmax=limits[1], edgecolors="#404040", linewidths=0.4,
    )  # fmt: skip
    if rows:
        frame = {"facecolors": "none", "edgecolors": "#e03020", "linewidths": 2, "s": 150}
        ax.scatter(x[rows[-1]], y[rows[-1]], label="best", **frame)
    for name, scale in ((a, ax.set_xscale), (b, ax.set_yscale)):
        if result.space[name].log:
            scale("log")
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.12), ncols=2)
    _finish(fig, ax, result, a, b, image, limits)
    return fig


def _finish(fig, ax, result, a, b, image, limits) -> None:
    scores = result.table["mean_score"][np.isfinite(result.table["mean_score"])]
    below, above = (scores < limits[0]).any(), (scores > limits[1]).any()
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    bar = fig.colorbar(image, ax=ax, extend=extend, pad=0.02)
    bar.set_label(_label(result.metric))
    ax.set_xlabel(_label(a))
    ax.set_ylabel(_label(b))
    ax.set_title(_title(result), fontsize=11)


def _figure(wide: float, high: float, columns: int = 1) -> tuple[Figure, Any]:
    fig = Figure(figsize=(wide, high), layout="constrained")
    return fig, fig.subplots(1, columns, sharey=True)


def _limits(result: "SweepResult", wide: bool = False) -> tuple[float, float]:
    """The scores worth telling apart: from the median (or the worst third) to the best."""
    scores = result.table["mean_score"]
    scores = scores[np.isfinite(scores)]
    if not scores.size:
        return 0.0, 1.0
    worse = 33 if wide else 50
    low = np.percentile(scores, worse if result.mode == "max" else 0)
    high = np.percentile(scores, 100 if result.mode == "max" else 100 - worse)
    inside = 0 <= scores.min() <= scores.max() <= 1
    room = (0.08 if wide else 0.0) * (high - low) or (1e-3 * abs(high) + 1e-12) * (high == low)
    top = min(high + room, 1.005) if inside else high + room  # an accuracy ends at 1
    return float(low - room), float(top)


def _colours(result: "SweepResult") -> Any:
    from matplotlib import colormaps

    return colormaps["viridis" if result.mode == "max" else "viridis_r"]


def _rectangle(corner: tuple[float, float], **how: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 1, 1, **how)


def _varied(result: "SweepResult") -> list[str]:
    return [name for name in result.space if len(_values(result, name)) > 1]


def _values(result: "SweepResult", name: str) -> np.ndarray:
    return np.unique(result.table[f"param_{name}"])


def _title(result: "SweepResult") -> str:
    count, bad = len(result.table["rank"]), int((result.table["status"] == "DIVERGED").sum())
    line = f"{count} settings" + (f", {bad} diverged" if bad else "")
    if not np.isfinite(result.best_score):
        return line
    best = ", ".join(f"{_label(n)} {_short(x)}" for n, x in result.best_params.items())
    return f"{line}: best {_label(result.metric)} {result.best_score:.4g} at {best}"


def _label(name: str) -> str:
    return name.replace("__", " ").replace("_", " ")


def _short(x: float) -> str:
    """Three significant digits, without a padded exponent: 0.001, 2.51e-5."""
    text = f"{x:.3g}"
    if "e" not in text:
        return text
    digits, power = text.split("e")
    return f"{digits}e{int(power)}"


def _cell(score: float) -> str:
    """What fits into a cell: .986, 12.3."""
    return f"{score:.3f}".removeprefix("0") if 0 <= score < 1 else f"{score:.3g}"


def _lightness(colour: tuple[float, ...]) -> float:
    red, green, blue = colour[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue
