"""Linear models: one matrix and one bias, read as values or as logits."""

from flax import linen as nn
from jax import Array

from jsgd.models.dense import Dense


class LinearRegression(nn.Module):
    """Predict `y = x W + b`, for a squared loss. It starts from zero: the problem is convex.

    Attributes:
        outputs: how many values to predict.

    >>> import jax, jax.numpy as jnp
    >>> model = LinearRegression(outputs=1)
    >>> variables = model.init(jax.random.key(0), jnp.ones((5, 3)))
    >>> model.apply(variables, jnp.ones((5, 3))).shape
    (5, 1)
    """

    outputs: int

    @nn.compact
    def __call__(self, x: Array) -> Array:  # (n, ...) to (n, outputs)
        x = x.reshape(x.shape[0], -1)
        return Dense(self.outputs, kernel_init=nn.initializers.zeros, name="linear")(x)


class LogisticRegression(LinearRegression):
    """Predict the logits `x W + b` of classes, for a cross-entropy loss. It starts from zero.

    Attributes:
        outputs: how many classes.
    """
