"""A multi-layer perceptron whose dropout rate is data."""

from collections.abc import Sequence

from flax import linen as nn
from jax import Array

from jsgd.models.dense import Dense
from jsgd.models.dropout import dropout, dropout_rate
from jsgd.models.initialisers import initialiser


class MLP(nn.Module):
    """Dense layers with ReLU and dropout, then a dense layer for the outputs.

    Attributes:
        outputs: the size of the output: classes, or values to predict.
        features: the sizes of the hidden layers.
        dropout_rate: the initial `model_state["hyper"]["dropout"]`, in [0, 1).
        initialiser: of the kernels but the last: `he`, `glorot`, `lecun`, `orthogonal`, `normal`.

    >>> import jax, jax.numpy as jnp
    >>> model = MLP(outputs=10, features=(64, 32), dropout_rate=0.1)
    >>> variables = model.init(jax.random.key(0), jnp.ones((5, 8, 8, 1)))
    >>> model.apply(variables, jnp.ones((5, 8, 8, 1))).shape
    (5, 10)
    """

    outputs: int
    features: Sequence[int] = (128,)
    dropout_rate: float = 0.0
    initialiser: str = "he"

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:  # (n, ...) to (n, outputs)
        rate = dropout_rate(self, self.dropout_rate)
        init = initialiser(self.initialiser)
        x = x.reshape(x.shape[0], -1)
        for depth, width in enumerate(self.features):
            x = nn.relu(Dense(width, kernel_init=init, name=f"dense{depth}")(x))
            x = dropout(x, rate, self.make_rng("dropout")) if train else x
        return Dense(self.outputs, kernel_init=nn.initializers.glorot_normal(), name="out")(x)
