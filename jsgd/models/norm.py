"""Batch, group and no normalisation, by name."""

from math import gcd

from flax import linen as nn
from jax import Array

from jsgd.models.choices import check_choice


def norm(x: Array, kind: str, train: bool, name: str) -> Array:
    r"""Normalise activations inside a compact Linen module, then scale and shift each channel.

    `"batch"` takes mean and variance over the batch in training, and in evaluation their averages
    :math:`\bar\mu \leftarrow 0.9 \bar\mu + 0.1 \mu`, which are model state (the collection
    "batch_stats") and no parameters. The averaged variance is that of the batch itself; torch
    averages :math:`n/(n-1)` times it. `"group"` takes mean and variance of each image over groups
    of 16 channels (of their common divisor with 16, where 16 does not divide them), in training
    and evaluation. `"none"` is the identity.

    Args:
        x: of shape (n, ..., c).
        kind: `"batch"`, `"group"` or `"none"`.
        train: static.
        name: what the parameters and averages are called.

    Raises:
        ValueError: `kind` is none of these.

    References:
        Ioffe and Szegedy, "Batch Normalization", ICML 2015, https://arxiv.org/abs/1502.03167,
        Algorithms 1 and 2, eps 1e-5. Wu and He, "Group Normalization", ECCV 2018,
        https://arxiv.org/abs/1803.08494, section 3.1, with the 16 channels a group of Table 3.
    """
    check_choice("norm", kind, ("batch", "group", "none"))
    if kind == "batch":
        layer = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5, name=name)
        return layer(x)
    if kind == "group":
        size = gcd(16, x.shape[-1])
        return nn.GroupNorm(num_groups=None, group_size=size, epsilon=1e-5, name=name)(x)
    return x
