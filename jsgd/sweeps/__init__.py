"""Sweeps: a whole population of runs, each with hyperparameters of its own, in one program."""

from jsgd.sweeps.dimension import choice as choice
from jsgd.sweeps.dimension import grid as grid
from jsgd.sweeps.dimension import loggrid as loggrid
from jsgd.sweeps.dimension import loguniform as loguniform
from jsgd.sweeps.dimension import normal as normal
from jsgd.sweeps.dimension import quniform as quniform
from jsgd.sweeps.dimension import randint as randint
from jsgd.sweeps.dimension import uniform as uniform
from jsgd.sweeps.halving import halving as halving
from jsgd.sweeps.result import SweepResult as SweepResult
from jsgd.sweeps.space import settings as settings
from jsgd.sweeps.sweep import sweep as sweep
