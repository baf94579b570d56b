"""Wide residual networks: norm and ReLU before each convolution, and dropout between the two."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jsgd.models.conv import conv
from jsgd.models.dense import Dense
from jsgd.models.dropout import dropout, dropout_rate
from jsgd.models.norm import norm
from jsgd.models.resnet import convolution


class WideResNet(nn.Module):
    """WRN-depth-width: three stages of pre-activated blocks, of 16, 32 and 64 times width channels.

    WRN-28-10 has 36,479,194 parameters for ten classes.

    Attributes:
        outputs: how many classes.
        depth: how many convolutions on the way, 6 n + 4 with n >= 1 blocks a stage.
        width: the paper's k, >= 1.
        dropout_rate: the initial `model_state["hyper"]["dropout"]`, in [0, 1).
        norm: `"batch"`, `"group"` or `"none"` (then the last kernel of a block starts at zero).
        initialiser: of the kernels but the last: `he`, `glorot`, `lecun`, `orthogonal`, `normal`.
        conv_general_dilated: the convolution, of the signature of `lax.conv_general_dilated`.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.ones((1, 32, 32, 3))
    >>> params = jax.eval_shape(WideResNet(outputs=10).init, jax.random.key(0), x)["params"]
    >>> sum(p.size for p in jax.tree.leaves(params))
    36479194

    References:
        Zagoruyko and Komodakis, "Wide Residual Networks", BMVC 2016,
        https://arxiv.org/abs/1605.07146, Table 1, with B(3, 3) and the dropout of section 2.4.
    """

    outputs: int
    depth: int = 28
    width: int = 10
    dropout_rate: float = 0.0
    norm: str = "batch"
    initialiser: str = "he"
    conv_general_dilated: Callable = conv

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:  # (n, h, w, c) to (n, outputs)
        if self.depth < 10 or (self.depth - 4) % 6:
            raise ValueError(f"depth = {self.depth}: it must be 10, 16, 22, ... (6 n + 4)")
        if x.ndim != 4:
            raise ValueError(f"a WideResNet takes images of shape (n, h, w, c), got {x.shape}")
        rate = dropout_rate(self, self.dropout_rate)
        convolve = convolution(self.norm, self.initialiser, self.conv_general_dilated)
        normalise = partial(norm, kind=self.norm, train=train)
        x = convolve(16, 3, 1, name="stem")(x)
        for stage in range(3):
            for place in range((self.depth - 4) // 6):
                at, channels = f"stage{stage}_block{place}_", 16 * 2**stage * self.width
                stride = 2 if stage and not place else 1
                y = nn.relu(normalise(x, name=at + "norm0"))
                if x.shape[-1] != channels:
                    x = convolve(channels, 1, stride, name=at + "shortcut")(y)
                y = convolve(channels, 3, stride, name=at + "conv0")(y)
                y = nn.relu(normalise(y, name=at + "norm1"))
                y = dropout(y, rate, self.make_rng("dropout")) if train else y
                x = x + convolve(channels, 3, 1, name=at + "conv1", closes=True)(y)
        x = jnp.mean(nn.relu(normalise(x, name="norm")), axis=(1, 2))
        return Dense(self.outputs, kernel_init=nn.initializers.glorot_normal(), name="out")(x)
