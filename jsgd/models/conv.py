"""A convolution that is fast where it runs: a matrix product on CPU, the native one elsewhere.

`conv` takes the arguments of `lax.conv_general_dilated` and plugs into
`flax.linen.Conv(conv_general_dilated=conv)` and `flax.nnx.Conv(conv_general_dilated=conv)`.

XLA has fast convolutions for CPU only outside of loops: inside `lax.scan` it falls back to a
naive one, and `vmap` over kernels makes a grouped one, which is slow everywhere. A matrix product
is fast in both places (`vmap` of it is a batched product), so on CPU a 2-D convolution is one.
The patches that are multiplied are larger than the images by the size of the kernel, so they are
cut from a few images at a time, whose patches stay in the cache, and again for the gradients.
`benchmarks/convolution.py` and `benchmarks/resnet.py` measure it.
"""

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.sharding import PartitionSpec

_NHWC_HWIO = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))


def conv(
    lhs: Array,
    rhs: Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers=None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision=None,
    preferred_element_type=None,
) -> Array:
    r"""Convolve as `lax.conv_general_dilated` does, in the form that is fast on the platform.

    .. math::
        y_{nijo} = \sum_{abc} x_{n, is+ad, js+bd, c}\, k_{abco}

    with strides s and dilations d, on x padded with zeros. On CPU the patches of x, of shape
    (n, oh, ow, kh * kw * c), are a concatenation of kh * kw slices, and y is their product with k.

    The fast form serves images "NHWC" and kernels "HWIO" with any strides, padding, kernel
    dilation and feature groups. Everything else (1-D and 3-D, other layouts, transposed
    convolutions, batch groups) is `lax.conv_general_dilated` itself, and so is everything on GPU
    and TPU: `lax.platform_dependent` chooses when the program is lowered.

    Args:
        lhs: images, of shape (n, h, w, c).
        rhs: kernels, of shape (kh, kw, c / groups, o).
        window_strides: two ints.
        padding: "SAME", "SAME_LOWER", "VALID", or a (low, high) pair for each of h and w.
        lhs_dilation, rhs_dilation: two ints, or None for no dilation.
        dimension_numbers: the layout, as in lax. Flax passes ("NHWC", "HWIO", "NHWC").
        feature_group_count, batch_group_count, precision, preferred_element_type: as in lax.

    Returns:
        Shape (n, oh, ow, o).

    Raises:
        TypeError, ValueError: as `lax.conv_general_dilated` does.

    >>> import jax.numpy as jnp
    >>> layout = ("NHWC", "HWIO", "NHWC")
    >>> x, k = jnp.ones((1, 8, 8, 1)), jnp.ones((3, 3, 1, 4))
    >>> conv(x, k, (1, 1), "VALID", dimension_numbers=layout).shape
    (1, 6, 6, 4)

    References:
        Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document
        Processing", 2006, https://inria.hal.science/inria-00112631, section 3.1 (unrolling).
    """

    def native(lhs, rhs):
        return lax.conv_general_dilated(
            lhs,
            rhs,
            window_strides,
            padding,
            lhs_dilation=lhs_dilation,
            rhs_dilation=rhs_dilation,
            dimension_numbers=dimension_numbers,
            feature_group_count=feature_group_count,
            batch_group_count=batch_group_count,
            precision=precision,
            preferred_element_type=preferred_element_type,
        )

    dilation = rhs_dilation or (1, 1)

    def gather(lhs, rhs):
        patches = _patches(lhs, rhs.shape, window_strides, padding, dilation)
        return _multiply(patches, rhs, feature_group_count, precision, preferred_element_type)

    def tangent(point, towards):
        (x, k), (dx, dk) = point, towards
        scattered = _scatter(dx, k, padding, dilation, precision, preferred_element_type)
        return gather(x, k), scattered + gather(x, dk)

    def product(lhs, rhs):
        few = _few(lhs, rhs, jax.eval_shape(native, lhs, rhs))
        if few == lhs.shape[0]:
            return gather(lhs, rhs)
        part = gather
        if tuple(window_strides) == (1, 1) and feature_group_count == 1:
            part = jax.custom_jvp(gather)
            part.defjvp(tangent)
        again = jax.checkpoint(part, prevent_cse=False)  # a loop keeps them apart
        parts = lax.map(lambda x: again(x, rhs), lhs.reshape(-1, few, *lhs.shape[1:]))
        return parts.reshape(-1, *parts.shape[2:])

    if _is_plain(lhs, rhs, lhs_dilation, dimension_numbers, feature_group_count, batch_group_count):
        each = _on_each_device(product, lhs.shape[0])
        return lax.platform_dependent(lhs, rhs, cpu=each, default=native)
    return native(lhs, rhs)


