"""A convolution that is fast where it runs: a matrix product, or the native one.

`conv` takes the arguments of `lax.conv_general_dilated` and plugs into
`flax.linen.Conv(conv_general_dilated=conv)` and `flax.nnx.Conv(conv_general_dilated=conv)`.

XLA has fast convolutions for CPU only outside of loops: inside `lax.scan` it falls back to a
naive one, and `vmap` over kernels makes a grouped one, which is slow everywhere. A matrix product
is fast in both places (`vmap` of it is a batched product), so on CPU a 2-D convolution is one.
The patches that are multiplied are larger than the images by the size of the kernel, so they are
cut from a few images at a time, whose patches stay in the cache, and again for the gradients.
Other forms are faster where they serve: between many channels a 3x3 kernel of stride 1 is
Winograd's, 16 products, in half the time; one that does not add channels goes row by row; and the
patches of gray images are put together a tap at a time.

On a GPU of NVIDIA the native one is fast for one model of many channels. Of few, or under `vmap`
over kernels, the product is 1.5 to 8 times as fast; since nobody can tell here whether there will
be a `vmap`, it is for kernels of few channels.
`benchmarks/convolution.py`, `benchmarks/resnet.py` and `benchmarks/sweep.py` measure it.
"""

from collections.abc import Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.sharding import PartitionSpec

