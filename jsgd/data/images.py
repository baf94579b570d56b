"""A folder of pictures as a data set: the class of each, from folders or from a table."""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from jsgd.data.dataset import Dataset
from jsgd.data.parts import pixels, split
from jsgd.data.pictures import load_pictures

_ENDINGS = (".png", ".jpg", ".jpeg")


def images(
    path: str | os.PathLike,
    size: int | tuple[int, int] | None = None,
    *,
    grayscale: bool = False,
    labels: str | os.PathLike = "labels.csv",
    test_size: float = 0.2,
    seed: int = 0,
    cache: bool = True,
) -> Dataset:
    """Read a folder of pictures, PNG or JPEG, with a class for each.

    The class is the name of the subfolder that a picture is in, or what the folder's `labels.csv`
    says: a first line of headings, then `file,label` lines. Classes are numbered in the order of
    their names (as numbers, where they are numbers). If the folder has subfolders `train` and
    `test`, each is such a folder; else a part is split off to test on.

    The decoded pictures are kept beside the folder in `NAME.SIZE.jsgd.npz`, which is made anew when
    a file's name, size or time has changed. Transparency is dropped.

    Args:
        path: the folder.
        size: resize to it: a number for squares, or (height, width), in pixels >= 1. `None` leaves
            the pictures as they are, and then they must all be of one size.
        grayscale: one channel and not three.
        labels: the file of labels, in the folder.
        test_size: the share of the pictures to test on, in (0, 1), where there is no `test`.
        seed: of that split.
        cache: keep the decoded pictures. A place that cannot be written to is no error.

    Returns:
        A `Dataset` of images in [0, 1], of shape (n, height, width, 3 or 1), and their labels.

    Raises:
        ValueError: a picture cannot be read or is of another size, a class has none, or a line of
            the labels is wrong.
        ImportError: Pillow is not installed.
    """
    size = _checked(size)
    root = Path(path).resolve()
    folders = [root / "train", root / "test"]
    if not all(folder.is_dir() for folder in folders):
        folders = [root]
    listed = [_list(folder, folder / labels) for folder in folders]
    names = sorted({name for _, name in listed[0]}, key=_as_number)
    parts = []
    for folder, pairs in zip(folders, listed):
        new = sorted({name for _, name in pairs} - set(names))
        if new:
            raise ValueError(f"{folder} has a class {new[0]!r}, of which train has no picture")
        x = load_pictures(folder, [file for file, _ in pairs], size, grayscale, cache)
        y = np.array([names.index(name) for _, name in pairs], np.int32)
        parts.append((x, y))
    train, test = parts if len(parts) == 2 else _split(x, y, test_size, seed, root)
    if train[0].shape[1:] != test[0].shape[1:]:
        shapes = f"{test[0].shape[1:3]} pixels, {train[0].shape[1:3]} in train"
        raise ValueError(f"{folders[-1]}: {shapes}: give size=(height, width)")
    train, test = ((pixels(x), y) for x, y in (train, test))
    return Dataset(train, test, len(names), tuple(names))


def _checked(size: Any) -> tuple[int, int] | None:
    pair: Any = (size, size) if isinstance(size, int) else size
    if pair is not None and (
        len(pair) != 2 or not all(isinstance(x, int) and x >= 1 for x in pair)
    ):
        raise ValueError(f"size = {size!r}: a number, (height, width) or None, in pixels >= 1")
    return pair


def _list(folder: Path, labels: Path) -> list[tuple[Path, str]]:
    """Every picture and its class."""
    if labels.is_file():
        return _from_csv(folder, labels)
    subfolders = [x for x in sorted(folder.glob("*")) if x.is_dir() and x.name[0] != "."]
    if not subfolders:
        raise ValueError(f"{folder} has neither {labels.name} nor a folder for each class")
    pairs = []
    for subfolder in subfolders:
        files = [x for x in sorted(subfolder.iterdir()) if x.suffix.lower() in _ENDINGS]
        if not files:
            raise ValueError(f"{subfolder} has no picture ({', '.join(_ENDINGS)})")
        pairs += [(file, subfolder.name) for file in files]
    return pairs


def _from_csv(folder: Path, labels: Path) -> list[tuple[Path, str]]:
    pairs: dict[Path, str] = {}
    with labels.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        lines = csv.reader(stream)
        try:
            rows = [(f"{labels}, line {lines.line_num}", row) for row in lines]
        except csv.Error as error:
            raise ValueError(f"{labels}, line {lines.line_num}: {error}") from None
    for at, row in rows[1:]:
        if len(row) < 2 or not row[0] or not row[1].strip():
            raise ValueError(f"{at}: {','.join(row)!r} is not file,label")
        file = folder / row[0]
        if not file.is_file():
            raise ValueError(f"{at}: there is no {file}")
        if file in pairs:
            raise ValueError(f"{at}: {row[0]} is there twice")
        pairs[file] = row[1].strip()
    if not pairs:
        raise ValueError(f"{labels} names no picture")
    return list(pairs.items())


def _split(x: np.ndarray, y: np.ndarray, test_size: float, seed: int, root: Path) -> Any:
    try:
        return split(x, y, test_size, seed)
    except ValueError as error:
        raise ValueError(f"{root}: {error}") from None


def _as_number(name: str) -> tuple[bool, int, str]:
    number = name.isdecimal() and len(name) < 20  # Python refuses to read very long ones
    return (False, int(name), name) if number else (True, 0, name)
