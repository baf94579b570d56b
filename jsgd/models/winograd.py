"""Convolution with 3x3 kernels by fewer multiplications: Winograd's minimal filtering."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jsgd.models.transpose import transposed

_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_IN_TURN = tuple(range(16))
_ENDS = (3, 1, 2, 0)  # a flipped kernel's transform is the kernel's, with its ends exchanged
_FLIPPED = tuple(4 * i + j for i in _ENDS for j in _ENDS)


def transform_kernel(kernel: Array) -> Array:
    r"""Prepare a kernel for `winograd`: :math:`G k G^\top` for every pair of channels.

    Args:
        kernel: shape (3, 3, c, o).

    Returns:
        Shape (16, c, o).
    """
    both = np.einsum("ia,jb->ijab", _G, _G).reshape(16, 9)
    return (jnp.asarray(both, kernel.dtype) @ kernel.reshape(9, -1)).reshape(16, *kernel.shape[2:])


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
    (x, kernel), tangents = point, towards
    y = winograd(x, kernel, pads, precision)

    def to_image(y):
        around = [(2 - low, 2 - high) for low, high in pads]
        return _convolve(y, kernel, around, precision, flipped=True)

    def to_kernel(y):
        over_tiles = (((1,), (1,)), ((0,), (0,)))
        return lax.dot_general(_tiles(x, pads), _spread(y), over_tiles, precision)

    of_image, of_kernel = tangents
    return y, transposed(to_image, y, of_image) + transposed(to_kernel, y, of_kernel)


def pad(x, sides):
    """Zeros at the sides of images, (low, high) for each of h and w; where negative, less image."""
    sides = [(low, high, 0) for low, high in sides]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *sides, (0, 0, 0)])


def _convolve(x, kernel, pads, precision, flipped=False):
    """The convolution, or that with the flipped kernel, whose inputs and outputs are exchanged."""
    n, h, w, _ = x.shape
    (height, width), (rows, columns) = _sizes(h, w, pads)
    order, summed = (_FLIPPED, 2) if flipped else (_IN_TURN, 1)
    over_channels, o = (((2,), (summed,)), ((0,), (0,))), kernel.shape[3 - summed]
    products = lax.dot_general(_tiles(x, pads, order), kernel, over_channels, precision)
    products = lax.split(products, [1] * 16)
    places = [products[i].reshape(n, rows, 1, columns, 1, o) for i in order]
    y = _both_ways(_a, [places[4 * i : 4 * i + 4] for i in range(4)])
    y = jnp.concatenate([jnp.concatenate(row, axis=4) for row in y], axis=2)
    return y.reshape(n, 2 * rows, 2 * columns, o)[:, :height, :width]


def _sizes(h, w, pads):
    """The height and width of the outputs, and how many rows and columns of tiles they take."""
    sizes = [size + low + high - 2 for size, (low, high) in zip((h, w), pads, strict=True)]
    return sizes, [-(-size // 2) for size in sizes]


def _tiles(x, pads, order=_IN_TURN):
    """The tiles of inputs, transformed: (n, h, w, c) to (16, n rows columns, c)."""
    (_, h, w, _), ((top, _), (left, _)) = x.shape, pads
    _, (rows, columns) = _sizes(h, w, pads)
    x = pad(x, [(top, 2 * rows + 2 - h - top), (left, 2 * columns + 2 - w - left)])
    return _transformed(_b, x, range(4), order)


def _spread(y):
    """The transpose of the transform of the outputs: (n, h, w, o) to (16, n rows columns, o)."""
    _, h, w, _ = y.shape
    # of a sum of slices of a loop's slice every term would be looked up anew: hence the pad, which
    # mostly is that of the other gradient
    y = pad(y, [(1, 1 + h % 2), (1, 1 + w % 2)])
    return _transformed(_a_transposed, y, range(1, 3), _IN_TURN)


def _transformed(f, x, part, order):
    """Apply f both ways to a part of the 4x4 places of each tile, which lie 2 apart."""
    n, h, w, c = x.shape
    rows, columns = h // 2 - 1, w // 2 - 1
    x = x.reshape(n, rows + 1, 2, columns + 1, 2, c)  # slices without strides, in what follows

    def place(i, j):
        down, along = i // 2, j // 2
        return x[:, down : down + rows, i % 2, along : along + columns, j % 2]

    grid = _both_ways(f, [[place(i, j) for j in part] for i in part])
    tiles = [tile for row in grid for tile in row]
    return jnp.stack([tiles[i] for i in order]).reshape(16, -1, c)


def _both_ways(f, grid):
    """Apply f down every column of a grid, then along every row."""
    down = zip(*[f(column) for column in zip(*grid, strict=True)], strict=True)
    return [f(row) for row in down]


def _b(d):
    return d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]


def _a(m):
    return m[0] + m[1] + m[2], m[1] - m[2] - m[3]


def _a_transposed(y):
    return y[0], y[0] + y[1], y[0] - y[1], -y[1]
