"""Which pictures suit a sweep, and a picture as a file."""

import io
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from jsgd.sweeps.plots.heat import heat_map
from jsgd.sweeps.plots.importance import enough, importances
from jsgd.sweeps.plots.learning import learning_curves
from jsgd.sweeps.plots.look import varied
from jsgd.sweeps.plots.parallel import parallel_coordinates
from jsgd.sweeps.plots.slices import sensitivity

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult


def pictures(result: "SweepResult") -> dict[str, Figure]:
    """The pictures that suit a sweep, by name.

    "curves" always; "sensitivity" if a hyperparameter varies; "heatmap" if two do; "parallel" if
    three or more do; "importance" if two or more do, in enough settings that did not diverge.
    """
    count = len(varied(result))
    out = {"curves": learning_curves(result)}
    if count:
        out["sensitivity"] = sensitivity(result)
    if count == 2:
        out["heatmap"] = heat_map(result)
    if count > 2:
        out["parallel"] = parallel_coordinates(result)
    if count > 1 and enough(result):
        out["importance"] = importances(result)
    return out


def png(fig: Figure) -> bytes:
    """The picture as the bytes of a PNG file."""
    data = io.BytesIO()
    fig.savefig(data, format="png", dpi=160)
    return data.getvalue()
