"""The optimizers, one module a family, and their registry.

How to add one, `quick` say:

1. Write `jsgd/optimizers/quick.py`, with `qhadam.py` for a model: the factory that users call, its
   docstring (the maths; every number's range; an example; title, year and WHICH algorithm), and
   under it the rule, a pure function that reads like the paper's algorithm box:

   >>> import jax.numpy as jnp, jsgd
   >>> def quick(lr=0.1, b1=0.9):
   ...     return jsgd.elementwise(_quick, slots=("mu",), lr=lr, b1=b1)
   >>> def _quick(p, g, s, h):
   ...     mu = h.b1 * s.mu + (1 - h.b1) * g
   ...     return p - h.lr * mu / (1 - h.b1**h.t), {"mu": mu}
   >>> params, state = quick().step(jnp.zeros(1), jnp.ones(1), quick().init(jnp.zeros(1)))

   `elementwise` if the rule treats every number alike, `leafwise` if it must see one whole leaf,
   `treewise` if it must see them all; `jsgd.core.rules` says what a rule is given. Dtypes,
   schedules, per-layer values, counting and checks are core's.
2. A number whose name is new gets its range in `jsgd.core.ranges`.
3. One row in `registry.py`, with a dict of keywords in `variants` for every static choice, and one
   line here and in `jsgd/__init__.py` to export the name.
4. A golden trace for every variant: name the reference in a family of `tests/golden` (a package's
   optimizer, or the paper's pseudocode in NumPy), `PYTHONPATH=tests python -m golden.make quick`.
5. `PYTHONPATH=tests python -m golden.tables` writes it into the README.
6. `pytest -k quick` holds it against the laws, its trace, its symmetries and optax's contract.
"""

from jsgd.optimizers.acprop import acprop as acprop
from jsgd.optimizers.adabelief import adabelief as adabelief
from jsgd.optimizers.adadelta import adadelta as adadelta
from jsgd.optimizers.adafactor import adafactor as adafactor
from jsgd.optimizers.adagrad import adagrad as adagrad
from jsgd.optimizers.adam import adam as adam
from jsgd.optimizers.adam import adamw as adamw
from jsgd.optimizers.adam import amsgrad as amsgrad
from jsgd.optimizers.adam import nadam as nadam
from jsgd.optimizers.adam import nadamw as nadamw
from jsgd.optimizers.adamax import adamax as adamax
from jsgd.optimizers.adamax import adamaxw as adamaxw
from jsgd.optimizers.adan import adan as adan
from jsgd.optimizers.ademamix import ademamix as ademamix
from jsgd.optimizers.ademamix import simplified_ademamix as simplified_ademamix
from jsgd.optimizers.adopt import adopt as adopt
from jsgd.optimizers.asgd import asgd as asgd
from jsgd.optimizers.cocob import cocob as cocob
from jsgd.optimizers.dadapt import dadapt_adamw as dadapt_adamw
from jsgd.optimizers.dog import dog as dog
from jsgd.optimizers.dog import dowg as dowg
from jsgd.optimizers.dpsgd import dpsgd as dpsgd
from jsgd.optimizers.fromage import fromage as fromage
from jsgd.optimizers.ftrl import ftrl as ftrl
from jsgd.optimizers.galore import galore as galore
from jsgd.optimizers.lamb import lamb as lamb
from jsgd.optimizers.lars import lars as lars
from jsgd.optimizers.lbfgs import lbfgs as lbfgs
from jsgd.optimizers.lion import lion as lion
from jsgd.optimizers.madgrad import madgrad as madgrad
from jsgd.optimizers.momo import momo as momo
from jsgd.optimizers.momo import momo_adam as momo_adam
from jsgd.optimizers.muon import muon as muon
from jsgd.optimizers.novograd import novograd as novograd
from jsgd.optimizers.optimistic import optimistic_adam as optimistic_adam
from jsgd.optimizers.optimistic import optimistic_gradient_descent as optimistic_gradient_descent
from jsgd.optimizers.polyak import polyak_sgd as polyak_sgd
from jsgd.optimizers.prodigy import prodigy as prodigy
from jsgd.optimizers.qhadam import qhadam as qhadam
from jsgd.optimizers.radam import radam as radam
from jsgd.optimizers.registry import REGISTRY as REGISTRY
from jsgd.optimizers.rmsprop import rmsprop as rmsprop
from jsgd.optimizers.rprop import rprop as rprop
from jsgd.optimizers.schedule_free import schedule_free_adamw as schedule_free_adamw
from jsgd.optimizers.schedule_free import schedule_free_sgd as schedule_free_sgd
from jsgd.optimizers.sgd import noisy_sgd as noisy_sgd
from jsgd.optimizers.sgd import sgd as sgd
from jsgd.optimizers.sign import sign_sgd as sign_sgd
from jsgd.optimizers.sign import signum as signum
from jsgd.optimizers.sm3 import sm3 as sm3
from jsgd.optimizers.sophia import sophia as sophia
from jsgd.optimizers.yogi import yogi as yogi
