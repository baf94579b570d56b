"""Pictures flipped, shifted, rotated and zoomed: one affine map each, and one resampling."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates


def affine(
    key: jax.Array,
    x: jax.Array,
    *,
    flip: Any = 0.0,
    shift: Any = 0.0,
    rotate: Any = 0.0,
    zoom: Any = 0.0,
) -> jax.Array:
    r"""Flip, zoom and rotate each picture about its centre, then shift it, by draws of its own.

    A pixel at :math:`p` from the centre shows what was at

    .. math::
        \mathrm{diag}(1, \pm 1)\, R(-a)\, (p - t) / s

    between pixels by bilinear interpolation, beyond the edges zero. Whole shifts and flips
    interpolate nothing: they move pixels; zero padding by 4 and a random crop is `shift=4`.

    Args:
        key: a key of `jax.random`.
        x: pictures, floats of shape (n, height, width, channels).
        flip: the probability of a horizontal flip, in [0, 1].
        shift: in pixels, >= 0. Along each axis a whole number, -shift to shift, each as likely;
            the last is rarer by its fraction where `shift` is no whole number.
        rotate: the largest angle in degrees, in [0, 180]; a is uniform in -rotate to rotate.
        zoom: in [0, 1); the factor s is uniform in 1 - zoom to 1 + zoom.

    Returns:
        The shape and dtype of `x`; at strengths 0 exactly `x`.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.arange(4.0).reshape(1, 1, 4, 1)
    >>> affine(jax.random.key(0), x, flip=1.0)[0, 0, :, 0]
    Array([3., 2., 1., 0.], dtype=float32)

    References:
        Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
        Networks", NeurIPS 2012,
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks,
        section 4.1 (shifts and flips).
    """
    n, h, w, _ = x.shape
    flip, shift, rotate, zoom = (jnp.asarray(s, x.dtype) for s in (flip, shift, rotate, zoom))
    u = jax.random.uniform(key, (5, n, 1, 1), x.dtype)
    down, right = jnp.floor(u[:2] * (2 * shift + 1) - shift)
    angle = jnp.deg2rad(rotate * (2 * u[2] - 1))
    factor = 1 + zoom * (2 * u[3] - 1)
    mirror = jnp.where(u[4] < flip, -1, 1).astype(x.dtype)
    cos, sin = jnp.cos(angle) / factor, jnp.sin(angle) / factor
    top, left = (h - 1) / 2, (w - 1) / 2
    i = jnp.arange(h, dtype=x.dtype).reshape(1, h, 1) - top - down
    j = jnp.arange(w, dtype=x.dtype).reshape(1, 1, w) - left - right
    rows = cos * i + sin * j + top
    columns = mirror * (cos * j - sin * i) + left
    return jax.vmap(_resample)(x, rows, columns)


def _resample(picture: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    def one(channel):
        return map_coordinates(channel, [rows, columns], order=1, mode="constant")

    return jax.vmap(one, in_axes=-1, out_axes=-1)(picture)
