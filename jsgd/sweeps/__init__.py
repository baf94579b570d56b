"""Sweeps: a whole population of runs, each with hyperparameters of its own, in one program."""

from jsgd.sweeps.halving import halving as halving
from jsgd.sweeps.result import SweepResult as SweepResult
from jsgd.sweeps.space import choice as choice
from jsgd.sweeps.space import grid as grid
from jsgd.sweeps.space import loggrid as loggrid
from jsgd.sweeps.space import loguniform as loguniform
from jsgd.sweeps.space import randint as randint
from jsgd.sweeps.space import settings as settings
from jsgd.sweeps.space import uniform as uniform
from jsgd.sweeps.sweep import sweep as sweep
