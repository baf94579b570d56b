"""The networks by name, for the command line."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flax import linen as nn

from jsgd.models.base import Model, from_linen
from jsgd.models.cnn import CNN
from jsgd.models.linear import LinearRegression, LogisticRegression
from jsgd.models.mlp import MLP


def _build(network: type[nn.Module], example: Any, outputs: int, **options: Any) -> Model:
    return from_linen(network(outputs=outputs, **options), example)


REGISTRY: dict[str, Callable[..., Model]] = {
    "linear": partial(_build, LinearRegression),
    "logistic": partial(_build, LogisticRegression),
    "mlp": partial(_build, MLP),
    "cnn": partial(_build, CNN),
}
"""Name -> `factory(example, outputs, **options) -> Model`.

`example` is a batch of inputs (an array or a `jax.ShapeDtypeStruct`), `outputs` the size of the
output, and the options are the other fields of the network, such as `hidden` of `CNN`.
"""
