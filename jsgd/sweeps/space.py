"""Spaces: what a sweep tries. A dict from a hyperparameter's name to where its values come from.

`{"lr": loguniform(1e-4, 1), "momentum": grid([0, 0.9])}`; a list or an array means `grid`, a number
or a string is itself. A space of grids alone is their product. Any other is a number of random
draws, where a grid is drawn from like a `choice`. A choice of spaces is a condition. A list of
spaces is one after another. Where a name does not apply, its column is NaN, or an empty string.
"""

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jsgd.sweeps.conditions import Tree, branches, columns, coordinates, lacking, tree
from jsgd.sweeps.dimension import Branches, Dimension, Values, check
from jsgd.sweeps.sample import is_optuna, points

Space = Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Either:
    """What several spaces, or the branches of one, say of a name: `kind` is "either"."""

    kind: str
    parts: tuple[Dimension, ...]

    @property
    def log(self) -> bool:
        """Whether a part is best seen on a log axis, and the others fit on it."""
        fit = all(x.log or (isinstance(x, Values) and x.positive) for x in self.parts)
        return fit and any(x.log for x in self.parts)


def settings(
    space: Space, n: int | None = None, seed: Any = 0, sampler: Any = "random"
) -> dict[str, np.ndarray]:
    """The settings of a space, as a dict of arrays of one length: float64, or of strings.

    Where a name does not apply to a setting, it is NaN there, or an empty string.

    Args:
        space: name -> dimension, list, array, number or string; or a list of such dicts, whose
            settings follow one another, and each of which may name what others do not.
        n: how many to draw, >= 1, from every dict with something random in it; `None` if there is
            none. A dict of grids gives its product, the last name varying fastest.
        seed: of the draws, whatever `numpy.random.default_rng` takes.
        sampler: "random"; "sobol" or "halton", scrambled sequences that fill the space more evenly;
            or a `scipy.stats.qmc.QMCEngine` of as many dimensions as there are names, those of
            every branch counted, which is copied, not advanced, and takes no seed. By name, more
            draws begin with the same ones.

    Raises:
        ValueError: the space is empty or malformed; `n` is missing, below 1, or given for grids
            alone, as is a sampler; or there is no such sampler, or it is one of Optuna's.

    >>> settings({"lr": [0.1, 0.2], "momentum": [0, 0.9]})
    {'lr': array([0.1, 0.1, 0.2, 0.2]), 'momentum': array([0. , 0.9, 0. , 0.9])}
    >>> settings([{"lr": [0.1, 0.2], "momentum": 0.9}, {"lr": 0.01}])
    {'lr': array([0.1 , 0.2 , 0.01]), 'momentum': array([0.9, 0.9, nan])}
    """
    every = spaces(space)
    check(not is_optuna(sampler), "a sampler of Optuna's proposes settings in a sweep, from scores")
    drawn = {name: None for x in every for name, dim in x.items() if dim.kind != "grid"}
    if drawn:
        if n is None:
            raise ValueError(f"give n, the number of draws: {', '.join(drawn)} is random")
        if not int(n) == n >= 1:
            raise ValueError(f"n = {n}: it must be a whole number, 1 or more")
    else:
        whole = "this space is all grids, which are swept whole"
        if n is not None:
            raise ValueError(f"n = {n}: {whole}; leave n out")
        if sampler != "random":
            raise ValueError(f"sampler = {sampler!r}: {whole}; leave the sampler out")
    sampler = copy.deepcopy(sampler)
    rng = np.random.default_rng(seed)
    parts: list[dict[str, np.ndarray]] = []
    for x in every:
        source = rng.spawn(1)[0] if parts else rng  # the first dict draws as it would alone
        parts.append(_product(x) if is_product(x) else _draws(x, int(n or 0), sampler, source))
    return {name: _joined([part.get(name) for part in parts], parts) for name in dimensions(space)}


def dimensions(space: Space) -> dict[str, Dimension | Either]:
    """Every name of the space, with its dimension, or `Either` where several differ.

    A choice of spaces is the choice of their labels, and the names of the branches stand after it.

    Raises:
        ValueError: as `spaces` does.
    """
    parts: dict[str, list[Dimension]] = {}
    for x in spaces(space):
        for name, dimension in coordinates(x):
            if dimension not in parts.setdefault(name, []):
                parts[name].append(dimension)
    return {name: x[0] if len(x) == 1 else Either("either", tuple(x)) for name, x in parts.items()}


def spaces(space: Space) -> list[Tree]:
    """The space as a list of one or more, each in full.

    Raises:
        ValueError: a space is empty, something in it is neither a dimension nor values, or a name
            is given as strings in one place and as numbers in another.
    """
    if isinstance(space, Mapping):
        check(len(space) > 0, "the space is empty: name at least one hyperparameter")
        out = [tree(space)]
    else:
        known = isinstance(space, Sequence) and all(isinstance(x, Mapping) for x in space)
        check(known, f"a space is a dict name -> values, or a list of such dicts, not {space!r}")
        check(len(space) > 0, "the space is empty: give at least one dict")
        out = []
        for i, x in enumerate(space):
            try:
                out += spaces(x)
            except ValueError as error:
                raise ValueError(f"space {i}: {error}") from None
    of_strings: dict[str, bool] = {}
    for name, x in (pair for one in out for pair in coordinates(one)):
        strings = is_of_strings(x)
        check(strings == of_strings.setdefault(name, strings), f"{name}: strings, and numbers")
    return out


def picks(space: Space) -> set[str]:
    """The names that say which branch was drawn."""
    return {name for one in spaces(space) for name in _picks(one)}


def is_of_strings(x: Dimension | Either) -> bool:
    """Whether the values are strings."""
    if isinstance(x, Either):
        return is_of_strings(x.parts[0])
    return isinstance(x, Values) and x.strings


def is_product(space: Mapping[str, Dimension | Branches | Either]) -> bool:
    """Whether the space is all grids, so that its settings are their product."""
    return all(x.kind == "grid" for x in space.values())


def sampler_name(space: Space, sampler: Any) -> str:
    """What to call the way the settings were found: "grid" where nothing was drawn."""
    if not is_optuna(sampler) and all(map(is_product, spaces(space))):
        return "grid"
    return sampler if isinstance(sampler, str) else type(sampler).__name__


def _picks(space: Tree) -> Iterator[str]:
    for name, x in space.items():
        if isinstance(x, Branches):
            yield name
        for branch in branches(x).values():
            yield from _picks(branch)


def _product(space: Tree) -> dict[str, np.ndarray]:
    every = itertools.product(*(x.values for x in space.values() if isinstance(x, Values)))
    return {name: np.array(x) for name, x in zip(space, zip(*every), strict=True)}


def _draws(space: Tree, n: int, sampler: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return columns(space, iter(points(n, len(coordinates(space)), sampler, rng).T))


def _joined(column: Sequence[np.ndarray | None], parts: list[dict[str, np.ndarray]]) -> np.ndarray:
    """The parts of a column one after another; it does not apply in a part that lacks it."""
    nothing = lacking(next(x.dtype for x in column if x is not None))
    lengths = [len(next(iter(part.values()))) for part in parts]
    return np.concatenate(
        [np.full(k, nothing) if x is None else x for x, k in zip(column, lengths, strict=True)]
    )
