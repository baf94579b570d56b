"""What the estimators of networks have in common: checks, the fit, and what it has learnt."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from jsgd.estimators.neural_checks import check_goes_on, check_parameters, sample_weights
from jsgd.estimators.neural_data import Data, Part, filled, rounded, set_aside, tabulate
from jsgd.estimators.neural_network import (
    has_lr,
    model_of,
    network_of,
    optimizer_of,
    programs,
    width,
)
from jsgd.estimators.neural_run import Fitting, again, begun, neural_run
from jsgd.train.carry import Run
from jsgd.train.evaluate import predict

_BATCH = 200  # samples, by default: scikit-learn's


class Task(NamedTuple):
    """What is to be trained, on one fold of the data or on many."""

    run: Run
    seed: int
    hyper: dict[str, float]
    data: Data


class Neural(BaseEstimator):
    """An estimator whose network is trained with gradients, epoch by epoch.

    A subclass says what the network is, and what its targets are.
    """

    # Parameters that are numbers, and what the run calls them: a search maps over these.
    _numbers: Mapping[str, str] = {
        "alpha": "penalty",
        "learning_rate_init": "lr",
        "max_iter": "max_iter",
        "n_iter_no_change": "n_iter_no_change",
        "tol": "tol",
    }
    # What `validate_data` is told.
    _checks: Mapping[str, Any] = {}

    model: Any
    optimizer: Any
    alpha: float
    batch_size: int | str
    learning_rate_init: float | None
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: float

    def _keep(self, given: Mapping[str, Any]) -> None:
        """Set the parameters: `__init__` gives its `locals()`, they and `self`."""
        vars(self).update({name: x for name, x in given.items() if name != "self"})

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train the network.

        Args:
            X: array-like of shape (samples, features).
            y: array-like, the targets.
            sample_weight: array-like of shape (samples,), >= 0, what each counts; `None` is 1.

        Returns:
            The estimator.

        Raises:
            ValueError: X or y is not of the right kind, a parameter out of its range, or the
                training diverged.
        """
        before = None
        if self.warm_start and hasattr(self, "params_"):
            before = self.params_, self.model_state_
        x, targets, weights = self._validated(X, y, sample_weight, first=before is None)
        task = self._task(x, targets, weights, [np.arange(len(x))])
        if before is None:
            self._clear()
        else:
            carry = begun(task.run, tuple(task.hyper)).carry
            check_goes_on("warm_start", before, (carry.params, carry.model_state))
        state = self._begin(task, before)
        self._advance(task, state, self.max_iter)
        if self.n_iter_ == self.max_iter:
            warnings.warn(
                f"max_iter = {self.max_iter} epochs are over, and it has not converged yet",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _partly_fit(self, X: Any, y: Any, sample_weight: Any, **kinds: Any) -> Any:
        """One epoch, from where the last one ended."""
        if self.early_stopping:
            raise ValueError("early_stopping = True: partial_fit does not support it")
        first = not hasattr(self, "params_")
        x, targets, weights = self._validated(X, y, sample_weight, first, **kinds)
        task = self._task(x, targets, weights, [np.arange(len(x))])
        if first:
            state = self._begin(task, None)
            self._clear()
        else:
            state = self._state
        hyper = task.hyper | {"max_iter": math.inf, "n_iter_no_change": math.inf}
        state = again(state, **_arrays({name: hyper[name] for name in state.carry.hyper}))
        check_goes_on("partial_fit", state, begun(task.run, tuple(task.hyper)))
        self._advance(task, state, 1)
        return self

    def _clear(self) -> None:
        self.loss_curve_, self.t_, self.validation_scores_ = [], 0, None

    def _begin(self, task: Task, before: Any) -> Fitting:
        return programs(task.run)[0](jax.random.key(task.seed), _arrays(task.hyper), before)

    def _advance(self, task: Task, state: Fitting, epochs: int) -> None:
        """Epoch by epoch, until there is a reason to stop; then note what was learnt."""
        advance, data = programs(task.run)[1], jax.device_put(task.data)
        self.n_iter_, done = 0, False
        while self.n_iter_ < epochs and not done:
            state, metrics = advance(state, data)
            metrics = jax.device_get(metrics)
            done = bool(metrics.pop("done"))
            self.n_iter_ += 1
            self.t_ += int(np.count_nonzero(task.data.weights))
            self.loss_curve_.append(float(metrics["loss"]))
            if self.early_stopping:
                self.validation_scores_ = self.validation_scores_ or []
                self.validation_scores_.append(float(metrics["test_score"]))
            if self.verbose:
                words = [f"{name} = {x:.8f}" for name, x in sorted(metrics.items())]
                print(f"Iteration {self.n_iter_}, {', '.join(words)}")
        self._state = jax.tree.map(_on_host, state)  # for `partial_fit`
        self._learn(*self._state.learnt)
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = None if self.early_stopping else min(self.loss_curve_)
        scores = self.validation_scores_ if self.early_stopping else None
        self.best_validation_score_ = max(scores) if scores else None
        # with early stopping they are of an epoch before it
        if not self._is_finite or not (self.early_stopping or np.isfinite(self.loss_)):
            del self.params_  # nothing can go on from them
            raise ValueError(
                "the training diverged, parameters or loss are not finite: smaller steps may help "
                f"(learning_rate_init = {self.learning_rate_init}), or inputs that are scaled"
            )

    def _learn(self, params: Any, model_state: Any) -> None:
        """Take what was learnt, as NumPy arrays."""
        self.params_, self.model_state_ = params, model_state

    @property
    def _is_finite(self) -> bool:
        """Whether what was learnt is: the training did not diverge."""
        return all(np.isfinite(x).all() for x in jax.tree.leaves(self.params_))

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network says of every sample, of shape (samples, outputs); float64.

        It is computed in float32; what is made of it need not lose more.
        """
        check_is_fitted(self, "params_")
        X = validate_data(self, X, reset=False, dtype=np.float32, **self._of_x)
        x = self._shaped(X, first=False)
        model = model_of(self.network_, x.shape[1:])
        out = predict(model, self.params_, self.model_state_, filled(x, rounded(len(x))))
        return out[: len(x)].reshape(len(x), -1).astype(np.float64)

    def _shaped(self, X: np.ndarray, first: bool) -> np.ndarray:
        """The samples as the network takes them, of the shape that it was begun with."""
        x = self._inputs(X)
        if first:
            self._shape = x.shape[1:]
        elif x.shape[1:] != self._shape:
            raise ValueError(f"X: samples have shape {x.shape[1:]}, and they had {self._shape}")
        return x

    @property
    def _of_x(self) -> dict[str, Any]:
        return {name: x for name, x in self._checks.items() if name != "y_numeric"}

    def _validated(
        self, X: Any, y: Any, sample_weight: Any, first: bool, **kinds: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs as the network takes them, targets of shape (samples, outputs), and weights."""
        check_parameters(self)
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the "
                "target y is None"
            )
        X, y = validate_data(
            self, X, y, reset=first, dtype=np.float32, multi_output=True, **self._checks
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = self._targets(y, first, **kinds)
        return self._shaped(X, first), targets, sample_weights(sample_weight, len(y))

    def _task(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray, folds: Sequence[np.ndarray]
    ) -> Task:
        """The run that trains on these rows, fold by fold, and what it is given."""
        seed = self._seed()
        self.network_ = self._network(y.shape[1])
        model, opt = model_of(self.network_, x.shape[1:]), optimizer_of(self.optimizer)
        targets, output = self._widened(y, width(model, x.shape[1:]))
        parts, tests = [], []
        for rows in folds:
            part = Part(rows, weights[rows] * self._weights_of(y[rows]))
            if not part.weights.sum() > 0:
                raise ValueError("sample_weight: the weights of the samples must not be all zero")
            if self.early_stopping:
                strata = self._strata(y[rows])
                part, test = set_aside(part, self.validation_fraction, seed, strata)
                tests.append(test)
            parts.append(part)
        size = _BATCH if self.batch_size == "auto" else int(self.batch_size)
        data, size = tabulate(x, targets, parts, size, tests)
        flags = {"shuffle": bool(self.shuffle), "early_stopping": bool(self.early_stopping)}
        run = neural_run(model, opt, output, size, **flags)
        if self.learning_rate_init is not None and not has_lr(opt):
            raise ValueError(
                f"learning_rate_init = {self.learning_rate_init}: it must be None where the "
                f"optimizer has no single lr, as {opt}"
            )
        return Task(run, seed, self._hyper(), data)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _hyper(self) -> dict[str, float]:
        """The numbers that the run is given."""
        values = {self._numbers[name]: getattr(self, name) for name in self._numbers}
        return {"fold": 0.0} | {name: float(x) for name, x in values.items() if x is not None}

    # What a subclass says, and its defaults.

    def _inputs(self, X: np.ndarray) -> np.ndarray:
        """The samples as the network takes them."""
        return X

    def _network(self, outputs: int) -> Any:
        """The Linen module or the `Model`, for so many outputs."""
        return network_of(self.model, outputs)

    def _targets(self, y: np.ndarray, first: bool, **kinds: Any) -> np.ndarray:
        """The targets as numbers, float32 of shape (samples, outputs)."""
        raise NotImplementedError

    def _widened(self, y: np.ndarray, width: int) -> tuple[np.ndarray, str]:
        """The targets for a network of so many outputs, and what these are."""
        raise NotImplementedError

    def _weights_of(self, y: np.ndarray) -> Any:
        """What samples with these targets count."""
        return 1.0

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        """What has its share in either part of a split."""
        return None


def _on_host(x: Any) -> Any:
    return x if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else np.asarray(x)


def _arrays(hyper: Mapping[str, float]) -> dict[str, np.ndarray]:
    return {name: np.asarray(x, np.float32) for name, x in hyper.items()}
