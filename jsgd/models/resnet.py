"""Residual networks for large images (ResNet-18, 34, 50) and for small ones (ResNet-20, 56)."""

from collections.abc import Callable, Sequence
from functools import partial

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jsgd.models.choices import check_choice
from jsgd.models.conv import conv
from jsgd.models.dense import Dense
from jsgd.models.initialisers import initialiser
from jsgd.models.norm import norm


class ResNet(nn.Module):
    """A stem, stages of residual blocks, the average over all places, and a dense layer.

    The first stage has `width` channels; each of the others halves the image and doubles them.
    Without norm convolutions have biases, and the last one of a block starts at zero (Fixup), so
    that the network begins as one that does not explode with depth.

    Parameters (ten classes, batch norm): `resnet18` 11,173,962, `resnet20` 269,722, `resnet56`
    853,018 with `shortcut="pad"` (option A, as in the paper), 272,474 and 855,770 with
    `"projection"` (option B). With 1,000 classes and the large stem `resnet18`, `resnet34` and
    `resnet50` have 11,689,512, 21,797,672 and 25,557,032.

    Attributes:
        outputs: how many classes.
        blocks: how many blocks in each stage.
        width: the channels of the first stage, >= 1.
        bottleneck: blocks of 1x1, 3x3 and 1x1 to four times the channels, not of two 3x3. The 3x3
            has the stride ("ResNet v1.5", as in torchvision).
        stem: `"large"` is a 7x7 convolution of stride 2 and 3x3 max pooling of stride 2, `"small"`
            a 3x3 convolution, `"auto"` is `"small"` for images of up to 64x64.
        shortcut: where the shape changes: `"projection"` by 1x1 convolutions, or `"pad"`, without
            parameters, by subsampling and channels of zeros.
        norm: `"batch"`, `"group"` or `"none"`.
        initialiser: of the kernels but the last: `he`, `glorot`, `lecun`, `orthogonal`, `normal`.
        conv_general_dilated: the convolution, of the signature of `lax.conv_general_dilated`.

    >>> import jax, jax.numpy as jnp
    >>> model, x = ResNet(outputs=10, blocks=(2, 2, 2, 2)), jnp.ones((1, 32, 32, 3))
    >>> params = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    >>> sum(p.size for p in jax.tree.leaves(params))
    11173962

    References:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016,
        https://arxiv.org/abs/1512.03385, Table 1 and section 4.2. Zhang, Dauphin and Ma, "Fixup
        Initialization", ICLR 2019, https://arxiv.org/abs/1901.09321, section 3, rule 1.
    """

    outputs: int
    blocks: Sequence[int]
    width: int = 64
    bottleneck: bool = False
    stem: str = "auto"
    shortcut: str = "projection"
    norm: str = "batch"
    initialiser: str = "he"
    conv_general_dilated: Callable = conv

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:  # (n, h, w, c) to (n, outputs)
        check_choice("stem", self.stem, ("auto", "large", "small"))
        check_choice("shortcut", self.shortcut, ("projection", "pad"))
        if x.ndim != 4:
            raise ValueError(f"a ResNet takes images of shape (n, h, w, c), got {x.shape}")
        convolve = convolution(self.norm, self.initialiser, self.conv_general_dilated)
        normalise = partial(norm, kind=self.norm, train=train)
        large = self.stem == "large" or (self.stem == "auto" and max(x.shape[1:3]) > 64)
        if large:
            x = convolve(self.width, 7, 2, name="stem")(x)
        else:
            x = convolve(self.width, 3, 1, name="stem")(x)
        x = nn.relu(normalise(x, name="stem_norm"))
        if large:
            x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))  # after ReLU nothing is below zero
            x = nn.max_pool(x, (3, 3), (2, 2))
        for stage, count in enumerate(self.blocks):
            for place in range(count):
                block = ResidualBlock(
                    self.width * 2**stage,
                    stride=2 if stage and not place else 1,
                    bottleneck=self.bottleneck,
                    shortcut=self.shortcut,
                    norm=self.norm,
                    initialiser=self.initialiser,
                    conv_general_dilated=self.conv_general_dilated,
                    name=f"stage{stage}_block{place}",
                )
                x = block(x, train)
        x = jnp.mean(x, axis=(1, 2))
        return Dense(self.outputs, kernel_init=nn.initializers.glorot_normal(), name="out")(x)


class ResidualBlock(nn.Module):
    """Convolutions, each with its norm, added to the input or its projection; ReLU after that."""

    width: int
    stride: int
    bottleneck: bool
    shortcut: str
    norm: str
    initialiser: str
    conv_general_dilated: Callable

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        convolve = convolution(self.norm, self.initialiser, self.conv_general_dilated)
        normalise = partial(norm, kind=self.norm, train=train)
        if self.bottleneck:
            layers = [(self.width, 1, 1), (self.width, 3, self.stride), (4 * self.width, 1, 1)]
        else:
            layers = [(self.width, 3, self.stride), (self.width, 3, 1)]
        y, last = x, len(layers) - 1
        for i, (channels, size, stride) in enumerate(layers):
            y = convolve(channels, size, stride, name=f"conv{i}", closes=i == last)(y)
            y = normalise(y, name=f"norm{i}")
            y = nn.relu(y) if i < last else y
        channels = y.shape[-1]
        if self.stride == 1 and x.shape[-1] == channels:
            return nn.relu(x + y)
        if self.shortcut == "pad":
            x = x[:, :: self.stride, :: self.stride]
            more = channels - x.shape[-1]
            x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (more // 2, more - more // 2)))
        else:
            x = convolve(channels, 1, self.stride, name="shortcut")(x)
            x = normalise(x, name="shortcut_norm")
        return nn.relu(x + y)


def convolution(norm: str, init: str, conv_general_dilated: Callable) -> Callable:
    """Make `convolve(channels, size, stride, name, closes=False) -> layer`.

    It has a bias where no norm has one, and there it starts at zero where it closes a block. The
    padding is (size - 1) / 2 at each edge, as in torch: "SAME" pads less where the stride is 2.
    """
    kernel_init, bare = initialiser(init), norm == "none"

    def convolve(channels, size, stride, name, closes=False):
        return nn.Conv(
            channels,
            (size, size),
            (stride, stride),
            padding=[(size // 2, size // 2)] * 2,
            use_bias=bare,
            kernel_init=nn.initializers.zeros if bare and closes else kernel_init,
            conv_general_dilated=conv_general_dilated,
            name=name,
        )

    return convolve
