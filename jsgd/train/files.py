"""Files that are whole or not there, in directories that can be written."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A path beside the file to write to; it takes the file's place at the end, unless that fails.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/a.txt") as beside:
    ...         _ = beside.write_text("whole")
    ...     Path(folder, "a.txt").read_text(), len(os.listdir(folder))
    ('whole', 1)
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.tmp")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Put a file in its place whole."""
    with replacing(path) as beside:
        beside.write_bytes(data)


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
