"""Settings proposed by a sampler of Optuna's, which learns from the scores of those before."""

import copy
from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from jsgd.sweeps.conditions import Tree, branches, lacking
from jsgd.sweeps.dimension import Branches, Dimension, Normal, Rounded, Values, choice
from jsgd.sweeps.sample import is_optuna
from jsgd.sweeps.space import Either, Space, dimensions, spaces
from jsgd.sweeps.study import direction, quiet_optuna


class Proposer:
    """A study that is asked for settings and told their scores.

    All of it follows from the arguments and from what it was told: one that is told the same
    proposes the same, and so a sweep that was killed goes on by asking and telling again. A grid is
    drawn from like a choice; of a list of spaces one is picked for every setting.

    Args:
        space: name -> dimension, list, array, number or string, with conditions (see `choice`); or
            a list of such dicts.
        sampler: "tpe", the tree-structured Parzen estimator, which gets its seed from `seed`; or a
            sampler of Optuna's, which is copied, not advanced: give it a seed of its own.
        mode: "max" or "min", which scores are good.
        seed: what `numpy.random.SeedSequence` takes, such as a whole number or a list of them.

    Raises:
        ValueError: the space is empty or malformed, or it is no such sampler or mode.
        ImportError: Optuna is not installed.

    >>> from jsgd.sweeps.dimension import uniform
    >>> proposer = Proposer({"x": uniform(-1, 1)}, "tpe", "min", seed=0)
    >>> for _ in range(9):
    ...     settings = proposer.ask(4)
    ...     proposer.tell(settings["x"] ** 2)
    >>> bool(np.abs(settings["x"]).max() < 0.5)
    True

    References:
        Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011,
        https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization, section 4:
        TPE. Ginsbourger, Le Riche and Carraro, "Kriging Is Well-Suited to Parallelize
        Optimization", 2010, https://doi.org/10.1007/978-3-642-10701-6_6, section 4.2: the constant
        liar, by which settings that are asked for together keep apart.
    """

    def __init__(self, space: Space, sampler: Any, mode: str, seed: Any = 0):
        if mode not in ("max", "min"):
            raise ValueError(f'mode = {mode!r}: it must be "max" or "min"')
        every = spaces(space)
        # a list of spaces is a condition whose pick has no name
        self._space: Tree = every[0] if len(every) == 1 else {"": choice(every)}
        self._dimensions = dimensions(space)
        with quiet_optuna(f"sampler = {sampler!r}") as optuna:
            if not is_optuna(sampler):
                raise ValueError(f'sampler = {sampler!r}: "tpe", or one of optuna.samplers')
            of_grids = optuna.samplers.GridSampler, optuna.samplers.BruteForceSampler
            if isinstance(sampler, of_grids):  # they insist on ending the study themselves
                name = type(sampler).__name__
                raise ValueError(f"{name}: leave it out, and grids are swept whole")
            if isinstance(sampler, str):
                start = int(np.random.SeedSequence(seed).generate_state(1)[0])
                sampler = optuna.samplers.TPESampler(seed=start, constant_liar=True)
            how = {"sampler": copy.deepcopy(sampler), "direction": direction(mode)}
            self._study = optuna.create_study(**how)
        self._waiting: list[Any] = []

    def ask(self, k: int) -> dict[str, np.ndarray]:
        """`k` settings, none knowing the score of another, as the columns of `settings`.

        Args:
            k: >= 1.
        """
        rows = []
        with quiet_optuna("ask"):
            for _ in range(k):
                trial = self._study.ask()
                rows.append(self._suggest(trial, self._space))
                self._waiting.append(trial)
        return {n: _column(x, [row.get(n) for row in rows]) for n, x in self._dimensions.items()}

    def tell(self, scores: Iterable[float], stopped: Iterable[int] | None = None) -> None:
        """The scores of settings, in the order in which they were asked for.

        One that is not finite is a failure, from which a sampler learns nothing but that it was
        tried.

        Args:
            scores: of the next so many of the settings that have none.
            stopped: for each, the epoch after which it was stopped early, its score being of then,
                or 0 where it was not. `True` and `False` do if all were stopped at one epoch.

        Raises:
            ValueError: there are more scores than settings that have none.
        """
        scores = [float(x) for x in scores]
        epochs = [0] * len(scores) if stopped is None else [int(x) for x in stopped]
        if len(scores) > len(self._waiting):
            raise ValueError(
                f"{len(scores)} scores, and {len(self._waiting)} settings wait for one"
            )
        with quiet_optuna("tell") as optuna:
            states = optuna.trial.TrialState
            for score, epoch in zip(scores, epochs, strict=True):
                trial = self._waiting.pop(0)
                if not np.isfinite(score):
                    self._study.tell(trial, state=states.FAIL)
                elif epoch:
                    trial.report(score, epoch)
                    self._study.tell(trial, state=states.PRUNED)
                else:
                    self._study.tell(trial, score)

    def batches(
        self, n: int, at_once: int
    ) -> Generator[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray], None]:
        """`n` settings, `at_once` at a time; it is sent what `tell` takes of each batch."""
        for first in range(0, n, at_once):
            self.tell(*(yield self.ask(min(at_once, n - first))))

    def _suggest(self, trial: Any, space: Tree, path: str = "") -> dict[str, Any]:
        """The names that apply, with their values."""
        out: dict[str, Any] = {}
        for name, x in space.items():
            # Optuna wants one distribution under one name: each branch learns for itself
            differs = isinstance(self._dimensions.get(name), Either)
            pick = x.labels if isinstance(x, Branches) else x
            out[name] = _suggest(trial, path + name if differs else name, pick)
            for label, branch in branches(x).items():
                if label == out[name]:
                    out |= self._suggest(trial, branch, f"{path}{name}={label}, ")
        return out


def _suggest(trial: Any, name: str, x: Dimension) -> Any:
    """A value of the dimension."""
    if isinstance(x, Values):
        return trial.suggest_categorical(name, tuple(dict.fromkeys(x.values)))
    if isinstance(x, Normal):  # Optuna has none: the quantile is uniform
        return x.at(trial.suggest_float(f"quantile of {name}", 0, 1))
    if isinstance(x, Rounded):  # whole numbers are exact, steps of floats are not
        low, high = (int(np.round(end / x.q)) for end in (x.low, x.high))
        return trial.suggest_int(f"{name} / {x.q}", low, high) * x.q
    if x.kind == "randint":
        return trial.suggest_int(name, int(x.low), int(x.high) - 1)
    return trial.suggest_float(name, x.low, x.high, log=x.log)


def _column(x: Dimension | Either, values: list[Any]) -> np.ndarray:
    parts = x.parts if isinstance(x, Either) else (x,)
    kind = np.result_type(*(part.at(np.zeros(1)) for part in parts))
    return np.array([lacking(kind) if value is None else value for value in values], kind)
