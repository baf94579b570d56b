"""Spaces: what a sweep tries. A dict from a hyperparameter's name to where its values come from.

`{"lr": loguniform(1e-4, 1), "momentum": grid([0, 0.9])}`; a list or an array means `grid`, a number
is itself. A space of grids alone is their product. Any other is a number of random draws, where a
grid is drawn from like a `choice`. A list of spaces is one after another.
"""

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jsgd.sweeps.dimension import Dimension, Values, check, grid
from jsgd.sweeps.sample import points

Space = Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Either:
    """What a list of spaces says of one name, space by space: `kind` is "either"."""

    kind: str
    parts: tuple[Dimension, ...]

    @property
    def log(self) -> bool:
        """Whether a part is best seen on a log axis, and the others fit on it."""
        fit = all(x.log or (isinstance(x, Values) and min(x.values) > 0) for x in self.parts)
        return fit and any(x.log for x in self.parts)


def settings(
    space: Space, n: int | None = None, seed: Any = 0, sampler: Any = "random"
) -> dict[str, np.ndarray]:
    """The settings of a space, as a dict of float64 arrays of one length.

    Args:
        space: name -> dimension, list, array or number; or a list of such dicts, all of the same
            names, whose settings follow one another.
        n: how many to draw, >= 1, from every dict with something random in it; `None` if there is
            none. A dict of grids gives its product, the last name varying fastest.
        seed: of the draws, whatever `numpy.random.default_rng` takes.
        sampler: "random"; "sobol" or "halton", scrambled sequences that fill the space more evenly;
            or a `scipy.stats.qmc.QMCEngine` of as many dimensions as there are names, which is
            copied, not advanced, and takes no seed. By name, more draws begin with the same ones.

    Raises:
        ValueError: the space is empty or malformed; `n` is missing, below 1, or given for grids
            alone, as is a sampler; or there is no such sampler.

    >>> settings({"lr": [0.1, 0.2], "momentum": [0, 0.9]})
    {'lr': array([0.1, 0.1, 0.2, 0.2]), 'momentum': array([0. , 0.9, 0. , 0.9])}
    >>> settings([{"lr": [0.1, 0.2], "momentum": 0}, {"lr": 0.01, "momentum": 0.9}])
    {'lr': array([0.1 , 0.2 , 0.01]), 'momentum': array([0. , 0. , 0.9])}
    """
    every = spaces(space)
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
    return {name: np.concatenate([x[name] for x in parts]) for name in every[0]}


def dimensions(space: Space) -> dict[str, Dimension | Either]:
    """The space in full: lists, arrays and numbers as grids; of several spaces, `Either`.

    Raises:
        ValueError: as `spaces` does.
    """
    every = spaces(space)
    if len(every) == 1:
        return dict(every[0])
    return {name: Either("either", tuple(x[name] for x in every)) for name in every[0]}


def spaces(space: Space) -> list[dict[str, Dimension]]:
    """The space as a list of one or more, each in full, of the same names.

    Raises:
        ValueError: a space is empty, something in it is neither a dimension nor numbers, or not all
            in the list name the same hyperparameters.
    """
    if isinstance(space, Mapping):
        return [_full(space)]
    known = isinstance(space, Sequence) and all(isinstance(x, Mapping) for x in space)
    check(known, f"a space is a dict name -> values, or a list of such dicts, not {space!r}")
    check(len(space) > 0, "the space is empty: give at least one dict")
    out = []
    for i, x in enumerate(space):
        try:
            out.append(_full(x))
        except ValueError as error:
            raise ValueError(f"space {i}: {error}") from None
    names = list(dict.fromkeys(name for x in out for name in x))
    lacking = [(i, [name for name in names if name not in x]) for i, x in enumerate(out)]
    words = "; ".join(f"space {i} lacks {', '.join(lacks)}" for i, lacks in lacking if lacks)
    check(not words, f"{words}: every dict names them all; give a number for a fixed value")
    return out


def is_product(space: Mapping[str, Dimension | Either]) -> bool:
    """Whether the space is all grids, so that its settings are their product."""
    return all(x.kind == "grid" for x in space.values())


def sampler_name(space: Space, sampler: Any) -> str:
    """What to call the way the settings were found: "grid" where nothing was drawn."""
    if all(map(is_product, spaces(space))):
        return "grid"
    return sampler if isinstance(sampler, str) else type(sampler).__name__


def _product(space: dict[str, Dimension]) -> dict[str, np.ndarray]:
    grids = [x.values for x in space.values() if isinstance(x, Values)]
    columns = np.array(list(itertools.product(*grids)), np.float64).T
    return dict(zip(space, columns, strict=True))


def _draws(
    space: dict[str, Dimension], n: int, sampler: Any, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    cube = points(n, len(space), sampler, rng)
    return {name: x.at(u) for (name, x), u in zip(space.items(), cube.T, strict=True)}


def _full(space: Mapping[str, Any]) -> dict[str, Dimension]:
    check(len(space) > 0, "the space is empty: name at least one hyperparameter")
    out: dict[str, Dimension] = {}
    for name, x in space.items():
        try:
            known = isinstance(x, Dimension)
            out[name] = x if known else grid(x if isinstance(x, Sequence) or np.ndim(x) else [x])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from None
    return out
