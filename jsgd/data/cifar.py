"""CIFAR-10 and CIFAR-100: small colour pictures, from the binary or the Python files."""

import os
from pathlib import Path

import numpy as np

from jsgd.data.dataset import Dataset
from jsgd.data.parts import classes, pixels
from jsgd.data.unpickle import read_pickle

_PIXELS = 3 * 32 * 32
_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def cifar10(path: str | os.PathLike) -> Dataset:
    """Read CIFAR-10: 60,000 colour pictures of 32x32, in ten classes.

    Args:
        path: the folder with `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, or
            with the files of the Python version (without `.bin`); or the folder where the archive
            was unpacked. Pickles are read without running what they name.

    Returns:
        A `Dataset` of images in [0, 1], of shape (n, 32, 32, 3), and labels 0 to 9.

    Raises:
        ValueError: a file is missing, cut short or of another kind.

    References:
        Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
        https://www.cs.toronto.edu/~kriz/cifar.html, which also describes the format.
    """
    batches = [f"data_batch_{i}" for i in range(1, 6)]
    folders = "cifar-10-batches-bin", "cifar-10-batches-py"
    data = _read(Path(path), folders, batches, "test_batch", b"labels", 10)
    return data._replace(class_names=_NAMES)


def cifar100(path: str | os.PathLike) -> Dataset:
    """Read CIFAR-100: 60,000 colour pictures of 32x32, in a hundred (fine) classes.

    Args:
        path: the folder with `train.bin` and `test.bin`, or with the files of the Python version
            (without `.bin`); or the folder where the archive was unpacked.

    Returns:
        A `Dataset` of images in [0, 1], of shape (n, 32, 32, 3), and labels 0 to 99.

    Raises:
        ValueError: a file is missing, cut short or of another kind.

    References:
        Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
        https://www.cs.toronto.edu/~kriz/cifar.html, which also describes the format.
    """
    folders = "cifar-100-binary", "cifar-100-python"
    return _read(Path(path), folders, ["train"], "test", b"fine_labels", 100)


def _read(
    path: Path, folders: tuple, train: list[str], test: str, labels: bytes, n_classes: int
) -> Dataset:
    def part(names):
        images, y = zip(*(_batch(base, name, ending, labels, n_classes) for name in names))
        return pixels(np.concatenate(images)), np.concatenate(y)

    for base in (path, *(path / folder for folder in folders)):
        for ending in (".bin", ""):
            if (base / f"{test}{ending}").is_file():
                return Dataset(part(train), part([test]), n_classes)
    raise ValueError(f"{path} has no {test}.bin, nor {test}, nor a folder {' or '.join(folders)}")


def _batch(
    base: Path, name: str, ending: str, labels: bytes, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The pictures of one file, uint8 of shape (n, 32, 32, 3), and their labels."""
    file = base / f"{name}{ending}"
    if not file.is_file():
        raise ValueError(f"{base} has no {file.name}")
    images, y = _binary(file, n_classes) if ending else _pickled(file, labels)
    return images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), classes(y, n_classes, file)


def _binary(file: Path, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    data = np.fromfile(file, np.uint8)
    head = 1 if n_classes == 10 else 2  # CIFAR-100 has the coarse label first
    row = head + _PIXELS
    if len(data) % row or not len(data):
        whole = len(data) // row
        raise ValueError(f"{file}, byte {whole * row}: cut short after {whole} pictures")
    rows = data.reshape(-1, row)
    return rows[:, head:], rows[:, head - 1]


def _pickled(file: Path, labels: bytes) -> tuple[np.ndarray, np.ndarray]:
    batch = read_pickle(file)
    names = batch if isinstance(batch, dict) else {}
    for name in (b"data", labels):
        if name not in names:
            raise ValueError(f"{file} holds no {name.decode()!r}")
    images, y = batch[b"data"], batch[labels]
    # lists of lists of lists are not made arrays: of a pickle they may have no end
    is_array = isinstance(images, np.ndarray)
    if not is_array or images.dtype != np.uint8 or images.shape[1:] != (_PIXELS,):
        what = f"{images.dtype} of shape {images.shape}" if is_array else type(images).__name__
        raise ValueError(f"{file}: 'data' is {what}; it must be uint8 of shape (n, {_PIXELS})")
    if not isinstance(y, np.ndarray):
        if not isinstance(y, list) or not all(isinstance(label, int) for label in y):
            raise ValueError(f"{file}: {labels.decode()!r} must be a list of whole numbers")
        y = np.array(y)
    if y.shape != images.shape[:1] or y.dtype.kind not in "iu":
        raise ValueError(f"{file}: {y.size} labels of {y.dtype} for {len(images)} pictures")
    return images, y
