"""LeNet-5, in the form that is usual today: ReLU, max pooling and dense layers."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jsgd.models.cnn import max_pool
from jsgd.models.conv import conv
from jsgd.models.dense import Dense
from jsgd.models.initialisers import initialiser


class LeNet(nn.Module):
    """Two 5x5 convolutions with 2x2 max pooling, then dense layers of 120, 84 and the outputs.

    The images are padded with zeros to 32x32, as in the paper. On gray images and ten classes it
    has 61,706 parameters.

    Attributes:
        outputs: how many classes.
        initialiser: of the kernels but the last: `he`, `glorot`, `lecun`, `orthogonal`, `normal`.
        conv_general_dilated: the convolution, of the signature of `lax.conv_general_dilated`.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.ones((5, 28, 28, 1))
    >>> params = jax.eval_shape(LeNet(outputs=10).init, jax.random.key(0), x)["params"]
    >>> sum(p.size for p in jax.tree.leaves(params))
    61706

    References:
        LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the
        IEEE 1998, https://doi.org/10.1109/5.726791, Figure 2; there with sigmoids, averages
        and sparse connections. The count is that of d2l.ai, section 7.6, on 28x28.
    """

    outputs: int
    initialiser: str = "he"
    conv_general_dilated: Callable = conv

    @nn.compact
    def __call__(self, x: Array) -> Array:  # (n, h, w, c) to (n, outputs)
        if x.ndim != 4 or max(x.shape[1:3]) > 32:
            raise ValueError(
                f"LeNet takes images of shape (n, h, w, c) with h and w at most 32, got {x.shape}"
            )
        init = initialiser(self.initialiser)
        edges = [((32 - size) // 2, (33 - size) // 2) for size in x.shape[1:3]]
        x = jnp.pad(x, ((0, 0), *edges, (0, 0)))
        for depth, channels in enumerate((6, 16)):
            layer = nn.Conv(
                channels,
                (5, 5),
                padding="VALID",
                kernel_init=init,
                conv_general_dilated=self.conv_general_dilated,
                name=f"conv{depth}",
            )
            x = max_pool(nn.relu(layer(x)), (2, 2))
        x = x.reshape(x.shape[0], -1)
        for depth, width in enumerate((120, 84)):
            x = nn.relu(Dense(width, kernel_init=init, name=f"dense{depth}")(x))
        return Dense(self.outputs, kernel_init=nn.initializers.glorot_normal(), name="out")(x)
