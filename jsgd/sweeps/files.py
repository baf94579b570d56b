"""Files: how the result of a sweep is written into a directory, and read from there again.

`results.csv` is the table, `curves.npz` the curves, and `sweep.json` all else: what was swept, how,
the types of the columns and of the curves, and the digests of the two other files, so that a
directory is either read exactly as it was written or refused.
"""

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import os
import time
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jsgd.sweeps.dimension import Dimension, Rounded
from jsgd.sweeps.space import Either
from jsgd.train.files import writable, write

Arrays = dict[str, np.ndarray]

HEAD = "status", "metric", "mode", "best_params", "best_score"
CHECKPOINT = "checkpoint"  # of a sweep to go on with: a directory
_TABLE, _PAGE, _CURVES = "results.csv", "sweep.json", "curves.npz"
_TRIES, _PAUSE = 3, 0.1  # a sweep may be saving while it is read


def encode(
    table: Arrays, curves: Arrays, space: dict[str, Dimension | Either], head: dict, info: dict
) -> dict[str, bytes]:
    """The files, name -> bytes.

    Args:
        table, curves, space, info: of the result.
        head: name -> what else `sweep.json` says of it, for each of HEAD.

    Raises:
        ValueError: `info` has a name that `sweep.json` has another use for.
    """
    data = {_TABLE: _csv(table), _CURVES: _npz(curves)}
    layout = {
        "space": {name: dataclasses.asdict(x) for name, x in space.items()},
        "columns": {name: x.dtype.str for name, x in table.items()},
        "curves": {name: x.dtype.name for name, x in curves.items()},
        "files": {name: _digest(x) for name, x in data.items()},
    }
    taken = sorted(info.keys() & (head | layout).keys())
    if taken:
        raise ValueError(f"info: {taken[0]!r} is what {_PAGE} says itself: name it differently")
    text = json.dumps(head | info | layout, indent=2, allow_nan=False) + "\n"
    return {_TABLE: data[_TABLE], _PAGE: text.encode(), _CURVES: data[_CURVES]}


def decode(folder: Path) -> tuple[Arrays, Arrays, dict[str, Dimension | Either], dict, dict]:
    """What `encode` was given for the files of a directory.

    Raises:
        ValueError: a file is missing, cut short, changed, or not of a sweep.
    """
    page, data = _read(folder)
    try:
        space = {name: _dimension(x) for name, x in page.pop("space").items()}
        columns, kinds = page.pop("columns"), page.pop("curves")
        head = {name: page.pop(name) for name in HEAD}
        names, *rows = csv.reader(io.StringIO(data[_TABLE].decode()))
        texts = dict(zip(names, zip(*rows, strict=True), strict=True))
        table = {name: np.array(texts[name]).astype(kind) for name, kind in columns.items()}
        with np.load(io.BytesIO(data[_CURVES])) as saved:
            # NumPy reads the types it does not know, such as bfloat16, as plain bytes
            curves = {name: saved[name].view(jnp.dtype(kind)) for name, kind in kinds.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / _PAGE} is not as a sweep writes it: {error}") from None
    return table, curves, space, head, page


def write_all(out: str | os.PathLike, files: dict[str, bytes]) -> list[Path]:
    """Put files into a directory, which is made if need be."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write(out / name, data)
    return [out / name for name in files]


@contextlib.contextmanager
def claimed(out: str | os.PathLike | None, resume: bool = False) -> Iterator[Path | None]:
    """The directory, `writable` and without results, or with those of a sweep to go on with.

    Raises:
        ValueError: it cannot be written; or it holds the results of a sweep, and is not to be gone
            on with, or cannot be.
    """
    if out is None:
        yield None
        return
    results, checkpoint = ((Path(out) / name).exists() for name in (_TABLE, CHECKPOINT))
    if results and not resume:
        raise ValueError(
            f"{out} holds the results of a sweep: name another directory, or go on with it "
            "(resume=True, --resume)"
        )
    if results and not checkpoint:
        raise ValueError(f"{out} holds results alone: without a {CHECKPOINT} no sweep can go on")
    with writable(out) as path:
        yield path


def _read(folder: Path) -> tuple[dict, dict[str, bytes]]:
    """The page, without the digests, and the files that it was saved with."""
    for _ in range(_TRIES):
        page = _page(folder)
        digests = page.pop("files")
        data = {name: _bytes(folder, name) for name in (_TABLE, _CURVES)}
        wrong = [name for name, x in data.items() if _digest(x) != digests.get(name)]
        if not wrong:
            return page, data
        time.sleep(_PAUSE)
    raise ValueError(
        f"{folder / wrong[0]} is not the file that {_PAGE} was saved with: it was cut short or "
        "changed, or the sweep was killed between saving the two"
    )


def _page(folder: Path) -> dict:
    text = _bytes(folder, _PAGE)
    try:
        page = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{folder / _PAGE} is cut short or no JSON: {error}") from None
    for name in (*HEAD, "space", "columns", "curves", "files"):
        if not isinstance(page, dict) or name not in page:
            raise ValueError(f"{folder / _PAGE} is not of a sweep: it does not say {name!r}")
    if not isinstance(page["files"], dict):
        raise ValueError(f"{folder / _PAGE} is not of a sweep: its 'files' are no digests")
    return page


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{folder} holds no sweep: it has no {name}") from None


def _dimension(values: dict[str, Any]) -> Any:
    """The dimension with these fields."""
    if values.get("kind") == "either":
        return Either("either", tuple(_dimension(x) for x in values["parts"]))
    for kind in (*typing.get_args(Dimension), Rounded):
        if {x.name for x in dataclasses.fields(kind)} == set(values):
            fields: dict[str, Any] = {
                n: tuple(x) if isinstance(x, list) else x for n, x in values.items()
            }
            return kind(**fields)
    raise ValueError(f"unknown dimension {values}")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _csv(table: Arrays) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(table)
    rows.writerows(zip(*(x.tolist() for x in table.values()), strict=True))
    return text.getvalue().encode()


def _npz(curves: Arrays) -> bytes:
    data = io.BytesIO()
    arrays: dict[str, Any] = dict(curves)
    np.savez_compressed(data, **arrays)
    return data.getvalue()
