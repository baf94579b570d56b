"""A figure of matplotlib that notebooks show."""

import io

from matplotlib.figure import Figure


class Picture(Figure):
    """A figure that is shown where it is the value of a notebook's cell.

    A plain one is a line of text there until pyplot has drawn something.
    """

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.savefig(data, format="png", bbox_inches="tight")
        return data.getvalue()