def _on_each_device(fn, images: int):
    """`fn` of the images of one device, where batches are spread over the axis "data" of a mesh.

    Else each device would convolve all of them: a few at a time are a loop over the batch, and
    the compiler spreads no loop.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if "data" not in mesh.auto_axes or images % mesh.shape["data"]:
        return fn
    spec = PartitionSpec("data")
    return jax.shard_map(fn, in_specs=(spec, PartitionSpec()), out_specs=spec)


def _is_plain(x, kernel, lhs_dilation, dimension_numbers, groups, batch_groups) -> bool:
    """Say whether the fast form applies; what it does not is left to lax, errors included."""
    if x.ndim != 4 or kernel.ndim != 4 or batch_groups != 1 or dimension_numbers is None:
        return False
    layout = lax.conv_dimension_numbers(x.shape, kernel.shape, dimension_numbers)
    return (
        layout == _NHWC_HWIO
        and tuple(lhs_dilation or (1, 1)) == (1, 1)
        and x.dtype == kernel.dtype
        and x.shape[3] == kernel.shape[2] * groups
        and kernel.shape[3] % groups == 0
    )


def _few(x, kernel, y) -> int:
    """The images to work on at a time, a divisor of their number.

    Their patches may be as large as the kernel is, whose gradient is read and written each time.
    A kernel of one place has no patches but the image.
    """
    images, (kh, kw, _, _) = x.shape[0], kernel.shape
    each = y.shape[1] * y.shape[2] * kh * kw * x.shape[3] * x.dtype.itemsize
    room = max(_CACHE, kernel.size * x.dtype.itemsize)
    if kh * kw == 1 or images * each <= room:
        return images
    return max(n for n in range(1, images + 1) if images % n == 0 and (n == 1 or n * each <= room))


_CACHE = 5 * 2**20  # bytes; 3 and 5 MiB were alike for ResNet-18 on two cores, whose L2 has 2 MiB


def _patches(x, kernel_shape, strides, padding, dilation):
    """Cut from each place what the kernel sees there: (n, h, w, c) to (n, oh, ow, kh kw, c)."""
    reach = _reach(kernel_shape, dilation)
    pads = [(low, high, 0) for low, high in _pads(x, kernel_shape, strides, padding, dilation)]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
    n, h, w, c = x.shape
    oh, ow = ((size - r) // s + 1 for size, r, s in zip((h, w), reach, strides, strict=True))

    def seen_by(a, b):
        top, left = a * dilation[0], b * dilation[1]
        stop = (n, top + (oh - 1) * strides[0] + 1, left + (ow - 1) * strides[1] + 1, c)
        return lax.slice(x, (0, top, left, 0), stop, (1, *strides, 1))

    taps = [seen_by(a, b) for a in range(kernel_shape[0]) for b in range(kernel_shape[1])]
    return jnp.concatenate(taps, axis=-1)


def _reach(kernel_shape, dilation):
    return [(size - 1) * d + 1 for size, d in zip(kernel_shape[:2], dilation, strict=True)]


def _pads(x, kernel_shape, strides, padding, dilation):
    """What is added to x at each end of h and w, whatever way it was asked for."""
    if isinstance(padding, str):
        return lax.padtype_to_pads(x.shape[1:3], _reach(kernel_shape, dilation), strides, padding)
    return padding


def _scatter(x, kernel, padding, dilation, precision, dtype):
    """Convolve with stride 1 by multiplying every place first and adding up the shifted products.

    It is linear in x, and its transpose is a convolution by patches: what is the slower form here
    makes the faster gradient.
    """
    (n, h, w, c), (kh, kw, _, o) = x.shape, kernel.shape
    pads, reach = _pads(x, kernel.shape, (1, 1), padding, dilation), _reach(kernel.shape, dilation)
    kernel = jnp.moveaxis(kernel, 2, 0).reshape(c, -1)
    z = lax.dot_general(x.reshape(-1, c), kernel, (((1,), (0,)), ((), ())), precision, dtype)
    taps = lax.split(z.reshape(n, h, w, -1), [o] * (kh * kw), axis=3)
    zero = jnp.zeros((), z.dtype)

    def shifted(tap, at):
        tops = [(size - 1 - a) * d for size, a, d in zip((kh, kw), at, dilation, strict=True)]
        sides = [(top, r - 1 - top, 0) for top, r in zip(tops, reach, strict=True)]
        return lax.pad(tap, zero, [(0, 0, 0), *sides, (0, 0, 0)])

    places = [(a, b) for a in range(kh) for b in range(kw)]
    whole = reduce(jnp.add, [shifted(tap, at) for tap, at in zip(taps, places, strict=True)])
    # as if padded by all that a kernel reaches over; cropped once, so that the transpose pads once
    sides = [(low - r + 1, high - r + 1, 0) for (low, high), r in zip(pads, reach, strict=True)]
    return lax.pad(whole, zero, [(0, 0, 0), *sides, (0, 0, 0)])


def _multiply(patches, kernel, groups, precision, dtype):
    """Multiply the patches by the kernel, each group of channels by its own part.

    Places are one axis, so that the gradients are matrix products too, without a transposition.
    """
    *places, _ = patches.shape
    kh, kw, c, o = kernel.shape
    if groups == 1:
        patches, kernel = patches.reshape(-1, kh * kw * c), kernel.reshape(-1, o)
        y = lax.dot_general(patches, kernel, (((1,), (0,)), ((), ())), precision, dtype)
    else:
        patches = patches.reshape(-1, kh * kw, groups, c)
        kernel = kernel.reshape(kh * kw, c, groups, o // groups)
        by_group = (((1, 3), (0, 1)), ((2,), (2,)))
        y = lax.dot_general(patches, kernel, by_group, precision, dtype)  # (g, places, o / g)
        y = jnp.moveaxis(y, 0, 1)
    return y.reshape(*places, o)
