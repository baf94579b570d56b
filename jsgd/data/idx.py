"""MNIST and its kin: files of the IDX format, plain or gzipped."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from jsgd.data.dataset import Dataset
from jsgd.data.parts import classes, pixels

_CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip
_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def mnist(path: str | os.PathLike) -> Dataset:
    """Read MNIST: 70,000 handwritten digits of 28x28, in ten classes.

    Args:
        path: the folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same of
            `t10k`, each as it is or gzipped (`.gz`). `jsgd.data.download("mnist", path)` gets them.

    Returns:
        A `Dataset` of images in [0, 1], of shape (n, 28, 28, 1), and labels 0 to 9.

    Raises:
        ValueError: a file is missing, cut short or of another kind, or the files do not match.

    References:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998,
        http://yann.lecun.com/exdb/mnist/, which also describes the format.
    """
    return _read(Path(path))


def fashion_mnist(path: str | os.PathLike) -> Dataset:
    """Read Fashion-MNIST: 70,000 pictures of clothes of 28x28, in ten classes.

    Args:
        path: the folder with files named as those of `mnist`.

    Returns:
        A `Dataset` of images in [0, 1], of shape (n, 28, 28, 1), and labels 0 to 9.

    Raises:
        ValueError: a file is missing, cut short or of another kind, or the files do not match.

    References:
        Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
        Learning Algorithms", 2017, https://arxiv.org/abs/1708.07747.
    """
    return _read(Path(path))._replace(class_names=_CLOTHES)


def _read(folder: Path) -> Dataset:
    parts = []
    for part in ("train", "t10k"):
        file, of_labels = (
            _find(folder, f"{part}-{what}") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        images, labels = read_idx(file), read_idx(of_labels)
        for name, x, ndim in ((file, images, 3), (of_labels, labels, 1)):
            if x.ndim != ndim or x.dtype != np.uint8:
                raise ValueError(
                    f"{name}: {x.dtype} with {x.ndim} axes; it must be uint8 with {ndim}"
                )
        if len(images) != len(labels):
            raise ValueError(f"{of_labels}: {len(labels)} labels for {len(images)} images")
        if parts and images.shape[1:] != parts[0][0].shape[1:3]:
            raise ValueError(
                f"{file}: {images.shape[1:]} pixels, {parts[0][0].shape[1:3]} in train"
            )
        parts.append((pixels(images), classes(labels, 10, of_labels)))
    train, test = parts
    return Dataset(train, test, 10)


def _find(folder: Path, name: str) -> Path:
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return file
    raise ValueError(f"{folder} has no {name}, nor {name}.gz")


def read_idx(file: str | os.PathLike) -> np.ndarray:
    """Read one IDX file: an array of any shape.

    Args:
        file: plain or gzipped, whatever it is called.

    Returns:
        An array of the shape and the type of number that the file says.

    Raises:
        ValueError: it is no such file, or cut short, or longer than it says.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "numbers")
    >>> _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    >>> read_idx(file).tolist()
    [7, 8, 9]

    References:
        The MNIST page, http://yann.lecun.com/exdb/mnist/, "The IDX file format".
    """
    data = Path(file).read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{file} is no whole gzip file: {error}") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES or not 1 <= data[3] <= 32:
        raise ValueError(f"{file}, byte 0: {data[:4].hex(' ') or 'nothing'} begins no IDX file")
    dtype, start = np.dtype(_DTYPES[data[2]]), 4 + 4 * data[3]
    if len(data) < start:
        raise ValueError(f"{file}, byte {len(data)}: cut short within its head of {start} bytes")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    end = start + dtype.itemsize * math.prod(shape)
    if len(data) != end:
        what = "cut short" if len(data) < end else "there is more"
        at = min(len(data), end)
        raise ValueError(f"{file}, byte {at}: {what}, of shape {shape} it is {end} bytes long")
    try:
        x = np.frombuffer(data, dtype, offset=start).reshape(shape)
    except ValueError as error:  # no number at all, and axes that are too long for NumPy
        raise ValueError(f"{file}: of shape {shape}: {error}") from None
    return x.astype(dtype.newbyteorder("="))
