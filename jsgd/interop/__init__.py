"""Bridges to other libraries: a jsgd optimizer in optax's form, an optax one in ours."""

from jsgd.interop.optax import from_optax as from_optax
from jsgd.interop.optax import to_optax as to_optax
