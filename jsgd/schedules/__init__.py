"""Schedules: hyperparameters that depend on the step, pytrees of arrays like any other.

Give one wherever a number can stand: `jsgd.adam(jsgd.schedules.warmup_cosine(3e-4, 100, 1000))`.
It is called with the number of steps done, 0 at the first. Any callable `step -> value`, an optax
schedule say, does as well, but its numbers are then part of the program and do not sweep.
"""

from jsgd.schedules.compose import join as join
from jsgd.schedules.compose import piecewise as piecewise
from jsgd.schedules.compose import piecewise_interpolate as piecewise_interpolate
from jsgd.schedules.cyclic import cyclic as cyclic
from jsgd.schedules.decay import constant as constant
from jsgd.schedules.decay import cosine as cosine
from jsgd.schedules.decay import exponential as exponential
from jsgd.schedules.decay import inverse_time as inverse_time
from jsgd.schedules.decay import linear as linear
from jsgd.schedules.decay import polynomial as polynomial
from jsgd.schedules.onecycle import onecycle as onecycle
from jsgd.schedules.registry import REGISTRY as REGISTRY
from jsgd.schedules.restarts import cosine_restarts as cosine_restarts
from jsgd.schedules.restarts import sgdr as sgdr
from jsgd.schedules.stairs import multi_step as multi_step
from jsgd.schedules.stairs import step as step
from jsgd.schedules.warmup import inverse_sqrt as inverse_sqrt
from jsgd.schedules.warmup import warmup_constant as warmup_constant
from jsgd.schedules.warmup import warmup_cosine as warmup_cosine
from jsgd.schedules.warmup import warmup_exponential as warmup_exponential
from jsgd.schedules.wsd import wsd as wsd
