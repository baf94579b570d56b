"""Arrays by name in one file, `.safetensors` or `.npz`, read whole or refused."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np

from jsgd.data.npz import read_npz
from jsgd.train.files import replacing

Arrays = dict[str, np.ndarray]


def write_arrays(path: str | os.PathLike, arrays: Arrays) -> None:
    """Write the file whole, or leave what is there.

    Raises:
        ValueError: the name of the file says no format, or the format has not the dtype of an
            array.
    """
    write, _ = _format(path)
    with replacing(path) as beside:
        write(beside, arrays)


def read_arrays(path: str | os.PathLike) -> Arrays:
    """Read it.

    Raises:
        ValueError: the name of the file says no format, or the file is broken.
    """
    _, read = _format(path)
    return read(path)


def _write_npz(path: Path, arrays: Arrays) -> None:
    """As `numpy.savez`, which has other uses for names such as "file", and few dtypes."""
    with zipfile.ZipFile(path, "w") as file:
        for name, x in arrays.items():
            if hasattr(ml_dtypes, x.dtype.name):
                name, x = f"{name}:{x.dtype.name}", x.view(f"u{x.dtype.itemsize}")
            with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, x, allow_pickle=False)


def _read_npz(path: str | os.PathLike) -> Arrays:
    arrays = {}
    for entry, x in read_npz(path).items():
        name, _, dtype = entry.rpartition(":")
        if name and hasattr(ml_dtypes, dtype):
            arrays[name] = x.view(dtype)
        else:
            arrays[entry] = x
    return arrays


def _write_safetensors(path: Path, arrays: Arrays) -> None:
    for name, x in arrays.items():
        # of the others the library writes some, and reads none back into NumPy
        if not (x.dtype.isbuiltin == 1 or x.dtype == jnp.bfloat16) or x.dtype == np.complex128:
            raise ValueError(f"{name!r} is {x.dtype}, which .safetensors has not: save as .npz")
    _safetensors().numpy.save_file(arrays, path)


def _read_safetensors(path: str | os.PathLike) -> Arrays:
    library = _safetensors()
    try:
        return library.numpy.load_file(path)
    except AttributeError as error:  # of the module numpy: a dtype that it has not
        raise ValueError(f"{path} holds a dtype that cannot be read: {error}") from None
    except library.SafetensorError as error:
        raise ValueError(f"{path} is no whole .safetensors file: {error}") from None


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            ".safetensors files need safetensors: pip install 'jsgd[weights]'"
        ) from None
    return safetensors


_FORMATS = {
    ".npz": (_write_npz, _read_npz),
    ".safetensors": (_write_safetensors, _read_safetensors),
}


def _format(path: str | os.PathLike) -> tuple[Callable, Callable]:
    suffix = Path(path).suffix
    if suffix not in _FORMATS:
        raise ValueError(f"{path}: the name of the file must end in {' or '.join(_FORMATS)}")
    return _FORMATS[suffix]
