"""Conditions: a space is a tree, in which a choice of spaces is where it branches.

`{"lr": ..., "optimizer": choice({"sgd": {"momentum": ...}, "adam": {"b1": ..., "b2": ...}})}`. In
the unit cube every pick has a coordinate, and so has every name of every branch, whether it applies
or not: here lr, optimizer, momentum, b1 and b2, in this order.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jsgd.sweeps.dimension import Branches, Dimension, check, grid

Tree = dict[str, Dimension | Branches]


def tree(space: Mapping[str, Any]) -> Tree:
    """The space in full: lists, arrays, numbers and strings are grids, in its branches, too.

    Raises:
        ValueError: something in it is neither a dimension nor values, or a name stands both in a
            branch and outside of it.
    """
    out: Tree = {}
    for name, x in space.items():
        try:
            out[name] = _branch(x)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from None
    taken = set(out)
    for x in out.values():
        inside = {name for branch in branches(x).values() for name, _ in coordinates(branch)}
        twice = ", ".join(sorted(inside & taken))
        check(not twice, f"{twice}: named in a branch and outside of it, so that both would apply")
        taken |= inside
    return out


def branches(x: Dimension | Branches) -> dict[Any, Tree]:
    """Label -> space; none where there is no choice of spaces."""
    if not isinstance(x, Branches):
        return {}
    return {label: dict(space) for label, space in zip(x.labels.values, x.spaces, strict=True)}


def coordinates(space: Tree) -> list[tuple[str, Dimension]]:
    """What each coordinate of the unit cube stands for: a pick, then the names of its branches.

    A name may come several times: once for each branch that it is in.
    """
    out: list[tuple[str, Dimension]] = []
    for name, x in space.items():
        out.append((name, x.labels if isinstance(x, Branches) else x))
        for branch in branches(x).values():
            out += coordinates(branch)
    return out


def columns(space: Tree, cube: Iterator[np.ndarray]) -> dict[str, np.ndarray]:
    """The settings that points stand for, given their coordinates one after another.

    Where a name does not apply it is NaN, or an empty string.

    >>> from jsgd.sweeps.dimension import choice
    >>> space = tree({"optimizer": choice({"sgd": {"momentum": [0.8, 0.9]}, "adam": {}})})
    >>> columns(space, iter([np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.6, 0.6])]))["momentum"]
    array([0.8, 0.9, nan])
    """
    out: dict[str, np.ndarray] = {}
    for name, x in space.items():
        out[name] = (x.labels if isinstance(x, Branches) else x).at(next(cube))
        for label, branch in branches(x).items():
            for inner, drawn in columns(branch, cube).items():
                before = out.get(inner, np.full_like(drawn, lacking(drawn.dtype)))
                out[inner] = np.where(out[name] == label, drawn, before)
    return out


def lacking(kind: np.dtype) -> Any:
    """What stands in a column of this type where its name does not apply."""
    return "" if kind.kind == "U" else np.nan


def applies(column: np.ndarray) -> np.ndarray:
    """Where the name of a column does apply."""
    return column != "" if column.dtype.kind == "U" else ~np.isnan(column)


def _branch(x: Any) -> Dimension | Branches:
    if isinstance(x, Branches):
        return Branches(x.kind, x.labels, tuple(tree(space) for space in x.spaces))
    if isinstance(x, Dimension):
        return x
    is_list = isinstance(x, Sequence) and not isinstance(x, str)
    return grid(x if is_list or np.ndim(x) else [x])
