"""Networks behind `Model(init, apply)`, and the products that make them fast on CPU."""

from jsgd.models.base import Model as Model
from jsgd.models.base import from_linen as from_linen
from jsgd.models.base import from_nnx as from_nnx
from jsgd.models.cnn import CNN as CNN
from jsgd.models.conv import conv as conv
from jsgd.models.dense import dot_general as dot_general
from jsgd.models.initialisers import INITIALISERS as INITIALISERS
from jsgd.models.lenet import LeNet as LeNet
from jsgd.models.linear import LinearRegression as LinearRegression
from jsgd.models.linear import LogisticRegression as LogisticRegression
from jsgd.models.mlp import MLP as MLP
from jsgd.models.registry import REGISTRY as REGISTRY
from jsgd.models.resnet import ResNet as ResNet
from jsgd.models.wideresnet import WideResNet as WideResNet
