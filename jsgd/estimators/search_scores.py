"""The scores of fitted members, each on its fold, by the scorers of scikit-learn."""

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring

from jsgd.estimators.neural_base import Neural


class Scores(NamedTuple):
    """Scores of candidates.

    Attributes:
        test, train: scorer -> array of shape (candidates, folds); of `train` perhaps none.
        seconds: of the same shape, what scoring the test took.
    """

    test: dict[str, np.ndarray]
    train: dict[str, np.ndarray]
    seconds: np.ndarray


class Judge:
    """Scores members.

    Args:
        estimator, scoring: as of `sklearn.metrics.check_scoring`.
        splits: the rows of each fold, those to train on and those to test on.
        X, y: all samples.
        error_score: the score of a member that diverged, or "raise".
        with_train: whether to score what was trained on, too.

    Attributes:
        scorer: of scikit-learn; or a dict of them, where there are several.
        several: whether there are; known at the latest when something was scored.
    """

    def __init__(
        self,
        estimator: Neural,
        scoring: Any,
        splits: Sequence[tuple[np.ndarray, np.ndarray]],
        X: Any,
        y: Any,
        error_score: Any,
        with_train: bool,
    ):
        self._score: Any = check_scoring(estimator, scoring)
        self.scorer: Any = self._score
        self.several = False
        if isinstance(scoring, list | tuple | set | dict):
            named = scoring if isinstance(scoring, dict) else {name: name for name in scoring}
            self.scorer = {name: check_scoring(estimator, x) for name, x in named.items()}
            self.several = True
        self.splits, self.X, self.y = splits, np.asarray(X), np.asarray(y)
        self.error_score, self.with_train = error_score, with_train

    def __call__(self, members: Mapping[int, Neural], rows: np.ndarray) -> Scores:
        """The scores of candidates, whose members are numbered as `Fits` does."""
        shape = len(rows), len(self.splits)
        ids = (rows[:, None] * shape[1] + np.arange(shape[1])).ravel()
        test, train, seconds = [], [], []
        for i in ids.tolist():
            start = time.perf_counter()
            test.append(self._one(members[i], self.splits[i % shape[1]][1]))
            seconds.append(time.perf_counter() - start)
            if self.with_train:
                train.append(self._one(members[i], self.splits[i % shape[1]][0]))
        failed = sum(x is None for x in test)
        if failed:
            warnings.warn(
                f"{failed} of {len(ids)} fits diverged; their score is {self.error_score}",
                FitFailedWarning,
                stacklevel=3,
            )
        return Scores(
            self._table(test, shape), self._table(train, shape), np.reshape(seconds, shape)
        )

    def _one(self, member: Neural, rows: np.ndarray) -> Any:
        """A number, or a dict of them; `None` of a member that diverged."""
        if not member._is_finite:
            if self.error_score == "raise":
                raise ValueError(f"the fit of {member} diverged")
            return None
        return self._score(member, self.X[rows], self.y[rows])

    def _table(self, scores: list[Any], shape: tuple[int, int]) -> dict[str, np.ndarray]:
        if not scores:
            return {}
        found = next((x for x in scores if x is not None), None)
        self.several = self.several or isinstance(found, dict)
        names = ["score"]
        if self.several:
            names = list(found or (self.scorer if isinstance(self.scorer, dict) else {}))
        filled = [dict.fromkeys(names, self.error_score) if x is None else x for x in scores]
        dicts = [x if isinstance(x, dict) else {"score": x} for x in filled]
        return {name: np.reshape([float(x[name]) for x in dicts], shape) for name in names}
