"""Plain arrays of an `.npz` file, of which nothing is believed that its size does not bear out."""

import math
import os
import zipfile
from typing import Any

import numpy as np

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of a file that `numpy.savez` or `numpy.savez_compressed` wrote.

    Raises:
        ValueError: it is cut short, broken, or holds anything but plain arrays.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as stream:
        try:
            with zipfile.ZipFile(stream) as file:
                return {x.filename.removesuffix(".npy"): _array(file, x) for x in file.infolist()}
        except Exception as error:  # a broken archive may fail anyhow
            raise ValueError(f"{path} is no whole .npz file of plain arrays: {error}") from None


def _array(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    # NumPy takes the memory for an array before it looks whether there is so much to read
    with file.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{info.filename} is of version {version}")
        shape, _, dtype = _HEADERS[version](member)
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise ValueError(f"{info.filename} is too short for {dtype} of shape {shape}")
    with file.open(info) as member:
        return np.lib.format.read_array(member)
