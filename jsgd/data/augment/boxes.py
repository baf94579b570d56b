"""Cutout and CutMix: a box of a picture is blanked, or filled from another picture."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.data.augment.mixing import mixture


def cutout(key: jax.Array, x: jax.Array, size: Any) -> jax.Array:
    """Blank a square of each picture, centred on one of its pixels and cut off at its edges.

    Args:
        key: a key of `jax.random`.
        x: pictures, floats of shape (n, height, width, channels).
        size: the side in pixels, >= 0.

    Returns:
        The shape and dtype of `x`, with zeros in the square; at size 0 exactly `x`.

    >>> import jax, jax.numpy as jnp
    >>> x = cutout(jax.random.key(0), jnp.ones((5, 8, 8, 1)), 2)
    >>> bool(((x == 0).sum((1, 2, 3)) <= 4).all())
    True

    References:
        DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
        2017, https://arxiv.org/abs/1708.04552, section 3.2.
    """
    n, h, w, _ = x.shape
    size = jnp.asarray(size, x.dtype)

    def one(key, picture):
        inside = _box(key, h, w, size, size)
        return jnp.where(inside[..., None], 0, picture)

    return jax.vmap(one)(jax.random.split(key, n), x)


def cutmix(key: jax.Array, x: jax.Array, y: jax.Array, alpha: Any) -> tuple[jax.Array, jax.Array]:
    r"""Fill one box of all pictures from others of the batch, and mix the targets by its area.

    .. math::
        \lambda \sim \mathrm{Beta}(\alpha, \alpha), \qquad
        \text{a box of } h\sqrt{1 - \lambda} \text{ by } w\sqrt{1 - \lambda}

    centred on one of the pixels and cut off at the edges; the targets are mixed by the area that
    is left of it.

    Args:
        key: a key of `jax.random`.
        x: pictures, floats of shape (n, height, width, channels).
        y: targets, floats of shape (n, ...): classes as one-hot rows.
        alpha: >= 0; at 1 the area is uniform before it is cut off, at 0 there is none.

    Returns:
        `(x, y)` of the shapes and dtypes they had; at alpha 0 exactly the same.

    >>> import jax, jax.numpy as jnp
    >>> x, y = jnp.arange(2.0).reshape(2, 1, 1, 1) * jnp.ones((2, 8, 8, 1)), jnp.eye(2)
    >>> x, y = cutmix(jax.random.key(1), x, y, 1.0)
    >>> bool(jnp.allclose(x.mean((1, 2, 3)), y[:, 1]))  # how much of each is of class 1
    True

    References:
        Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
        Features", ICCV 2019, https://arxiv.org/abs/1905.04899, section 3.2 and Algorithm A1.
    """
    _, h, w, _ = x.shape
    key, box_key = jax.random.split(key)
    weight, others = mixture(key, x.shape[0], alpha, x.dtype)
    side = jnp.sqrt(1 - weight)
    inside = _box(box_key, h, w, h * side, w * side)
    share = jnp.mean(inside, dtype=y.dtype)
    x = jnp.where(inside[None, ..., None], x[others], x)
    return x, (1 - share) * y + share * y[others]


def _box(key: jax.Array, h: int, w: int, height: jax.Array, width: jax.Array) -> jax.Array:
    """Whether a pixel is in a box about a pixel drawn at random; booleans of shape (h, w)."""

    def within(key, n, length):
        place = jnp.arange(n) - jax.random.randint(key, (), 0, n)
        place = place.astype(length.dtype)
        return (place >= -length / 2) & (place < length / 2)

    row_key, column_key = jax.random.split(key)
    return within(row_key, h, height)[:, None] & within(column_key, w, width)[None]
