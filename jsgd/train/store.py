"""A store: numbered checkpoints in a directory, written with Orbax, each whole or not there.

A checkpoint is arrays, and notes about them. Orbax renames one to its number when it is whole; one
that is no longer wanted loses its number before anything of it is removed.
"""

import json
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np


def save(folder: Path, number: int, notes: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Add a checkpoint.

    Args:
        folder: the store.
        number: >= 0, and not of a checkpoint that is there.
        notes: what JSON has.
        arrays: NumPy arrays by name, or dicts of them, in which some may be of size 0.
    """
    groups = {name: x for name, x in arrays.items() if isinstance(x, dict)}
    empty = [  # Orbax holds none, and no file needs to
        [name, at, x.dtype.name, x.shape]
        for name, group in groups.items()
        for at, x in group.items()
        if not x.size
    ]
    groups = {name: {at: x for at, x in group.items() if x.size} for name, group in groups.items()}
    text = np.frombuffer(json.dumps(notes | {"empty": empty}).encode(), np.uint8)
    _orbax().save(folder.resolve() / str(number), arrays | groups | {"notes": text})


def load(folder: Path, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The notes and the arrays of a checkpoint."""
    arrays = _orbax().restore(folder.resolve() / str(number))
    notes = json.loads(arrays.pop("notes").tobytes())
    for name, at, dtype, shape in notes.pop("empty", []):
        arrays[name] = (arrays[name] or {}) | {at: np.zeros(shape, jnp.dtype(dtype))}
    return notes, arrays


def numbered(leaves: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays in their order, as a checkpoint has them."""
    return {str(i): x for i, x in enumerate(leaves)}


def listed(numbered: dict[str, np.ndarray]) -> list[np.ndarray]:
    """What `numbered` was given."""
    return [numbered[str(i)] for i in range(len(numbered))]


def whole(folder: Path) -> list[int]:
    """The numbers of the checkpoints, rising."""
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    return sorted(int(name) for name in names if name.isdecimal())


def tidy(folder: Path, keep: Collection[int]) -> None:
    """Remove every checkpoint but those, and what a kill has left of others."""
    for path in list(folder.iterdir()) if folder.exists() else ():
        if path.name not in map(str, keep):
            if path.name.isdecimal():
                path = path.rename(folder / f".{path.name}.tmp")
            shutil.rmtree(path)


def _orbax() -> Any:
    import orbax.checkpoint  # here: it takes a while to import

    return orbax.checkpoint.PyTreeCheckpointer()
