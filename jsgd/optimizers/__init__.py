"""The optimizers, one module a family, and their registry."""

from jsgd.optimizers.adabelief import adabelief as adabelief
from jsgd.optimizers.adadelta import adadelta as adadelta
from jsgd.optimizers.adagrad import adagrad as adagrad
from jsgd.optimizers.adam import adam as adam
from jsgd.optimizers.adam import adamw as adamw
from jsgd.optimizers.adam import amsgrad as amsgrad
from jsgd.optimizers.adam import nadam as nadam
from jsgd.optimizers.adam import nadamw as nadamw
from jsgd.optimizers.adamax import adamax as adamax
from jsgd.optimizers.adamax import adamaxw as adamaxw
from jsgd.optimizers.adan import adan as adan
from jsgd.optimizers.fromage import fromage as fromage
from jsgd.optimizers.lamb import lamb as lamb
from jsgd.optimizers.lars import lars as lars
from jsgd.optimizers.lion import lion as lion
from jsgd.optimizers.muon import muon as muon
from jsgd.optimizers.novograd import novograd as novograd
from jsgd.optimizers.optimistic import optimistic_gradient_descent as optimistic_gradient_descent
from jsgd.optimizers.radam import radam as radam
from jsgd.optimizers.registry import REGISTRY as REGISTRY
from jsgd.optimizers.rmsprop import rmsprop as rmsprop
from jsgd.optimizers.rprop import rprop as rprop
from jsgd.optimizers.sgd import noisy_sgd as noisy_sgd
from jsgd.optimizers.sgd import sgd as sgd
from jsgd.optimizers.sign import sign_sgd as sign_sgd
from jsgd.optimizers.sign import signum as signum
