"""Pictures of a sweep, each a function of its result that returns a matplotlib figure."""

from jsgd.sweeps.plots.heat import heat_map as heat_map
from jsgd.sweeps.plots.importance import importances as importances
from jsgd.sweeps.plots.importance import variance_shares as variance_shares
from jsgd.sweeps.plots.learning import learning_curves as learning_curves
from jsgd.sweeps.plots.parallel import parallel_coordinates as parallel_coordinates
from jsgd.sweeps.plots.pictures import pictures as pictures
from jsgd.sweeps.plots.pictures import png as png
from jsgd.sweeps.plots.slices import sensitivity as sensitivity
