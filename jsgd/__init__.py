"""jsgd: functional optimizers for JAX, whose hyperparameters are data.

>>> import jax, jax.numpy as jnp, jsgd
>>> opt = jsgd.adamw(lr=3e-4, weight_decay=0.1)
>>> params = {"w": jnp.ones(3)}
>>> state = opt.init(params)                                   # hyperparameters are arrays in here
>>> params, state = jax.jit(opt.step)(params, params, state)   # pure: jit it, vmap it, scan it

Optimizers and wrappers are flat names; schedules, models, data, training and sweeps are grouped
(`jsgd.schedules.cosine`), and what is heavier than JAX is imported when it is first used.
"""

import importlib
from typing import Any

from jsgd import schedules as schedules
from jsgd.core import Flat as Flat
from jsgd.core import Optimizer as Optimizer
from jsgd.core import Schedule as Schedule
from jsgd.core import State as State
from jsgd.core import elementwise as elementwise
from jsgd.core import eval_params as eval_params
from jsgd.core import flatten as flatten
from jsgd.core import get_hyper as get_hyper
from jsgd.core import leafwise as leafwise
from jsgd.core import metrics as metrics
from jsgd.core import set_hyper as set_hyper
from jsgd.core import treewise as treewise
from jsgd.core import unflatten as unflatten
from jsgd.core import value_and_grad as value_and_grad
from jsgd.core import wrapper as wrapper
from jsgd.optimizers import acprop as acprop
from jsgd.optimizers import adabelief as adabelief
from jsgd.optimizers import adadelta as adadelta
from jsgd.optimizers import adafactor as adafactor
from jsgd.optimizers import adagrad as adagrad
from jsgd.optimizers import adam as adam
from jsgd.optimizers import adamax as adamax
from jsgd.optimizers import adamaxw as adamaxw
from jsgd.optimizers import adamw as adamw
from jsgd.optimizers import adan as adan
from jsgd.optimizers import ademamix as ademamix
from jsgd.optimizers import adopt as adopt
from jsgd.optimizers import amsgrad as amsgrad
from jsgd.optimizers import asgd as asgd
from jsgd.optimizers import cocob as cocob
from jsgd.optimizers import dadapt_adamw as dadapt_adamw
from jsgd.optimizers import dog as dog
from jsgd.optimizers import dowg as dowg
from jsgd.optimizers import dpsgd as dpsgd
from jsgd.optimizers import fromage as fromage
from jsgd.optimizers import ftrl as ftrl
from jsgd.optimizers import galore as galore
from jsgd.optimizers import lamb as lamb
from jsgd.optimizers import lars as lars
from jsgd.optimizers import lbfgs as lbfgs
from jsgd.optimizers import lion as lion
from jsgd.optimizers import madgrad as madgrad
from jsgd.optimizers import momo as momo
from jsgd.optimizers import momo_adam as momo_adam
from jsgd.optimizers import muon as muon
from jsgd.optimizers import nadam as nadam
from jsgd.optimizers import nadamw as nadamw
from jsgd.optimizers import noisy_sgd as noisy_sgd
from jsgd.optimizers import novograd as novograd
from jsgd.optimizers import optimistic_adam as optimistic_adam
from jsgd.optimizers import optimistic_gradient_descent as optimistic_gradient_descent
from jsgd.optimizers import polyak_sgd as polyak_sgd
from jsgd.optimizers import prodigy as prodigy
from jsgd.optimizers import qhadam as qhadam
from jsgd.optimizers import radam as radam
from jsgd.optimizers import rmsprop as rmsprop
from jsgd.optimizers import rprop as rprop
from jsgd.optimizers import schedule_free_adamw as schedule_free_adamw
from jsgd.optimizers import schedule_free_sgd as schedule_free_sgd
from jsgd.optimizers import sgd as sgd
from jsgd.optimizers import sign_sgd as sign_sgd
from jsgd.optimizers import signum as signum
from jsgd.optimizers import simplified_ademamix as simplified_ademamix
from jsgd.optimizers import sm3 as sm3
from jsgd.optimizers import sophia as sophia
from jsgd.optimizers import yogi as yogi
from jsgd.wrappers import accumulate as accumulate
from jsgd.wrappers import adaptive_clip as adaptive_clip
from jsgd.wrappers import add_noise as add_noise
from jsgd.wrappers import centralize as centralize
from jsgd.wrappers import clip_by_block_rms as clip_by_block_rms
from jsgd.wrappers import clip_by_global_norm as clip_by_global_norm
from jsgd.wrappers import clip_by_norm as clip_by_norm
from jsgd.wrappers import clip_by_value as clip_by_value
from jsgd.wrappers import compress as compress
from jsgd.wrappers import differentially_private as differentially_private
from jsgd.wrappers import ema as ema
from jsgd.wrappers import freeze as freeze
from jsgd.wrappers import kahan as kahan
from jsgd.wrappers import keep_nonnegative as keep_nonnegative
from jsgd.wrappers import l1 as l1
from jsgd.wrappers import log_metrics as log_metrics
from jsgd.wrappers import lookahead as lookahead
from jsgd.wrappers import masked as masked
from jsgd.wrappers import master_weights as master_weights
from jsgd.wrappers import mechanize as mechanize
from jsgd.wrappers import normalize as normalize
from jsgd.wrappers import partition as partition
from jsgd.wrappers import project as project
from jsgd.wrappers import reduce_on_plateau as reduce_on_plateau
from jsgd.wrappers import sam as sam
from jsgd.wrappers import schedule_free as schedule_free
from jsgd.wrappers import skip_large as skip_large
from jsgd.wrappers import skip_nonfinite as skip_nonfinite
from jsgd.wrappers import split_complex as split_complex
from jsgd.wrappers import stochastic_rounding as stochastic_rounding
from jsgd.wrappers import swa as swa
from jsgd.wrappers import trust_ratio as trust_ratio
from jsgd.wrappers import weight_decay as weight_decay
from jsgd.wrappers import zero_nans as zero_nans

__version__ = "0.1.0"

_LATER = {
    "to_optax": "jsgd.interop",
    "from_optax": "jsgd.interop",
    "minimize": "jsgd.train.minimize",
} | {
    group: f"jsgd.{group}"
    for group in ("data", "estimators", "interop", "models", "sweeps", "train")
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'jsgd' has no attribute {name!r}")
    module = importlib.import_module(_LATER[name])
    return module if _LATER[name] == f"jsgd.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
