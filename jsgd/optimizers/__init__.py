"""The optimizers, one module a family, and their registry."""

from jsgd.optimizers.adagrad import adagrad as adagrad
from jsgd.optimizers.adam import adam as adam
from jsgd.optimizers.adam import adamw as adamw
from jsgd.optimizers.adam import amsgrad as amsgrad
from jsgd.optimizers.adam import nadam as nadam
from jsgd.optimizers.lion import lion as lion
from jsgd.optimizers.muon import muon as muon
from jsgd.optimizers.registry import REGISTRY as REGISTRY
from jsgd.optimizers.rmsprop import rmsprop as rmsprop
from jsgd.optimizers.sgd import noisy_sgd as noisy_sgd
from jsgd.optimizers.sgd import sgd as sgd
