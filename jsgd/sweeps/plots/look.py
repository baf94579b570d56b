"""What the pictures share: axes, limits, colours and words."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from jsgd.sweeps.conditions import applies
from jsgd.train.names import unknown
from jsgd.train.picture import Picture

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult

DIVERGED = "#707070"
BEST = "#d62728"
SMALL = 8  # points, of all that is not an axis or a title
MARKERS = "os^Dvp"
NOTHING = "\N{EN DASH}"  # where a hyperparameter does not apply
_WIDE = 50  # the ratio from which a logarithm shows more
# What is so many times farther beyond the median than that is from the best would hide the others.
_REACH, _LOG_REACH = 20, 2
_EVEN = 1.6  # steps whose ratio is below this are drawn to scale
_PAD = 0.08  # inches
_NO_BREAK = "\N{NO-BREAK SPACE}"


class Parameter(NamedTuple):
    """A hyperparameter as an axis.

    Attributes:
        name: of the hyperparameter.
        x: its value in each setting, NaN where it does not apply; of words, their numbers in
            alphabetic order.
        words: what is there instead of numbers, or none.
        log: whether the axis is logarithmic.
    """

    name: str
    x: np.ndarray
    words: tuple[str, ...]
    log: bool

    @property
    def values(self) -> np.ndarray:
        """The different values, sorted."""
        return np.unique(self.x[np.isfinite(self.x)])

    @property
    def even(self) -> bool:
        """Whether its values, or their logarithms on a log axis, are about equally far apart."""
        steps = np.diff(np.log(self.values) if self.log else self.values)
        return not self.words and bool(steps.size) and steps.max() <= _EVEN * steps.min()

    def text(self, x: float) -> str:
        if np.isnan(x):
            return NOTHING
        return self.words[int(x)] if self.words else short(x)


class Extent(NamedTuple):
    """The part of an axis of scores that is shown."""

    low: float
    high: float
    log: bool


def parameter(result: "SweepResult", name: str) -> Parameter:
    """The axis of a hyperparameter.

    Raises:
        ValueError: no such hyperparameter in this sweep.
    """
    if name not in result.space:
        raise ValueError(unknown("hyperparameter", name, result.space))
    column = result.table[f"param_{name}"]
    if column.dtype.kind == "U":
        words = np.unique(column[applies(column)])
        x = np.where(applies(column), np.searchsorted(words, column), np.nan)
        return Parameter(name, x, tuple(words.tolist()), False)
    x = column.astype(float)
    log = result.space[name].log and not (x <= 0).any()
    return Parameter(name, x, (), log)


def varied(result: "SweepResult") -> list[Parameter]:
    """The hyperparameters that take more than one value."""
    every = [parameter(result, name) for name in result.space]
    return [p for p in every if len(p.values) > 1]


def finished(result: "SweepResult") -> np.ndarray:
    """Which settings have a score."""
    return np.isfinite(result.table["mean_score"])


def stopped(result: "SweepResult") -> np.ndarray:
    """Which settings were stopped before their last epoch."""
    return result.table["status"] == "STOPPED"


def final(result: "SweepResult") -> np.ndarray:
    """The last score of each seed, of shape (settings, seeds); NaN in settings that have none."""
    curves = result.curves[result.metric].astype(np.float64)
    last = lengths(curves.mean(axis=1))[:, None, None] - 1
    scores = np.take_along_axis(curves, last, axis=-1)[..., 0]
    return np.where(finished(result)[:, None], scores, np.nan)


def lengths(curves: np.ndarray) -> np.ndarray:
    """How long each of these curves is before nothing but NaN follows.

    >>> lengths(np.array([[1, 2, 3], [1, np.nan, np.nan]]))
    array([3, 1])
    """
    return curves.shape[-1] - np.argmax(np.isfinite(curves[..., ::-1]), axis=-1)


def extent(scores: np.ndarray, mode: str) -> Extent:
    """From the best score to the worst, less those that are far worse than most.

    Logarithmic if losses, all positive, lie far apart. Shares such as accuracies are all shown.
    """
    x = scores[np.isfinite(scores)].astype(np.float64)
    if not x.size:
        return Extent(0.0, 1.0, False)
    inside = x.min() >= 0 and x.max() <= 1
    log = mode == "min" and _far(x.min(), x.max())
    x = np.log(x) if log else x
    low, middle, high = x.min(), np.median(x), x.max()
    reach = _LOG_REACH if log else math.inf if inside else _REACH
    if mode == "max" and middle < high:
        low = max(low, middle - reach * (high - middle))
    elif mode == "min" and middle > low:
        high = min(high, middle + reach * (middle - low))
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    low, high = float(low - room), float(high + room)
    if log:
        return Extent(math.exp(low), math.exp(high), True)
    return Extent(low, min(high, 1.01) if inside else high, False)


def show_parameter(ax: Any, p: Parameter) -> None:
    """Make a hyperparameter the x axis."""
    ax.set_xlabel(label(p.name))
    if p.log:
        ax.set_xscale("log")
    if p.words:
        ax.set_xticks(range(len(p.words)), p.words)
        ax.set_xlim(-0.5, len(p.words) - 0.5)
        slant(ax, p.words)
    elif (p.values == np.round(p.values)).all() and not p.log:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def slant(ax: Any, words: Sequence[str]) -> None:
    """Turn the words at the x axis where they would run into each other."""
    wide = ax.figure.get_figwidth() / ax.get_gridspec().ncols
    if len(words) * max(map(len, words), default=0) > 9 * wide:
        for text in ax.get_xticklabels():
            text.set(rotation=30, ha="right", rotation_mode="anchor", fontsize=SMALL)


def show_score(ax: Any, result: "SweepResult", shown: Extent) -> None:
    """Make the score the y axis."""
    ax.set_ylabel(label(result.metric))
    if shown.log:
        ax.set_yscale("log")
    ax.set_ylim(shown.low, shown.high)


def bad_edge(result: "SweepResult") -> float:
    """Where diverged settings are marked, as a share of the height of the axes."""
    return 0.025 if result.mode == "max" else 0.975


def colours(result: "SweepResult") -> tuple[Colormap, Normalize]:
    """Bright is good, in grey too. The scores better than the median share the colours."""
    cmap = colormaps["viridis" if result.mode == "max" else "viridis_r"]
    scores = result.table["mean_score"][finished(result)]
    if not scores.size:
        return cmap, Normalize(0, 1)
    best = scores.max() if result.mode == "max" else scores.min()
    low, high = sorted((float(np.median(scores)), float(best)))
    if result.mode == "min" and _far(low, high):
        return cmap, LogNorm(low, high)
    return cmap, Normalize(low, high if high > low else low + (1e-3 * abs(low) or 1e-3))


def colour_bar(fig: Figure, ax: Any, result: "SweepResult", image: Any) -> None:
    """What the colours stand for; not drawn if nothing has a score."""
    scores = result.table["mean_score"][finished(result)]
    if not scores.size:
        return
    below, above = (scores < image.norm.vmin).any(), (scores > image.norm.vmax).any()
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    fig.colorbar(image, ax=ax, extend=extend, pad=0.02).set_label(label(result.metric))


def ordered_colours(count: int) -> list[Any]:
    """From dark to light, none of them too light for a line on white."""
    return list(colormaps["viridis"](np.linspace(0.0, 0.82, count)))


def figure(wide: float, high: float) -> Figure:
    fig = Picture(figsize=(wide, high))
    fig.set_layout_engine("constrained", w_pad=_PAD, h_pad=_PAD)
    return fig


def title(fig: Figure, result: "SweepResult") -> None:
    """How many settings there were, and the best of them."""
    status = result.table["status"]
    line = f"{len(status)} setting{'s' * (len(status) > 1)}"
    for fate in ("stopped", "diverged"):
        count = int((status == fate.upper()).sum())
        line += f", {count} {fate}" if count else ""
    if np.isfinite(result.best_score):
        line += f": best {label(result.metric)} {result.best_score:.4g} at "
        best = setting(result, int(result.order[0]))
        line += best.replace(" ", _NO_BREAK).replace(f",{_NO_BREAK}", ", ")
    columns = int(13 * fig.get_figwidth())
    fig.suptitle(textwrap.fill(line, columns), fontsize=10)


def outline(width: float) -> list[Any]:
    """A white line around something that lies on others."""
    return [withStroke(linewidth=width, foreground="white")]


def key(fig: Figure, handles: list[Any], columns: int = 4) -> None:
    """The legend, below everything."""
    if handles:
        where = {"loc": "outside lower center", "ncols": min(columns, len(handles))}
        fig.legend(handles=handles, fontsize=SMALL, frameon=False, **where)


def star() -> Line2D:
    how = {"color": BEST, "linestyle": "", "markersize": 11, "markeredgecolor": "white"}
    return Line2D([], [], marker="*", label="best", **how)


def cross() -> Line2D:
    how = {"color": DIVERGED, "linestyle": "", "markersize": 5}
    return Line2D([], [], marker="x", label="diverged", **how)


def band(result: "SweepResult") -> Patch:
    seeds = result.curves[result.metric].shape[1]
    return Patch(color="#808080", alpha=0.4, label=f"worst to best of {seeds} seeds")


def setting(result: "SweepResult", row: int) -> str:
    """The hyperparameters of a setting, in words."""
    every = [parameter(result, name) for name in result.space]
    return ", ".join(f"{label(p.name)} {p.text(p.x[row])}" for p in every if np.isfinite(p.x[row]))


def label(name: str) -> str:
    return name.replace("__", " ").replace("_", " ")


def short(x: float) -> str:
    """Three significant digits, without a padded exponent.

    >>> short(0.001), short(2.512e-5), short(1024)
    ('0.001', '2.51e-5', '1024')
    """
    text = f"{x:.0f}" if x == round(x) and abs(x) < 1e5 else f"{x:.3g}"
    digits, e, power = text.partition("e")
    return f"{digits}e{int(power)}" if e else text


def _far(low: float, high: float) -> bool:
    return low > 0 and math.log(high) - math.log(low) >= math.log(_WIDE)
