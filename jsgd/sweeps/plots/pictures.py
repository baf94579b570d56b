"""Which pictures suit a sweep, and a picture as a file."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from jsgd.sweeps.plots.heat import heat_map
from jsgd.sweeps.plots.importance import enough, importances
from jsgd.sweeps.plots.learning import learning_curves
from jsgd.sweeps.plots.look import Parameter, varied
from jsgd.sweeps.plots.parallel import parallel_coordinates
from jsgd.sweeps.plots.slices import sensitivity
from jsgd.train import picture

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult


def pictures(result: "SweepResult") -> dict[str, Figure]:
    """The pictures that suit a sweep, by name.

    "curves" always; "sensitivity" if a hyperparameter varies; "heatmap" if two do, both of them
    where both apply; "parallel" if three or more do; "importance" if two or more do, in enough
    settings that did not diverge.
    """
    every = varied(result)
    count = len(every)
    out = {"curves": learning_curves(result)}
    if count:
        out["sensitivity"] = sensitivity(result)
    if count == 2 and _together(*every):
        out["heatmap"] = heat_map(result)
    if count > 2:
        out["parallel"] = parallel_coordinates(result)
    if count > 1 and enough(result):
        out["importance"] = importances(result)
    return out


def _together(p: Parameter, q: Parameter) -> bool:
    """Whether both vary where both apply: none does beyond the branch that the other picks."""
    both = np.isfinite(p.x) & np.isfinite(q.x)
    return all(len(np.unique(x[both])) > 1 for x in (p.x, q.x))


def png(fig: Figure) -> bytes:
    """The picture as the bytes of a PNG file."""
    return picture.png(fig, dpi=160)