from jsgd.models.winograd import pad, transform_kernel, winograd

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
    Of kernels of stride 1, those of 3x3 between 32 channels or more are applied by `winograd`, and
    others that do not add channels by rows.

    The fast form serves images "NHWC" and kernels "HWIO" with any strides, padding, kernel
    dilation and feature groups. Everything else (1-D and 3-D, other layouts, transposed
    convolutions, batch groups) is `lax.conv_general_dilated` itself. So is everything on TPU, and
    on GPU; but on CUDA kernels without groups, kh * kw * c <= 288, are multiplied by patches, too.
    `lax.platform_dependent` chooses when the program is lowered.

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
        Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016,
        https://arxiv.org/abs/1509.09308, section 4.1 (F(2x2, 3x3)).
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

    grouped = feature_group_count, batch_group_count
    if not _is_plain(lhs, rhs, lhs_dilation, dimension_numbers, *grouped):
        return native(lhs, rhs)
    dilation = rhs_dilation or (1, 1)
    (kh, kw, c, o), (_, h, w, _) = rhs.shape, jax.eval_shape(native, lhs, rhs).shape

    def product(lhs, rhs, room):
        multiply = _multiply_gray if lhs.shape[3] == 1 else _multiply

        def part(lhs, rhs):
            taps = _taps(lhs, rhs.shape, window_strides, padding, dilation)
            return multiply(taps, rhs, feature_group_count, precision, preferred_element_type)

        # a kernel of one place has no patches but the image
        patches = h * w * kh * kw * lhs.shape[3] if kh * kw > 1 else 0
        return _in_parts(part, lhs, rhs, patches, room)

    def on_cpu(lhs, rhs):
        if _slides(lhs, rhs, window_strides, dilation, preferred_element_type):
            pads = tuple(_pads(lhs, rhs.shape, window_strides, padding, dilation))
            if (kh, kw) == (3, 3) and min(c, o) >= 32:
                tiles = 16 * -(-h // 2) * -(-w // 2) * (c + o)
                part = partial(winograd, pads=pads, precision=precision)
                return _in_parts(part, lhs, transform_kernel(rhs), tiles, _CACHE)
            if kh > 1 and 1 < c >= o:
                rows = (h + kh - 1) * w * (kw * c + kh * o)
                part = partial(_by_rows, pads=pads, precision=precision)
                return _in_parts(part, lhs, rhs, rows, _CACHE)
        return product(lhs, rhs, _CACHE)

    def on_cuda(lhs, rhs):
        if feature_group_count > 1 or kh * kw * c > _FEW:
            return native(lhs, rhs)
        # without the barrier what comes before, such as pooling, is computed again by every tap
        return product(lax.optimization_barrier(lhs), rhs, _ROOM)

    cpu, cuda = (_on_each_device(form, lhs.shape[0]) for form in (on_cpu, on_cuda))
    return lax.platform_dependent(lhs, rhs, cpu=cpu, cuda=cuda, default=native)


def _on_each_device(fn, images: int):
    """`fn` of the images of one device, where batches are spread over the axis "data" of a mesh.

    Else each device would convolve all of them: a few at a time are a loop over the batch, and
    the compiler spreads no loop.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if "data" not in mesh.auto_axes or images % mesh.shape["data"]:
        return fn

    def part(lhs, rhs):
        # each its own kernel, so that its gradients are added up once, and not for every few images
        return fn(lhs, lax.pcast(rhs, "data", to="varying"))

    spec = PartitionSpec("data")
    return jax.shard_map(part, in_specs=(spec, PartitionSpec()), out_specs=spec)


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


def _slides(x, kernel, strides, dilation, dtype) -> bool:
    """Say whether the kernel goes place by place, in numbers precise enough to be added up."""
    return (
        tuple(strides) == tuple(dilation) == (1, 1)
        and kernel.shape[2] == x.shape[3]
        and x.dtype in (jnp.float32, jnp.float64)
        and dtype in (None, x.dtype)
    )


def _in_parts(f, x, kernel, each: int, room: int):
    """Compute f(x, kernel) of a few images at a time, and what it needs again for the gradients.

    Args:
        each: how many numbers it works on for an image. Those of the images of a part may take as
            much room as the kernel does, whose gradient is read and written with each part.
        room: or as many bytes.
    """
    images, room = x.shape[0], max(room // x.dtype.itemsize, kernel.size)
    symbolic = not isinstance(images, int)  # in a program that is exported for every batch size
    if symbolic or images * each <= room:
        return f(x, kernel)
    few = max(n for n in range(1, images + 1) if images % n == 0 and (n == 1 or n * each <= room))
    again = jax.checkpoint(f, prevent_cse=False)  # a loop keeps them apart
    parts = lax.map(lambda x: again(x, kernel), x.reshape(-1, few, *x.shape[1:]))
    return parts.reshape(-1, *parts.shape[2:])


_CACHE = 4 * 2**20  # bytes; 3 to 5 MiB were alike on two cores, whose L2 has 2 MiB
_ROOM = 2**28  # bytes on a GPU, where parts are but to save memory
_FEW = 3 * 3 * 32  # numbers of a patch: between more channels the native form is faster, or as fast


def _by_rows(x, kernel, pads, precision):
    """Multiply by all rows of the kernel at once, and add the products up, each a row further.

    What the rows see is kw times the image, not kh kw times; it pays where the products, kh times
    the result, are no larger than that.
    """
    kh, kw, c, o = kernel.shape
    x = pad(x, pads)
    n, h, w = x.shape[0], x.shape[1] - kh + 1, x.shape[2] - kw + 1
    seen = jnp.concatenate([x[:, :, b : b + w] for b in range(kw)], axis=-1).reshape(-1, kw * c)
    rows = kernel.transpose(1, 2, 0, 3).reshape(kw * c, kh * o)
    y = jnp.dot(seen, rows, precision=precision).reshape(n, h + kh - 1, w, kh, o)
    return reduce(jnp.add, [y[:, a : a + h, :, a] for a in range(kh)])


def _taps(x, kernel_shape, strides, padding, dilation):
    """What each of the kh kw places of the kernel sees: (n, h, w, c) to as many (n, oh, ow, c)."""
    reach = _reach(kernel_shape, dilation)
    x = pad(x, _pads(x, kernel_shape, strides, padding, dilation))
    n, h, w, c = x.shape
    oh, ow = ((size - r) // s + 1 for size, r, s in zip((h, w), reach, strides, strict=True))

    def seen_by(a, b):
        top, left = a * dilation[0], b * dilation[1]
        stop = (n, top + (oh - 1) * strides[0] + 1, left + (ow - 1) * strides[1] + 1, c)
        return lax.slice(x, (0, top, left, 0), stop, (1, *strides, 1))

    return [seen_by(a, b) for a in range(kernel_shape[0]) for b in range(kernel_shape[1])]


def _reach(kernel_shape, dilation):
    return [(size - 1) * d + 1 for size, d in zip(kernel_shape[:2], dilation, strict=True)]


def _pads(x, kernel_shape, strides, padding, dilation):
    """What is added to x at each end of h and w, whatever way it was asked for."""
    if isinstance(padding, str):
        return lax.padtype_to_pads(x.shape[1:3], _reach(kernel_shape, dilation), strides, padding)
    return padding


def _multiply_gray(taps, kernel, groups, precision, dtype):
    """Multiply the taps of images of one channel by the kernel.

    A patch of so few numbers is slow to put together; a tap of all places is copied whole.
    """
    places, o = taps[0].shape[:3], kernel.shape[3]
    patches, kernel = jnp.stack(taps).reshape(len(taps), -1), kernel.reshape(len(taps), o)
    y = lax.dot_general(patches, kernel, (((0,), (0,)), ((), ())), precision, dtype)
    return y.reshape(*places, o)


def _multiply(taps, kernel, groups, precision, dtype):
    """Multiply the patches by the kernel, each group of channels by its own part.

    Places are one axis, so that the gradients are matrix products too, without a transposition.
    """
    patches = jnp.concatenate(taps, axis=-1)
    *places, _ = patches.shape
    kh, kw, c, o = kernel.shape
    if groups == 1:
        # the gradient of the kernel is faster as (o, kh kw c); the barrier keeps it from being
        # merged with the transposition
        patches, kernel = patches.reshape(-1, kh * kw * c), kernel.reshape(-1, o).T
        kernel = lax.optimization_barrier(kernel)
        y = lax.dot_general(patches, kernel, (((1,), (1,)), ((), ())), precision, dtype)
    else:
        patches = patches.reshape(-1, kh * kw, groups, c)
        kernel = kernel.reshape(kh * kw, c, groups, o // groups)
        by_group = (((1, 3), (0, 1)), ((2,), (2,)))
        y = lax.dot_general(patches, kernel, by_group, precision, dtype)  # (g, places, o / g)
        y = jnp.moveaxis(y, 0, 1)
    return y.reshape(*places, o)
