"""Linear models of scikit-learn's interface that train in one compiled program."""

from typing import Any

import numpy as np
import sklearn.linear_model
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from jsgd.estimators.linear_base import LinearSGD
from jsgd.estimators.linear_losses import CLASSIFICATION, REGRESSION
from jsgd.estimators.linear_params import check_params
from jsgd.estimators.linear_train import Problems


class SGDClassifier(LinearSGD, sklearn.linear_model.SGDClassifier):
    """TODO."""

    def __init__(
        self,
        loss="hinge",
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
        n_jobs=None,
        random_state=None,
        learning_rate="optimal",
        eta0=0.01,
        power_t=0.5,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
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
            n_jobs=n_jobs,
            random_state=random_state,
            learning_rate=learning_rate,
            eta0=eta0,
            power_t=power_t,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            class_weight=class_weight,
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
    ) -> "SGDClassifier":
        """Fit the model.

        Args:
            X: array, data frame or sparse matrix of shape (n_samples, n_features), finite. float32
                is computed in float32, all else in float64.
            y: labels of shape (n_samples,), of two classes or more.
            coef_init: where to begin, of the shape of `coef_`.
            intercept_init: where to begin, of the shape of `intercept_`.
            sample_weight: of shape (n_samples,); it multiplies `class_weight`.

        Raises:
            ValueError: a parameter or an argument is not what it may be, or the fit diverges.
        """
        check_params(self, CLASSIFICATION, "hinge")
        X, y, weight = self._checked(X, y, sample_weight, is_first=True, y_numeric=False)
        check_classification_targets(y)
        self._set_classes(y)
        walk = self._begin(self._count, X, coef_init, intercept_init)
        self._fit_classes(X, y, weight, walk, self.max_iter)
        self._warn_if_cut_short()
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "SGDClassifier":
        """Go on with one epoch on these samples.

        Args:
            X: array, data frame or sparse matrix of shape (n_samples, n_features).
            y: labels of shape (n_samples,).
            classes: all labels there will be; the first call needs them.
            sample_weight: of shape (n_samples,).

        Raises:
            ValueError: as in `fit`; or `y` has labels that are not in `classes`, or `classes` are
                missing or others than in the first call; or `early_stopping` or balanced classes
                are asked for, which need all samples at once.
        """
        check_params(self, CLASSIFICATION, "hinge", for_partial_fit=True)
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all samples at once: for partial_fit use "
                "sklearn.utils.class_weight.compute_class_weight and pass a dict"
            )
        is_first = not hasattr(self, "classes_")
        X, y, weight = self._checked(X, y, sample_weight, is_first, y_numeric=False)
        check_classification_targets(y)
        if is_first:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._set_classes(classes)
            walk = self._begin(self._count, X, None, None)
        else:
            if classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
                raise ValueError(
                    f"classes = {classes!r} are not those of the first call, {self.classes_}"
                )
            walk = self._go_on(X)
        self._fit_classes(X, y, weight, walk, max_iter=1)
        return self

    def _set_classes(self, y: Any) -> None:
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(
                f"The number of classes has to be greater than one; got {len(classes)} class"
            )
        self.classes_ = classes

    @property
    def _count(self) -> int:
        """How many problems: two classes are one, of the second class against the first."""
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _fit_classes(self, X: Any, y: Any, weight: np.ndarray, walk: Any, max_iter: int) -> None:
        known = np.isin(y, self.classes_)
        if not known.all():
            raise ValueError(f"y has labels that are not in classes: {np.unique(y[~known])}")
        code = np.searchsorted(self.classes_, y)
        positive = np.arange(len(self.classes_))[-self._count :, None] == code
        factors = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        negative = factors[0] if self._count == 1 else 1.0
        problems = Problems(
            X=X,
            y=np.where(positive, 1, 0 if self.loss == "log_loss" else -1).astype(X.dtype),
            weight=weight,
            factor=np.where(positive, factors[-self._count :, None], negative),
            strata=y,
        )
        self.coef_, self.intercept_ = self._train(problems, walk, max_iter)


class SGDRegressor(LinearSGD, sklearn.linear_model.SGDRegressor):
    """TODO."""

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
