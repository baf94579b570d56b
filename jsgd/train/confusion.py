"""A picture of a confusion matrix: what is right in blue, what is mistaken in red."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from jsgd.train.picture import Picture

_FEW = 24  # classes that leave room for a number in each cell
_NAMES = 40  # classes that are all named at the axes
_PALE = 0.15  # where the colours begin that stand for something: not white
_DARK = 0.55  # the lightness below which letters are white


def confusion_matrix(confusion: np.ndarray, names: Sequence[str], ax: Any = None) -> Figure:
    """Draw how many samples of each class (rows) were taken for each (columns).

    Colours are shares of the row, so that rare classes show as well as common ones. The right ones
    (blue) and the mistakes (red) have scales of their own, the latter up to the largest mistake:
    on one scale a few mistakes among many right ones are not to be seen. Nothing is white.

    Args:
        confusion: of shape (classes, classes).
        names: of the classes.
        ax: the matplotlib axes to draw on, or `None` for a figure of its own.

    Returns:
        The matplotlib figure.
    """
    n = len(confusion)
    if ax is None:
        side = min(max(3.0 + 0.36 * n, 4.2), 9.5)
        fig = Picture(figsize=(side + 1.6, side))
        fig.set_layout_engine("compressed", w_pad=0.08, h_pad=0.08)  # the cells are squares
        ax = fig.subplots()
    total = confusion.sum(axis=1, keepdims=True)
    share = confusion / np.maximum(total, 1)
    diagonal = np.eye(n, dtype=bool)
    mistakes = np.where(diagonal, 0, share)
    scales = {"right": ("Blues", 1.0), "mistaken": ("Reds", float(mistakes.max()) or 1.0)}
    colours = np.ones((n, n, 4))
    for cells, (cmap, top) in zip((diagonal, ~diagonal), scales.values(), strict=True):
        seen = cells & (confusion > 0)
        colours[seen] = _shades(cmap)(share[seen] / top)
    ax.imshow(colours)
    if n <= _FEW:
        size = 9 if n <= 12 else 7
        for i, j in np.argwhere(confusion > 0):
            white = colours[i, j, :3] @ [0.299, 0.587, 0.114] < _DARK
            how = {"color": "white" if white else "black", "fontsize": size}
            ax.text(j, i, f"{confusion[i, j]}", ha="center", va="center", **how)
    _name(ax, names)
    for word, (cmap, top) in reversed(scales.items()):
        image = ScalarMappable(Normalize(0, top), _shades(cmap))
        bar = ax.figure.colorbar(image, ax=ax, pad=0.02, fraction=0.05, shrink=0.8)
        bar.ax.yaxis.set_major_locator(MaxNLocator(5))
        bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
        bar.set_label(f"{word}, of its class")
    right, all_ = int(np.trace(confusion)), int(confusion.sum())
    ax.set_title(f"{right} of {all_} right: accuracy {right / max(all_, 1):.4g}", fontsize=10)
    return ax.figure


def _name(ax: Any, names: Sequence[str]) -> None:
    """The classes at the axes, every one or every so many."""
    places = range(0, len(names), -(-len(names) // _NAMES))
    words = [names[i] for i in places]
    wide = len(words) * max(map(len, words)) > 40
    slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if wide else {}
    ax.set_xticks(places, words, **slanted)
    ax.set_yticks(places, words)
    ax.tick_params(length=0, labelsize=9 if len(names) <= 12 else 7)
    ax.set_xlabel("taken for")
    ax.set_ylabel("class")
    ax.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="#e6e6e6", linewidth=0.6)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_color("#b0b0b0")


def _shades(name: str) -> Any:
    """A colour map without its palest part, which is kept for nothing."""
    return ListedColormap(colormaps[name](np.linspace(_PALE, 1, 256)))
