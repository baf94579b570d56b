"""A small convolutional network for images, fast inside `scan` and under `vmap` on CPU."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jsgd.models.choices import check_choice
from jsgd.models.conv import conv
from jsgd.models.dense import Dense
from jsgd.models.dropout import dropout, dropout_rate
from jsgd.models.initialisers import initialiser
from jsgd.models.norm import norm


class CNN(nn.Module):
    """Blocks of 3x3 convolution, ReLU and 2x2 max pooling; a hidden layer with dropout; logits.

    Attributes:
        outputs: how many classes.
        features: the channels of each block, which halves the image; `None` for `depth` blocks of
            `width`, 2 `width`, 4 `width`, ... channels.
        width: the channels of the first block, >= 1.
        depth: how many blocks, >= 1.
        hidden: the size of the hidden layer.
        pool: `"flatten"` gives the hidden layer all places, `"average"` the average over them.
        norm: `"batch"`, `"group"` or `"none"`, after each convolution.
        initialiser: of the kernels but the last: `he`, `glorot`, `lecun`, `orthogonal`, `normal`.
        dropout_rate: the initial `model_state["hyper"]["dropout"]`, in [0, 1).
        conv_general_dilated: the convolution, of the signature of `lax.conv_general_dilated`.

    >>> import jax, jax.numpy as jnp
    >>> model = CNN(outputs=10)
    >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)))
    >>> model.apply(variables, jnp.ones((5, 8, 8, 1))).shape
    (5, 10)
    """

    outputs: int
    features: Sequence[int] | None = None
    width: int = 16
    depth: int = 2
    hidden: int = 64
    pool: str = "flatten"
    norm: str = "none"
    initialiser: str = "he"
    dropout_rate: float = 0.0
    conv_general_dilated: Callable = conv

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:  # (n, h, w, c) to (n, outputs)
        check_choice("pool", self.pool, ("flatten", "average"))
        features = self.features or [self.width * 2**depth for depth in range(self.depth)]
        least = 2 ** len(features)
        if x.ndim != 4 or min(x.shape[1:3]) < least:
            raise ValueError(
                f"a CNN of {len(features)} blocks takes images of shape (n, h, w, c) "
                f"with h and w at least {least}, got {x.shape}"
            )
        rate = dropout_rate(self, self.dropout_rate)
        init = initialiser(self.initialiser)
        for depth, channels in enumerate(features):
            layer = nn.Conv(
                channels,
                (3, 3),
                kernel_init=init,
                use_bias=self.norm == "none",
                conv_general_dilated=self.conv_general_dilated,
                name=f"conv{depth}",
            )
            x = norm(layer(x), self.norm, train, name=f"norm{depth}")
            x = max_pool(nn.relu(x), (2, 2))
        x = x.reshape(x.shape[0], -1) if self.pool == "flatten" else jnp.mean(x, axis=(1, 2))
        x = nn.relu(Dense(self.hidden, kernel_init=init, name="dense")(x))
        x = dropout(x, rate, self.make_rng("dropout")) if train else x
        return Dense(self.outputs, kernel_init=nn.initializers.glorot_normal(), name="out")(x)


def max_pool(x: Array, window: tuple[int, int]) -> Array:
    """Take maxima over windows that do not overlap, as `flax.linen.max_pool(x, window, window)`.

    Where the windows tile the image it is written as elementwise maxima, because the gradient of
    the native form (`select_and_scatter`) is slow on CPU. The gradient at a tie goes to the first
    of the largest, as in lax (`jnp.max` would share it), and NaN stays NaN.

    Args:
        x: images, of shape (n, h, w, c).
        window: height a and width b.

    Returns:
        Shape (n, h // a, w // b, c).

    >>> import jax.numpy as jnp
    >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), (2, 2))[0, :, :, 0]
    Array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """
    (n, h, w, c), (a, b) = x.shape, window
    if h % a or w % b:
        return nn.max_pool(x, window, strides=window)
    return _largest(x.reshape(n, h // a, a, w // b, b, c))


@jax.custom_jvp
def _largest(x):  # of each window: (n, h, a, w, b, c) to (n, h, w, c)
    return _first_of_the_largest(x)[0]


@_largest.defjvp
def _tangent(point, towards):
    (x,), (dx,) = point, towards
    largest, first = _first_of_the_largest(x)
    a, b = x.shape[2], x.shape[4]
    places = jnp.arange(a * b, dtype=first.dtype).reshape(1, 1, a, 1, b, 1)
    chosen = jnp.expand_dims(first, (2, 4)) == places
    # the transpose of this, which is the gradient, is a choice, too, and adds and pads nothing
    return largest, jnp.sum(jnp.where(chosen, dx, jnp.zeros_like(dx)), axis=(2, 4))


def _first_of_the_largest(x):
    """The largest of each window and its place there, rows first: that is the order of lax."""
    places = [x[:, :, i, :, j] for i in range(x.shape[2]) for j in range(x.shape[4])]
    largest, first = places[0], jnp.zeros(places[0].shape, jnp.int16)
    for k, place in enumerate(places[1:], 1):
        stays = (largest >= place) | jnp.isnan(largest)
        largest, first = jnp.where(stays, largest, place), jnp.where(stays, first, jnp.int16(k))
    return largest, first
