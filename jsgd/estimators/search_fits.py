"""The fits of a search: candidates times folds, trained as populations, one for each program.

Candidates that differ in numbers alone, such as the learning rate, share a program, and all their
members are advanced together. What changes shapes or the program itself makes another population.
"""

import copy
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from sklearn.base import clone

from jsgd.estimators.neural_base import Neural
from jsgd.sweeps.layout import plan
from jsgd.sweeps.population import Population
from jsgd.sweeps.program import Members


class Fits:
    """All members on their way. One is a candidate on a fold: its number is `candidate * K + fold`.

    Args:
        estimators: ours, one for each candidate, whose parameters are checked.
        candidates: the parameters that were set.
        X, y: all samples.
        folds: the rows that each of K folds trains on.
    """

    def __init__(
        self,
        estimators: Sequence[Neural],
        candidates: Sequence[Mapping[str, Any]],
        X: Any,
        y: Any,
        folds: Sequence[np.ndarray],
    ):
        self.k, self.estimators = len(folds), estimators
        groups: dict[Any, list[int]] = {}
        for i, params in enumerate(candidates):
            groups.setdefault(_kind(params, self.estimators[i]._numbers), []).append(i)
        self.parts = [self._part(np.array(rows), X, y, folds) for rows in groups.values()]

    @property
    def running(self) -> bool:
        """Whether any member has something left to learn."""
        return any(part.population is not None for part in self.parts)

    def advance(self) -> None:
        """One epoch of everyone who is not done."""
        for part in self.parts:
            part.advance()

    def keep(self, candidates: np.ndarray) -> None:
        """Those go on, and no others."""
        for part in self.parts:
            part.keep(np.isin(part.ids // self.k, candidates))

    def fitted(self, candidates: np.ndarray) -> dict[int, Neural]:
        """Estimators that predict, by the number of the member, where they stand now."""
        out = {}
        for part in self.parts:
            part.collect()
            for i, (learnt, epochs) in part.learnt.items():
                if i // self.k in candidates:
                    out[i] = copy.copy(self.estimators[i // self.k])
                    out[i]._learn(*learnt)
                    out[i].n_iter_ = epochs
        return out

    def _part(self, rows: np.ndarray, X: Any, y: Any, folds: Sequence[np.ndarray]) -> "_Part":
        """The population of candidates that share a program."""
        first = self.estimators[rows[0]]
        x, targets, weights = first._validated(X, y, None, first=True)
        task = first._task(x, targets, weights, folds)
        seeds, hypers = [task.seed], [task.hyper]
        vars(first).pop("feature_names_in_", None)  # it predicts arrays
        known = {name: x for name, x in vars(first).items() if name not in first.get_params()}
        for i in rows[1:]:
            estimator = self.estimators[i]
            vars(estimator).update(known)
            seeds.append(estimator._seed())
            hypers.append(estimator._hyper())
        hyper = {
            name: np.repeat([float(one[name]) for one in hypers], self.k) for name in hypers[0]
        }
        hyper["fold"] = np.tile(np.arange(self.k, dtype=float), len(rows))
        keys = jax.vmap(jax.random.key)(np.repeat(np.array(seeds, np.uint32), self.k))
        ids = (rows[:, None] * self.k + np.arange(self.k)).ravel()
        members = Members(keys, hyper, (task.data,))
        epochs = int(hyper["max_iter"].max())
        program = plan(task.run, members, epochs)
        return _Part(Population.start(task.run, program, members, ids), epochs)


def configured(estimator: Any, params: Mapping[str, Any]) -> Any:
    """A fresh estimator with these parameters, which may be estimators or the like themselves."""
    new: Any = clone(estimator)
    return new.set_params(**{name: clone(x, safe=False) for name, x in params.items()})


def _kind(params: Mapping[str, Any], numbers: Collection[str]) -> tuple:
    """What a program depends on: all but the numbers."""
    return tuple(
        sorted((name, repr(x)) for name, x in params.items() if x is None or name not in numbers)
    )


class _Part:
    """A population, and what its members have learnt.

    Args:
        population: all of them, at their start.
        epochs: at most.

    Attributes:
        population: those that go on; `None` when there are none.
        ids, epochs, done: who they are, how many epochs each has done, and who is done.
        learnt: member -> (what it learnt, its epochs), as of the last `collect`.
    """

    def __init__(self, population: Population, epochs: int):
        self.population: Population | None = population
        self.left, self.ids = epochs, population.ids
        self.epochs = np.zeros(len(self.ids), int)
        self.done = np.zeros(len(self.ids), bool)
        self.learnt: dict[int, tuple[Any, int]] = {}

    def advance(self) -> None:
        if self.population is None:
            return
        start = time.perf_counter()
        metrics = [metrics for _, metrics in self.population.advance()]
        seconds = time.perf_counter() - start
        self.epochs, self.left = self.epochs + ~self.done, self.left - 1
        self.done = np.concatenate([one["done"] for one in metrics])
        # who is done costs as much as the others, and to leave them may take another program
        gain = self.done.mean() * self.left * seconds
        if self.done.all() or gain > self.population.program.compile_seconds:
            self.collect()
            self.keep(~self.done)

    def keep(self, places: np.ndarray) -> None:
        """Those at these places go on."""
        if self.population is None or places.all():
            return
        self.population = self.population.keep(np.flatnonzero(places)) if places.any() else None
        self.ids, self.epochs, self.done = self.ids[places], self.epochs[places], self.done[places]

    def collect(self) -> None:
        """Note what everyone has learnt."""
        if self.population is not None:
            learnt = self.population.state(np.arange(len(self.ids))).learnt
            for at, (i, epochs) in enumerate(zip(self.ids.tolist(), self.epochs.tolist())):
                self.learnt[i] = jax.tree.map(lambda x, at=at: x[at], learnt), epochs
