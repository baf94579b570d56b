"""Sweeps: a whole population of runs, each with hyperparameters of its own, in one program."""

import importlib
from typing import Any

from jsgd.sweeps.dimension import choice as choice
from jsgd.sweeps.dimension import grid as grid
from jsgd.sweeps.dimension import loggrid as loggrid
from jsgd.sweeps.dimension import loguniform as loguniform
from jsgd.sweeps.dimension import normal as normal
from jsgd.sweeps.dimension import quniform as quniform
from jsgd.sweeps.dimension import randint as randint
from jsgd.sweeps.dimension import uniform as uniform
from jsgd.sweeps.evolution import population_based as population_based
from jsgd.sweeps.find_lr import RangeTest as RangeTest
from jsgd.sweeps.find_lr import find_lr as find_lr
from jsgd.sweeps.halving import halving as halving
from jsgd.sweeps.hyperband import hyperband as hyperband
from jsgd.sweeps.median import median_stopping as median_stopping
from jsgd.sweeps.result import SweepResult as SweepResult
from jsgd.sweeps.scheduler import Standing as Standing
from jsgd.sweeps.scheduler import Verdict as Verdict
from jsgd.sweeps.space import settings as settings
from jsgd.sweeps.sweep import sweep as sweep


def __getattr__(name: str) -> Any:
    if name != "plots":
        raise AttributeError(f"module 'jsgd.sweeps' has no attribute {name!r}")
    return importlib.import_module("jsgd.sweeps.plots")  # when it is used: it takes matplotlib
