"""`SweepSearchCV`: a randomized search whose candidates and folds are trained all at once."""

import math
import time
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import RandomizedSearchCV, check_cv
from sklearn.utils import assert_all_finite, indexable

from jsgd.estimators.neural_base import Neural
from jsgd.estimators.neural_checks import check_parameters
from jsgd.estimators.search_fits import Fits, configured
from jsgd.estimators.search_scores import Judge, Scores
from jsgd.estimators.search_space import candidates
from jsgd.estimators.search_table import cv_results


class _Round(NamedTuple):
    """Candidates, how many epochs they were given, and what came of it."""

    alive: np.ndarray
    epochs: int
    fit_time: np.ndarray
    scores: Scores


class SweepSearchCV(RandomizedSearchCV):
    """A randomized search over the parameters of a neural estimator, with cross-validation.

    It is `sklearn.model_selection.RandomizedSearchCV`, and with `factor` `HalvingRandomSearchCV`
    over epochs, but that the fits do not follow one another: those of all candidates on all folds
    are members of one population, trained by one compiled program, on all devices. Candidates
    that differ in numbers share it (`alpha`, `learning_rate_init`, `tol`, `max_iter`,
    `n_iter_no_change`, and `dropout` of the CNN); each other combination of values
    (`hidden_layer_sizes`, `activation`, `optimizer`, `batch_size`, ...) is a group with a program
    of its own. On CPU set `jax_num_cpu_devices` to the number of cores, before JAX starts.

    A member is what the estimator with its parameters would be, fitted on its fold, and is scored
    on all of the fold's test samples and on no others. Folds may be of different sizes: the number
    of batches is that of the largest, and what other folds lack in them is filled up with samples
    that count nothing.

    Args:
        estimator: one of `jsgd.estimators`: an MLP, a CNN, `NeuralClassifier`, `NeuralRegressor`.
        param_distributions: name -> list, distribution of SciPy, or dimension of `jsgd.sweeps`;
            or a list of such dicts.
        n_iter: how many candidates to draw, >= 1.
        scoring, refit, cv, verbose, random_state, return_train_score: as of `RandomizedSearchCV`.
        factor: `None`, or > 1 for successive halving: training pauses a few times, and only the
            best of the candidates go on from where they are, one in `factor`, for `factor` times
            as many epochs. The last ones are given `max_iter` epochs.
        error_score: the score of a member that diverged, or "raise".

    Attributes:
        cv_results_: a dict of arrays, as scikit-learn has it; the time of a fit is its share of
            that of all. With `factor` a row for each candidate in each round, `iter`, and the
            epochs, `n_resources`.
        best_estimator_, best_params_, best_score_, best_index_, refit_time_, scorer_, n_splits_,
            multimetric_, classes_, n_features_in_, feature_names_in_: as of `RandomizedSearchCV`.
        n_resources_, n_candidates_: with `factor`, the epochs and the candidates of each round.

    Raises:
        ValueError: from `fit`: the estimator is not ours, a parameter is wrong, or as it fits.

    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from jsgd.estimators import MLPClassifier, SweepSearchCV
    >>> x, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier((8,), random_state=0, tol=0.01)
    >>> rates = {"learning_rate_init": loguniform(1e-4, 1), "alpha": loguniform(1e-5, 1)}
    >>> search = SweepSearchCV(mlp, rates, n_iter=16, cv=3, random_state=0).fit(x, y)
    >>> bool(search.best_score_ > 0.95), search.cv_results_["mean_test_score"].shape
    (True, (16,))

    References:
        Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13, 2012,
        https://jmlr.org/papers/v13/bergstra12a.html. Jamieson and Talwalkar, "Non-stochastic Best
        Arm Identification and Hyperparameter Optimization", AISTATS 2016,
        https://arxiv.org/abs/1502.07943, Successive Halving.
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        cv: Any = None,
        factor: float | None = None,
        refit: Any = True,
        verbose: int = 0,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ):
        self.estimator = estimator
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.scoring = scoring
        self.cv = cv
        self.factor = factor
        self.refit = refit
        self.verbose = verbose
        self.random_state = random_state
        self.error_score = error_score
        self.return_train_score = return_train_score

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> "SweepSearchCV":
        """Train and score all candidates on all folds, and the best one on everything.

        Args:
            X: array-like of shape (samples, features).
            y: array-like, the targets.
            groups: array-like of shape (samples,), for splitters that need them.

        Returns:
            The search.
        """
        self._check_parameters()
        if y is None:
            raise ValueError("SweepSearchCV requires y to be passed, but the target y is None")
        X, y = indexable(X, y)
        assert_all_finite(np.asarray(y), input_name="y")  # folds are made by it
        splitter: Any = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        rows = np.arange(len(y))
        splits = [(rows[train], rows[test]) for train, test in splitter.split(X, y, groups)]
        if not splits:
            raise ValueError(f"cv = {self.cv!r}: there must be a split")
        how = self.error_score, self.return_train_score
        judge = Judge(self.estimator, self.scoring, splits, X, y, *how)
        drawn = candidates(self.param_distributions, self.n_iter, self.random_state)
        estimators = [configured(self.estimator, params) for params in drawn]
        for estimator in estimators:
            check_parameters(estimator)
        rounds = self._rounds(drawn)
        self.n_splits_ = len(splits)
        self._say(f"{len(drawn)} candidates x {len(splits)} folds, {rounds[-1]} epochs")
        start = time.perf_counter()
        fits = Fits(estimators, drawn, X, y, [train for train, _ in splits])
        alive, epoch, parts = np.arange(len(drawn)), 0, []
        for i, epochs in enumerate(rounds):
            while epoch < epochs and fits.running:
                fits.advance()
                epoch += 1
            members = fits.fitted(alive)
            seconds = (time.perf_counter() - start) / len(members)
            scores = judge(members, alive)
            time_each = np.full(scores.seconds.shape, seconds)
            parts.append(_Round(alive, epochs, time_each, scores))
            means = scores.test[self._metric(list(scores.test))].mean(axis=1)
            self._say(f"after {epochs} epochs: {len(alive)} candidates, best {max(means):.4f}")
            if i + 1 < len(rounds):
                start = time.perf_counter()
                order = np.argsort(-np.nan_to_num(means, nan=-np.inf), kind="stable")
                alive = np.sort(alive[order[: math.ceil(len(alive) / (self.factor or 1))]])
                fits.keep(alive)
        self.cv_results_ = self._table(drawn, parts)
        self.scorer_, self.multimetric_ = judge.scorer, judge.several
        self._choose(parts)
        if self.refit:
            self._refit(X, y)
        return self

    def _check_parameters(self) -> None:
        if not isinstance(self.estimator, Neural):
            raise ValueError(
                f"estimator = {self.estimator!r}: it must be a network of jsgd.estimators; for "
                "others there are scikit-learn's RandomizedSearchCV and HalvingRandomSearchCV"
            )
        if self.factor is not None and not (isinstance(self.factor, Real) and self.factor > 1):
            raise ValueError(f"factor = {self.factor!r}: it must be None, or a number above 1")
        if self.error_score != "raise" and not isinstance(self.error_score, Real):
            raise ValueError(f"error_score = {self.error_score!r}: it must be 'raise', or a number")
        several = isinstance(self.scoring, list | tuple | set | dict)
        if several and self.refit is not False and not callable(self.refit):
            self._check_refit_name(self.scoring)

    def _check_refit_name(self, names: Any) -> None:
        if self.refit not in names:
            raise ValueError(
                f"refit = {self.refit!r}: with several scorers it must be the name of one of them "
                f"({', '.join(names)}), a function, or False"
            )

    def _rounds(self, drawn: list[dict[str, Any]]) -> list[int]:
        """The epochs after which each round ends."""
        if self.factor is None:
            return [max(int(one.get("max_iter", self.estimator.max_iter)) for one in drawn)]
        if any("max_iter" in one for one in drawn):
            raise ValueError("factor: it decides on the epochs, so max_iter cannot be searched")
        # as many rounds as leave fewer candidates than the factor, the last one the longest; the
        # logarithms of 243 and 3 are not 5 to 1 in floating point
        most, cuts = self.estimator.max_iter, math.log(len(drawn)) / math.log(self.factor)
        return sorted({int(most / self.factor**i) for i in range(int(cuts + 1e-9) + 1)} - {0})

    def _metric(self, names: list[str]) -> str:
        """The scorer that says which candidates are best."""
        if names != ["score"] and self.refit is True:
            self._check_refit_name(names)
        return self.refit if isinstance(self.refit, str) and self.refit in names else names[0]

    def _table(self, drawn: list[dict[str, Any]], rounds: list[_Round]) -> dict[str, Any]:
        """`cv_results_`: round by round."""

        def joined(part):
            parts = [part(x) for x in rounds]
            return {name: np.concatenate([x[name] for x in parts]) for name in parts[0]}

        more = {}
        if self.factor is not None:
            self.n_candidates_ = [len(x.alive) for x in rounds]
            self.n_resources_ = [x.epochs for x in rounds]
            more["iter"] = np.repeat(np.arange(len(rounds)), self.n_candidates_)
            more["n_resources"] = np.repeat(self.n_resources_, self.n_candidates_)
        times = joined(lambda x: {"fit_time": x.fit_time, "score_time": x.scores.seconds})
        params = [drawn[i] for x in rounds for i in x.alive]
        scores = joined(lambda x: x.scores.test), joined(lambda x: x.scores.train)
        return cv_results(params, times, *scores, more)

    def _choose(self, rounds: list[_Round]) -> None:
        """The best row, of the last round."""
        table = self.cv_results_
        if callable(self.refit):
            self.best_index_ = self.refit(table)
            rows = range(len(table["params"]))
            if self.best_index_ not in rows:
                raise ValueError(f"refit chose row {self.best_index_!r}: it must be in {rows}")
        elif self.refit or not self.multimetric_:
            last = len(rounds[-1].alive)
            metric = self._metric(list(rounds[-1].scores.test))
            ranks = table[f"rank_test_{metric}"]
            self.best_index_ = len(ranks) - last + int(ranks[-last:].argmin())
            self.best_score_ = table[f"mean_test_{metric}"][self.best_index_]
        else:
            return
        self.best_params_ = table["params"][self.best_index_]

    def _refit(self, X: Any, y: Any) -> None:
        start = time.perf_counter()
        self.best_estimator_ = configured(self.estimator, self.best_params_).fit(X, y)
        self.refit_time_ = time.perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _say(self, words: str) -> None:
        if self.verbose > 0:
            print(words)
