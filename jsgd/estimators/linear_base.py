"""What the linear models have in common: samples checked, a walk begun or gone on with, its end."""

import warnings
from typing import Any

import jax
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from jsgd.estimators.linear_problems import Problems
from jsgd.estimators.linear_train import train


class LinearSGD:
    """The part of `fit` and `partial_fit` that asks nothing about targets."""

    average: Any
    coef_: np.ndarray
    fit_intercept: bool
    intercept_: np.ndarray
    max_iter: int
    optimizer: Any
    t_: float
    tol: float | None
    warm_start: bool

    def _checked(
        self, X: Any, y: Any, sample_weight: Any, is_first: bool, y_numeric: bool
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        X, y = validate_data(
            self,
            X,
            y,
            reset=is_first,
            accept_sparse="csr",
            accept_large_sparse=False,
            dtype=[np.float64, np.float32],
            order="C",
            y_numeric=y_numeric,
        )
        n = X.shape[0]
        if sample_weight is None:
            return X, y, np.ones(n, X.dtype)
        weight = check_array(
            sample_weight, ensure_2d=False, dtype=X.dtype, input_name="sample_weight"
        )
        if weight.shape != (n,):
            raise ValueError(f"sample_weight has shape {weight.shape}: it must be ({n},)")
        if not weight.any():
            raise ValueError("sample_weight is zero for all samples: some must count")
        return X, y, weight

    def _begin(self, count: int, X: Any, coef_init: Any, intercept_init: Any) -> Any:
        """The walk of a fit, from these coefficients, or those of before under `warm_start`."""
        if self.warm_start and hasattr(self, "coef_"):
            if coef_init is None and self.coef_.size != count * X.shape[1]:
                raise ValueError(
                    f"warm_start: coef_ of the last fit has shape {self.coef_.shape}, for other "
                    "features or classes; with warm_start=False a fit begins anew"
                )
            coef_init = self.coef_ if coef_init is None else coef_init
            intercept_init = self.intercept_ if intercept_init is None else intercept_init
        self.t_ = 1.0
        coef = _initial("coef_init", coef_init, (count, X.shape[1]), X.dtype)
        intercept = _initial("intercept_init", intercept_init, (count,), X.dtype)
        return self._walk_from(coef, intercept)

    def _go_on(self, X: Any) -> Any:
        """The walk of a `partial_fit` after another."""
        walk = self._walk
        if self.optimizer is not None:
            goes_on = not isinstance(walk, dict)
        else:
            goes_on = self.average and isinstance(walk, dict) and "average_coef" in walk
        if not goes_on:  # it is all in coef_, which may have been set by hand
            coef = np.reshape(self.coef_, (-1, X.shape[1]))
            walk = self._walk_from(coef, np.asarray(self.intercept_))
        return jax.tree.map(
            lambda x: x.astype(X.dtype) if np.issubdtype(x.dtype, np.floating) else x, walk
        )

    def _walk_from(self, coef: np.ndarray, intercept: np.ndarray) -> Any:
        if self.optimizer is not None:
            params = {"coef": coef, "intercept": intercept}
            return (params if self.fit_intercept else {"coef": coef}), None
        walk = {"coef": coef, "intercept": intercept}
        if self.average:
            walk["average_coef"], walk["average_intercept"] = (
                np.zeros_like(coef),
                np.zeros_like(intercept),
            )
        return walk

    def _train(self, problems: Problems, walk: Any, max_iter: int) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients and intercepts of all problems; and what else is learned is set."""
        coef, intercept, self._walk, self.n_iter_ = train(
            self, problems, walk, int(self.t_), max_iter
        )
        self.t_ += self.n_iter_ * problems.X.shape[0]
        if self.average and self.average <= self.t_ - 1:
            return self._walk["average_coef"], self._walk["average_intercept"]
        return coef, intercept

    def _warn_if_cut_short(self) -> None:
        if self.tol is not None and self.n_iter_ == self.max_iter:
            warnings.warn(
                "Maximum number of iterations reached before convergence. Consider increasing "
                "max_iter to improve the fit.",
                ConvergenceWarning,
                stacklevel=3,
            )


def _initial(name: str, given: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Raises `ValueError` if what is given is not of this shape, but for leading axes of one."""
    if given is None:
        return np.zeros(shape, dtype)
    given = np.array(given, dtype)
    if shape[0] == 1:
        given = given.reshape(-1)[None] if len(shape) == 2 else given.reshape(-1)
    if given.shape != shape:
        raise ValueError(f"{name} has shape {given.shape}: it must be {shape}")
    return given
