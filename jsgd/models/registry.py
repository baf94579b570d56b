"""The networks by the names that the field gives them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flax import linen as nn

from jsgd.models.base import Model, from_linen
from jsgd.models.cnn import CNN
from jsgd.models.lenet import LeNet
from jsgd.models.linear import LinearRegression, LogisticRegression
from jsgd.models.mlp import MLP
from jsgd.models.resnet import ResNet
from jsgd.models.wideresnet import WideResNet


def _build(network: Callable[..., nn.Module], example: Any, outputs: int, **options: Any) -> Model:
    return from_linen(network(outputs=outputs, **options), example)


_small = partial(ResNet, width=16, stem="small", shortcut="pad")


REGISTRY: dict[str, Callable[..., Model]] = {
    "linear": partial(_build, LinearRegression),
    "logistic": partial(_build, LogisticRegression),
    "mlp": partial(_build, MLP),
    "cnn": partial(_build, CNN),
    "lenet": partial(_build, LeNet),
    "resnet18": partial(_build, partial(ResNet, blocks=(2, 2, 2, 2))),
    "resnet34": partial(_build, partial(ResNet, blocks=(3, 4, 6, 3))),
    "resnet50": partial(_build, partial(ResNet, blocks=(3, 4, 6, 3), bottleneck=True)),
    "resnet20": partial(_build, partial(_small, blocks=(3, 3, 3))),
    "resnet56": partial(_build, partial(_small, blocks=(9, 9, 9))),
    "wideresnet": partial(_build, WideResNet),
}
"""Name -> `factory(example, outputs, **options) -> Model`.

`example` is a batch of inputs (an array or a `jax.ShapeDtypeStruct`), `outputs` the size of the
output, and the options are the other fields of the network, such as `hidden` of `CNN`.
"""
