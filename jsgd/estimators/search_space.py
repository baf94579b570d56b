"""The candidates of a search: draws from lists, distributions of SciPy, or spaces of jsgd."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import ParameterSampler
from sklearn.utils import check_random_state

from jsgd.sweeps.dimension import Branches, Dimension, Interval, Normal, Rounded, Values
from jsgd.sweeps.groups import whole

Space = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def candidates(space: Space, n: int, random_state: Any) -> list[dict[str, Any]]:
    """So many settings, as `RandomizedSearchCV` draws them: of lists alone, no setting twice.

    Args:
        space: name -> a list, a distribution with a method `rvs`, or a dimension of `jsgd.sweeps`;
            or a list of such dicts, one of which is picked for each setting.
        n: how many, >= 1; of lists alone, at most all that there are.
        random_state: as of scikit-learn.

    Raises:
        ValueError: `n` is out of range, or the space is none.

    >>> import jsgd
    >>> space = {"alpha": jsgd.sweeps.loguniform(0.01, 1), "batch_size": [32]}
    >>> [sorted(one) for one in candidates(space, 2, random_state=0)]
    [['alpha', 'batch_size'], ['alpha', 'batch_size']]
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n_iter = {n!r}: it must be a whole number >= 1")
    dicts = [space] if isinstance(space, Mapping) else space
    if not isinstance(dicts, Sequence) or not all(isinstance(x, Mapping) and x for x in dicts):
        raise ValueError(
            f"param_distributions = {space!r}: it must be a dict name -> list or distribution, "
            "or a list of such dicts"
        )
    if not dicts:
        raise ValueError("param_distributions: there is no dict in the list")
    ready = [{name: _drawable(name, x) for name, x in one.items()} for one in dicts]
    return list(ParameterSampler(ready, int(n), random_state=random_state))


@dataclass(frozen=True)
class _Draws:
    """A dimension with the interface of a distribution of SciPy."""

    dimension: Dimension

    def rvs(self, random_state: Any = None) -> Any:
        u = check_random_state(random_state).uniform(size=1)
        x = self.dimension.at(u)[0].item()
        return int(x) if self.dimension.kind == "randint" else x


def _drawable(name: str, x: Any) -> Any:
    if isinstance(x, Branches):
        raise ValueError(f"{name}: a choice of spaces; give a list of dicts in its place")
    if isinstance(x, Values):
        return [whole(value) for value in x.values]
    if isinstance(x, Interval | Rounded | Normal):
        return _Draws(x)
    if hasattr(x, "rvs") or (isinstance(x, Sequence | np.ndarray) and not isinstance(x, str)):
        return x
    raise ValueError(f"{name} = {x!r}: it must be a list, or a distribution to draw from")
