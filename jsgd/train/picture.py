"""A figure of matplotlib that notebooks show, and one as a file."""

import io
from typing import Any

from matplotlib.figure import Figure


class Picture(Figure):
    """A figure that is shown where it is the value of a notebook's cell.

    A plain one is a line of text there until pyplot has drawn something.
    """

    def _repr_png_(self) -> bytes:
        return png(self, dpi="figure", bbox_inches="tight")


def png(fig: Figure, **how: Any) -> bytes:
    """The figure as the bytes of a PNG file; `how` is for `savefig`."""
    data = io.BytesIO()
    fig.savefig(data, format="png", **how)
    return data.getvalue()
