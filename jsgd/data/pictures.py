"""Pictures from files: decoded in parallel, resized, and kept for the next time."""

import contextlib
import hashlib
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from jsgd.data.npz import read_npz


def load_pictures(
    folder: Path, files: list[Path], size: tuple[int, int] | None, grayscale: bool, cache: bool
) -> np.ndarray:
    """The pictures, uint8 of shape (n, height, width, channels), decoded or from an earlier time.

    With `cache` they are kept beside the folder in `NAME.SIZE.jsgd.npz`, if that can be written to,
    with a digest of the files' names, sizes and times.

    Raises:
        ValueError: a picture cannot be read, or without `size` is of another size than the first.
        ImportError: Pillow is not installed.
    """
    how = ("full" if size is None else f"{size[0]}x{size[1]}") + ("-gray" if grayscale else "")
    kept = folder.with_name(f"{folder.name}.{how}.jsgd.npz")
    stats = [(os.path.relpath(file, folder), file.stat()) for file in files]
    facts = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    x = _kept(kept, key) if cache else None
    if x is None:
        x = decode(files, size, grayscale)
        if cache:
            _keep(kept, key, x)
    return x


def _kept(path: Path, key: str) -> np.ndarray | None:
    try:
        kept = read_npz(path)
    except (OSError, ValueError):
        return None  # none yet, or broken
    return kept.get("x") if kept.get("key") == key else None


def _keep(path: Path, key: str, x: np.ndarray) -> None:
    """Whole or not at all, whoever else writes or is killed."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        try:
            with new.open("wb") as stream:
                np.savez(stream, x=x, key=np.array(key))
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def decode(files: list[Path], size: tuple[int, int] | None, grayscale: bool) -> np.ndarray:
    """The pictures, uint8 of shape (n, height, width, channels), with the errors of the above."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("pictures need Pillow: pip install 'jsgd[images]'") from None

    mode = "L" if grayscale else "RGB"

    def one(file: Path) -> np.ndarray:
        try:
            # from memory: of an open file, Pillow would take as much of it as its parts claim to be
            with Image.open(io.BytesIO(file.read_bytes())) as picture:
                if picture.mode[0] in "IF":  # converting these to bytes would cut values off
                    raise ValueError("it has more than 8 bits a pixel")
                picture = ImageOps.exif_transpose(picture).convert(mode)
                if size is not None:
                    picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
                x = np.asarray(picture)
        except Exception as error:  # a broken picture may fail anyhow
            raise ValueError(f"{file} is no picture that can be read: {error}") from None
        return x if x.ndim == 3 else x[..., None]

    with ThreadPoolExecutor() as pool:  # Pillow lets go of the interpreter while it decodes
        x = list(pool.map(one, files))
    for file, picture in zip(files, x):
        if picture.shape != x[0].shape:
            sizes = f"{picture.shape[:2]} pixels, {files[0]} {x[0].shape[:2]}"
            raise ValueError(f"{file} has {sizes}: give size=(height, width)")
    return np.stack(x)
