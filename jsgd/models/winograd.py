"""Convolution with 3x3 kernels by fewer multiplications: Winograd's minimal filtering."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

_NEAREST = (3, 1, 2, 0)  # a flipped kernel's transform is the kernel's, with its ends exchanged
_FLIPPED = tuple(4 * i + j for i in _NEAREST for j in _NEAREST)


def transform_kernel(kernel: Array) -> Array:
    r"""Prepare a kernel for `winograd`: :math:`G k G^\top` for every pair of channels.

    Args:
        kernel: shape (3, 3, c, o).

    Returns:
        Shape (16, c, o).
    """

    def along(k):
        return k[0], (k[0] + k[1] + k[2]) / 2, (k[0] - k[1] + k[2]) / 2, k[2]

    return jnp.stack([place for row in along(kernel) for place in along(row)])


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def winograd(
    x: Array,
    kernel: Array,
    pads: tuple[tuple[int, int], tuple[int, int]],
    precision: lax.PrecisionLike = None,
) -> Array:
    r"""Convolve images with 3x3 kernels and stride 1, in 16 multiplications for every 2x2 outputs.

    .. math::
        Y = A^\top \Big[\sum_c (B^\top X_c B) \odot (G K_c G^\top)\Big] A

    where X is a tile of 4x4 inputs, tiles lie 2 apart, and Y are 2x2 outputs: with

    .. math::
        B^\top = \begin{pmatrix} 1&0&-1&0\\ 0&1&1&0\\ 0&-1&1&0\\ 0&1&0&-1 \end{pmatrix}, \quad
        G = \begin{pmatrix} 1&0&0\\ 1/2&1/2&1/2\\ 1/2&-1/2&1/2\\ 0&0&1 \end{pmatrix}, \quad
        A^\top = \begin{pmatrix} 1&1&1&0\\ 0&1&-1&-1 \end{pmatrix}

    that is 2.25 times fewer multiplications than a sum over the kernel takes. The sum over the
    channels is 16 matrix products. It rounds about as a sum in another order does. The gradient of
    the images is such a convolution too, of the outputs' gradient with the flipped kernel.

    Args:
        x: shape (n, h, w, c).
        kernel: transformed, shape (16, c, o).
        pads: zeros put before and after h, and w; fewer than 0 takes away.
        precision: of the matrix products, as in lax.

    Returns:
        Shape (n, h + sum(pads[0]) - 2, w + sum(pads[1]) - 2, o).

    >>> import jax.numpy as jnp
    >>> k = transform_kernel(jnp.ones((3, 3, 1, 1)))
    >>> winograd(jnp.ones((1, 3, 3, 1)), k, ((1, 1), (1, 1)))[0, :, :, 0].tolist()
    [[4.0, 6.0, 4.0], [6.0, 9.0, 6.0], [4.0, 6.0, 4.0]]

    References:
        Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016,
        https://arxiv.org/abs/1509.09308, section 4.1 (F(2x2, 3x3)).
    """
    return _convolve(x, kernel, pads, precision)


@winograd.defjvp
def _tangent(pads, precision, point, towards):
    (x, kernel), (dx, dkernel) = point, towards
    y = winograd(x, kernel, pads, precision)

    def back(y):
        flipped = jnp.swapaxes(kernel[jnp.array(_FLIPPED)], 1, 2)
        return _convolve(y, flipped, [(2 - low, 2 - high) for low, high in pads], precision)

    # the transpose of this, which is the gradient, is `back` itself, and not a scatter
    (from_x,) = jax.linear_transpose(back, y)(dx)
    return y, from_x + _convolve(x, dkernel, pads, precision)


def pad(x, sides):
    """Zeros at the sides of images, (low, high) for each of h and w; where negative, less image."""
    sides = [(low, high, 0) for low, high in sides]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *sides, (0, 0, 0)])


def _convolve(x, kernel, pads, precision):
    (n, h, w, c), o = x.shape, kernel.shape[2]
    (top, bottom), (left, right) = pads
    height, width = h + top + bottom - 2, w + left + right - 2
    rows, columns = -(-height // 2), -(-width // 2)  # of tiles

    x = pad(x, [(top, 2 * rows + 2 - h - top), (left, 2 * columns + 2 - w - left)])
    x = x.reshape(n, rows + 1, 2, columns + 1, 2, c)  # slices without strides, in what follows

    def place(i, j):
        down, along = i // 2, j // 2
        return x[:, down : down + rows, i % 2, along : along + columns, j % 2]

    tiles = _both_ways(_b, [[place(i, j) for j in range(4)] for i in range(4)])
    tiles = jnp.concatenate([z[None] for row in tiles for z in row]).reshape(16, -1, c)
    products = lax.dot_general(tiles, kernel, (((2,), (1,)), ((0,), (0,))), precision)
    places = [z.reshape(n, rows, 1, columns, 1, o) for z in lax.split(products, [1] * 16)]
    y = _both_ways(_a, [places[4 * i : 4 * i + 4] for i in range(4)])
    y = jnp.concatenate([jnp.concatenate(row, axis=4) for row in y], axis=2)
    return y.reshape(n, 2 * rows, 2 * columns, o)[:, :height, :width]


def _both_ways(f, grid):
    """Apply f down every column of a grid, then along every row."""
    down = zip(*[f(column) for column in zip(*grid, strict=True)], strict=True)
    return [f(row) for row in down]


def _b(d):
    return d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]


def _a(m):
    return m[0] + m[1] + m[2], m[1] - m[2] - m[3]
