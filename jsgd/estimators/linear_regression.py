"""Linear regression of scikit-learn's interface that trains in one compiled program."""

from typing import Any

import numpy as np
import sklearn.linear_model

from jsgd.estimators.linear_base import LinearSGD
from jsgd.estimators.linear_losses import REGRESSION
from jsgd.estimators.linear_params import check_params
from jsgd.estimators.linear_problems import Problems


class SGDRegressor(LinearSGD, sklearn.linear_model.SGDRegressor):
    r"""Linear regression by SGD: scikit-learn's `SGDRegressor`, and with any optimizer.

    It is to scikit-learn's what `jsgd.estimators.SGDClassifier` is, in one program as that, and it
    differs where that does.

    Args:
        loss: `"squared_error"` (half of it), `"huber"`, `"epsilon_insensitive"` or
            `"squared_epsilon_insensitive"`.
        penalty: `"l2"`, `"l1"`, `"elasticnet"` or `None`.
        alpha: >= 0, the strength of the penalty, and what `learning_rate="optimal"` is made of.
        l1_ratio: in [0, 1], the share of L1 under `"elasticnet"`.
        fit_intercept: whether there is an intercept.
        max_iter: >= 1, the most epochs of `fit`.
        tol: >= 0, the least progress of the objective in an epoch, or `None`.
        shuffle: whether every epoch has a random order of its own.
        verbose: >= 0; from 1 on, every epoch prints its objective.
        epsilon: >= 0, of `"huber"` and the epsilon-insensitive losses.
        random_state: an int, a NumPy `RandomState` or `None`.
        learning_rate: as in `SGDClassifier`; `"pa1"` and `"pa2"` are of epsilon-insensitive loss.
        eta0: > 0, the rate to begin with, and the aggressiveness of passive-aggressive updates.
        power_t: >= 0, the exponent of `"invscaling"`.
        early_stopping: whether it is R2 on a held-out part that has to make progress.
        validation_fraction: in (0, 1), of samples that are held out.
        n_iter_no_change: >= 1, after how many epochs without progress to stop.
        warm_start: whether `fit` begins from the coefficients of the last one.
        average: whether `coef_` is the average over all updates, or from which update on (>= 1).
        optimizer: a jsgd `Optimizer`, or `None` for scikit-learn's rule; as in `SGDClassifier`.
        batch_size: >= 1, how many samples a step of the optimizer sees; `None` is 32.

    Attributes:
        coef_: (n_features,), of the dtype of `X`.
        intercept_: (1,).
        n_iter_: epochs.
        t_: `n_iter_ * n_samples + 1`.

    Raises:
        ValueError: in `fit` and `partial_fit`: a parameter is none of what it may be, or two of
            them do not go together.

    >>> import jsgd
    >>> from jsgd.estimators import SGDRegressor
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> model = SGDRegressor(optimizer=jsgd.adam(0.03), batch_size=5, tol=1e-6, random_state=0)
    >>> model.fit(X, 3 * X[:, 0] + 1).predict([[0.5]]).round(1).tolist()
    [2.5]

    References:
        scikit-learn's `SGDRegressor`, https://scikit-learn.org/stable/modules/sgd.html.
    """

    def __init__(
        self,
        loss="squared_error",
        *,
        penalty="l2",
        alpha=0.0001,
        l1_ratio=0.15,
        fit_intercept=True,
        max_iter=1000,
        tol=1e-3,
        shuffle=True,
        verbose=0,
        epsilon=0.1,
        random_state=None,
        learning_rate="invscaling",
        eta0=0.01,
        power_t=0.25,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        warm_start=False,
        average=False,
        optimizer=None,
        batch_size=None,
    ):
        super().__init__(
            loss=loss,
            penalty=penalty,
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=fit_intercept,
            max_iter=max_iter,
            tol=tol,
            shuffle=shuffle,
            verbose=verbose,
            epsilon=epsilon,
            random_state=random_state,
            learning_rate=learning_rate,
            eta0=eta0,
            power_t=power_t,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            average=average,
        )
        self.optimizer = optimizer
        self.batch_size = batch_size

    def fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any = None,
        intercept_init: Any = None,
        sample_weight: Any = None,
    ) -> "SGDRegressor":
        """Fit the model.

        Args:
            X: array, data frame or sparse matrix of shape (n_samples, n_features), finite. float32
                is computed in float32, all else in float64.
            y: numbers of shape (n_samples,).
            coef_init: where to begin, of the shape of `coef_`.
            intercept_init: where to begin, of the shape of `intercept_`.
            sample_weight: of shape (n_samples,).

        Raises:
            ValueError: a parameter or an argument is not what it may be, or the fit diverges.
        """
        check_params(self, REGRESSION, "epsilon_insensitive")
        X, y, weight = self._checked(X, y, sample_weight, is_first=True, y_numeric=True)
        self._fit_values(X, y, weight, self._begin(1, X, coef_init, intercept_init), self.max_iter)
        self._warn_if_cut_short()
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "SGDRegressor":
        """Go on with one epoch on these samples.

        Args:
            X: array, data frame or sparse matrix of shape (n_samples, n_features).
            y: numbers of shape (n_samples,).
            sample_weight: of shape (n_samples,).

        Raises:
            ValueError: as in `fit`, or `early_stopping` is asked for.
        """
        check_params(self, REGRESSION, "epsilon_insensitive", for_partial_fit=True)
        is_first = not hasattr(self, "coef_")
        X, y, weight = self._checked(X, y, sample_weight, is_first, y_numeric=True)
        walk = self._begin(1, X, None, None) if is_first else self._go_on(X)
        self._fit_values(X, y, weight, walk, max_iter=1)
        return self

    def _fit_values(self, X: Any, y: Any, weight: np.ndarray, walk: Any, max_iter: int) -> None:
        y = y.astype(X.dtype)[None]
        problems = Problems(X, y, weight, factor=np.ones((1, 1)), strata=None)
        coef, self.intercept_ = self._train(problems, walk, max_iter)
        self.coef_ = coef[0]
