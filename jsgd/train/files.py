"""Files that are whole or not there, in directories that can be written."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Put a file in its place whole: write it beside, then rename."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def writable(out: str | os.PathLike) -> Iterator[Path]:
    """The directory, made sure to be writable; it goes again if nothing was written there.

    Raises:
        ValueError: it cannot be written.
    """
    path = Path(out)
    try:
        path.mkdir(parents=True, exist_ok=True)
        write(path / ".writable", b"")
        (path / ".writable").unlink()
    except OSError as error:
        raise ValueError(f"cannot write into {path}: {error.strerror or error}") from None
    try:
        yield path
    finally:
        if not any(path.iterdir()):
            path.rmdir()
