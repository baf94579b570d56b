"""The core: the pair of functions, the state, and the lifts that turn a rule into an optimizer."""

from jsgd.core.flat import Flat as Flat
from jsgd.core.flat import flatten as flatten
from jsgd.core.flat import unflatten as unflatten
from jsgd.core.hyper import Schedule as Schedule
from jsgd.core.nest import get_hyper as get_hyper
from jsgd.core.nest import set_hyper as set_hyper
from jsgd.core.optimizer import Optimizer as Optimizer
from jsgd.core.optimizer import State as State
from jsgd.core.readers import eval_params as eval_params
from jsgd.core.readers import metrics as metrics
from jsgd.core.readers import value_and_grad as value_and_grad
from jsgd.core.rules import elementwise as elementwise
from jsgd.core.rules import leafwise as leafwise
from jsgd.core.rules import treewise as treewise
from jsgd.core.rules import wrapper as wrapper
