"""Pickles that hold arrays and plain things: read without running anything that they name.

A pickle is a program. This one may call four functions, and they are ours: what NumPy's pickles
call is replaced by stand-ins, which are turned into arrays of numbers afterwards.
"""

import io
import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np


def read_pickle(file: str | os.PathLike) -> Any:
    """Read a pickle of numbers, bytes, text, lists, tuples, dicts and arrays of numbers.

    Text of Python 2 comes as bytes.

    Raises:
        ValueError: it is cut short, broken, or names anything else.
    """
    data = Path(file).read_bytes()
    stream = io.BytesIO(data)
    try:
        _check_sizes(data)
        return _plain(_Unpickler(stream, encoding="bytes").load(), {})
    except Exception as error:  # a broken pickle may fail anyhow
        raise ValueError(
            f"{file}, about byte {stream.tell()}: no pickle of arrays: {error}"
        ) from None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not called")
        return _ALLOWED[f"{module}.{name}"]


def _check_sizes(data: bytes) -> None:
    """Raises `ValueError` if the pickle claims to be larger than it is.

    The unpickler takes the memory for a string before it looks whether there is so much to read,
    which `genops` looks at, and for as many places as the highest number that it is to remember
    something under. Who writes pickles numbers them from 0 or 1.
    """
    for count, (op, number, at) in enumerate(pickletools.genops(data)):
        if op.name in ("PUT", "LONG_BINPUT") and (number or 0) > count:
            raise ValueError(f"it would remember something as number {number}, at byte {at}")


class _DType:
    def __init__(self, code: Any, *_: Any):
        code = code.decode() if isinstance(code, bytes) else code
        self.dtype = np.dtype(code)
        if self.dtype.kind not in "biuf":
            raise ValueError(f"arrays hold numbers, not {code!r}")

    def __setstate__(self, state: tuple) -> None:
        order = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.dtype = np.dtype(f"{order}{self.dtype.str[1:]}")


class _Array:
    def __setstate__(self, state: tuple) -> None:
        _, self.shape, self.type, self.by_columns, self.data = state

    def array(self) -> np.ndarray:
        flat = np.frombuffer(self.data, self.type.dtype)
        return flat.reshape(self.shape, order="F" if self.by_columns else "C")


def _plain(x: Any, done: dict[int, Any]) -> Any:
    """With arrays in place of their stand-ins; what is there many times is worked on once."""
    if isinstance(x, bytes | str | int | float | None):
        return x
    if id(x) not in done:
        if isinstance(x, _Array):
            done[id(x)] = x.array()
        elif isinstance(x, dict):
            done[id(x)] = {_plain(key, done): _plain(value, done) for key, value in x.items()}
        elif isinstance(x, list | tuple):
            done[id(x)] = type(x)(_plain(value, done) for value in x)
        else:
            raise ValueError(f"{type(x).__name__} is neither plain nor an array")
    return done[id(x)]


def _array(*_: Any) -> _Array:
    return _Array()


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin1")


_ALLOWED = {
    "numpy.core.multiarray._reconstruct": _array,
    "numpy._core.multiarray._reconstruct": _array,
    "numpy.ndarray": _array,
    "numpy.dtype": _DType,
    "_codecs.encode": _encode,  # of bytes, in old protocols
}
