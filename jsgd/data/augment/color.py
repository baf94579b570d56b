"""Colour jitter: brightness, contrast and saturation, each by a factor drawn for each picture."""

from typing import Any

import jax
import jax.numpy as jnp

# How bright red, green and blue are to the eye: ITU-R BT.601, as Pillow has it.
_LUMA = (0.299, 0.587, 0.114)


def color_jitter(
    key: jax.Array,
    x: jax.Array,
    *,
    brightness: Any = 0.0,
    contrast: Any = 0.0,
    saturation: Any = 0.0,
) -> jax.Array:
    r"""Draw a factor about 1 for each picture and each of the three, and apply them in turn.

    .. math::
        x \leftarrow z + f (x - z), \qquad f \sim U[1 - \text{strength}, 1 + \text{strength})

    where z is 0 for the brightness, the mean of the grey picture for the contrast, and the grey
    picture for the saturation (which a picture without colour does not have). Values may leave the
    range that they had: nothing is cut off, so that normalised pictures are welcome.

    Args:
        key: a key of `jax.random`.
        x: pictures, floats of shape (n, height, width, channels). Of three channels, red, green
            and blue, grey is the luma; of any other number, the mean.
        brightness, contrast, saturation: strengths in [0, 1].

    Returns:
        The shape and dtype of `x`; at strengths 0 exactly `x`.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.full((2, 1, 1, 3), 0.5)
    >>> y = color_jitter(jax.random.key(0), x, brightness=0.2, contrast=0.9, saturation=0.9)
    >>> bool((abs(y - x) < 0.1 + 1e-6).all())  # one grey has neither contrast nor saturation
    True

    References:
        Howard, "Some Improvements on Deep Convolutional Neural Network Based Image
        Classification", 2013, https://arxiv.org/abs/1312.5402, section 2.2.
    """
    u = jax.random.uniform(key, (3, x.shape[0], 1, 1, 1), x.dtype)
    brightness, contrast, saturation = (
        jnp.asarray(s, x.dtype) * (2 * u - 1) for s, u in zip((brightness, contrast, saturation), u)
    )
    x = x + brightness * x  # f - 1, so that a strength of 0 adds exactly 0
    x = x + contrast * (x - jnp.mean(_grey(x), axis=(1, 2, 3), keepdims=True))
    return x + saturation * (x - _grey(x))


def _grey(x: jax.Array) -> jax.Array:  # (n, h, w, c) to (n, h, w, 1)
    if x.shape[-1] == 3:
        return jnp.sum(x * jnp.asarray(_LUMA, x.dtype).reshape(1, 1, 1, 3), -1, keepdims=True)
    return jnp.mean(x, axis=-1, keepdims=True)
