"""`NeuralClassifier` and `NeuralRegressor`: any network as an estimator of scikit-learn."""

import functools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_array, check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from jsgd.core import Optimizer, get_hyper
from jsgd.estimators.neural_data import Data, Part, filled, rounded, tabulate
from jsgd.estimators.neural_run import Fitting, again, neural_run
from jsgd.models import MLP, Model, from_linen
from jsgd.optimizers.registry import REGISTRY
from jsgd.train.carry import Run
from jsgd.train.evaluate import predict
from jsgd.train.leaves import from_leaves, to_leaves
from jsgd.train.names import unknown

_AUTO = 200  # samples of a batch, as scikit-learn has it
_UNTIL_TOLD = {"max_iter": np.inf, "n_iter_no_change": np.inf}


class Task(NamedTuple):
    """What is to be trained, on one fold of the data or on many."""

    run: Run
    seed: int
    hyper: dict[str, float]
    data: Data


class Neural(BaseEstimator):
    """What the estimators have in common: checks, the loop over epochs, what was learnt."""

    # parameter of the estimator -> what the run calls it: a search maps over these
    numbers: Mapping[str, str] = {
        "alpha": "penalty",
        "learning_rate_init": "lr",
        "max_iter": "max_iter",
        "n_iter_no_change": "n_iter_no_change",
        "tol": "tol",
    }

    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Args:
            X: array-like of shape (samples, features).
            y: array-like, the targets.
            sample_weight: array-like of shape (samples,), >= 0, what each counts; `None` is 1.

        Returns:
            The estimator.

        Raises:
            ValueError: X or y is not of the right kind, or a parameter out of its range.
        """
        old = vars(self).get("params_") if self.warm_start else None
        if old is not None and self.warm_start:
            old = self.params_, self.model_state_
        x, targets, weights = self._validated(X, y, sample_weight, first=old is None)
        task = self._task(x, targets, weights, [np.arange(len(x))])
        begin, advance = _programs(task.run)
        state = begin(jax.random.key(task.seed), _arrays(task.hyper), old)
        if old is None:
            self.loss_curve_, self.t_ = [], 0
            self.validation_scores_ = [] if self.early_stopping else None
        self._advance(advance, state, task.data)
        if self.n_iter_ == self.max_iter:
            warnings.warn(
                f"max_iter = {self.max_iter} epochs were done, and it has not converged yet",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _partial_fit(self, X, y, sample_weight):
        """One epoch."""
        if self.early_stopping:
            raise ValueError("early_stopping = True: partial_fit does not support it")
        first = not hasattr(self, "params_")
        x, targets, weights = self._validated(X, y, sample_weight, first)
        task = self._task(x, targets, weights, [np.arange(len(x))])
        begin, advance = _programs(task.run)
        if first:
            state = begin(jax.random.key(task.seed), _arrays(task.hyper), None)
            self.loss_curve_, self.t_, self.validation_scores_ = [], 0, None
        else:
            like = jax.eval_shape(begin, jax.random.key(0), _arrays(task.hyper), None)
            state = from_leaves(like, self._leaves)
        numbers = task.hyper | _UNTIL_TOLD
        state = again(state, **_arrays({n: numbers[n] for n in state.carry.hyper}))
        self._advance(advance, state, task.data, epochs=1)
        return self

    def _advance(
        self, advance: Callable, state: Fitting, data: Data, epochs: float = math.inf
    ) -> None:
        """Epoch by epoch, until there is a reason to stop; then note what was learnt."""
        data, self.n_iter_, done = jax.device_put(data), 0, False
        while self.n_iter_ < epochs and not done:
            state, metrics = advance(state, data)
            metrics = jax.device_get(metrics)
            self.n_iter_, done = self.n_iter_ + 1, bool(metrics["done"])
            self.t_ += len(data.x)
            self.loss_curve_.append(float(metrics["loss"]))
            if self.early_stopping:
                self.validation_scores_.append(float(metrics["test_score"]))
            if self.verbose:
                words = ", ".join(f"{n} = {metrics[n]:.8f}" for n in sorted(metrics)[1:])
                print(f"Iteration {self.n_iter_}, {words}")
        self._leaves = to_leaves(state)
        self._learn(*jax.device_get(state.learnt))
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = None if self.early_stopping else min(self.loss_curve_)
        self.best_validation_score_ = max(self.validation_scores_) if self.early_stopping else None
        if not all(np.isfinite(x).all() for x in jax.tree.leaves(self.params_)):
            raise ValueError(
                "training diverged: the parameters are not finite. Smaller steps may help "
                f"(learning_rate_init = {self.learning_rate_init}), or standardised inputs"
            )

    def _learn(self, params: Any, model_state: Any) -> None:
        self.params_, self.model_state_ = params, model_state

    def _outputs(self, X) -> np.ndarray:
        """What the network says of every sample, of shape (samples, outputs)."""
        check_is_fitted(self)
        x = self._images(validate_data(self, X, reset=False, dtype=np.float32, **self._shapes))
        model = _model(self.network_, x.shape[1:])
        out = predict(model, self.params_, self.model_state_, filled(x, rounded(len(x))))
        return out[: len(x)].reshape(len(x), -1)

    def _validated(self, X, y, sample_weight, first: bool) -> tuple[np.ndarray, Any, np.ndarray]:
        """Inputs as the network takes them, targets as the loss does, and weights."""
        self._check_parameters()
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None"
            )
        X, y = validate_data(
            self, X, y, reset=first, dtype=np.float32, multi_output=True, **self._shapes, **self._y
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        weights = _weights(sample_weight, len(y))
        return self._images(X), self._targets(y, first), weights

    def _task(
        self, x: np.ndarray, y: np.ndarray, weights: np.ndarray, folds: Sequence[np.ndarray]
    ) -> Task:
        """The run that trains on these rows of the data, fold by fold, and what it is given."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.network_ = self._network(y.shape[1])
        model, opt = _model(self.network_, x.shape[1:]), _optimizer(self.optimizer)
        targets, output = self._loss_of(y, _width(model, x.shape[1:]))
        parts, tests = [], [] if self.early_stopping else None
        for rows in folds:
            own = weights[rows] * self._class_weights(y[rows])
            if not own.sum() > 0:
                raise ValueError("sample_weight: the weights must not be all zero")
            if tests is not None:
                rows, own = self._split(rows, own, y, seed, tests)
            parts.append(Part(rows, own))
        batch_size = _AUTO if self.batch_size == "auto" else int(self.batch_size)
        data, batch_size = tabulate(x, targets, parts, batch_size, tests)
        run = neural_run(
            model,
            opt,
            output,
            batch_size,
            shuffle=bool(self.shuffle),
            early_stopping=bool(self.early_stopping),
        )
        values = {name: getattr(self, name) for name in self.numbers}
        hyper = {self.numbers[n]: float(x) for n, x in values.items() if x is not None}
        if "lr" in hyper and "lr" not in _names(opt):
            raise ValueError(
                f"learning_rate_init = {self.learning_rate_init}: leave it out (None), "
                f"{opt} has no single lr"
            )
        return Task(run, seed, hyper | {"fold": 0.0}, data)

    def _split(self, rows, weights, y, seed, tests):
        """The rows to train on, with their weights; those to test on are added to the tests."""
        train, test = train_test_split(
            np.arange(len(rows)),
            test_size=self.validation_fraction,
            random_state=seed,
            stratify=self._strata(y[rows]),
        )
        if len(test) < 2:
            raise ValueError(
                f"validation_fraction = {self.validation_fraction}: of {len(rows)} samples that "
                "is less than 2"
            )
        tests.append(Part(rows[test], weights[test]))
        return rows[train], weights[train]

    def _check_parameters(self) -> None:
        for name, low, high, kind in _RANGES:
            value = getattr(self, name)
            if value is None and name == "learning_rate_init":
                continue
            if value == "auto" and name == "batch_size":
                continue
            whole = kind is Integral and not (name == "n_iter_no_change" and value == math.inf)
            fine = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
            if not (fine and low <= value <= high):
                what = "a whole number" if kind is Integral else "a number"
                raise ValueError(f"{name} = {value!r}: it must be {what}, {low} to {high}")
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction = {self.validation_fraction}: it must be between 0 and 1"
            )

    # What a subclass may have otherwise.

    _shapes: Mapping[str, Any] = {}
    _y: Mapping[str, Any] = {}

    def _images(self, X: np.ndarray) -> np.ndarray:
        return X

    def _network(self, outputs: int) -> Any:
        """The Linen module or the `Model`, for so many outputs."""
        network = self.model
        if not isinstance(network, nn.Module | Model):
            if not callable(network):
                raise ValueError(
                    "model must be a flax.linen.Module, a jsgd.models.Model, or a function that "
                    f"makes one for a number of outputs, got {network!r}"
                )
            network = network(outputs)
        return network

    def _class_weights(self, y: np.ndarray) -> Any:
        return 1.0

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None


class Classifier(ClassifierMixin, Neural):
    """Classes: labels to targets and back."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """One epoch more, on these samples.

        Args:
            X, y, sample_weight: as of `fit`.
            classes: all the labels that there will be; needed in the first call, and only there.

        Returns:
            The estimator.
        """
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._binarizer = LabelBinarizer().fit(classes)
            self.classes_ = self._binarizer.classes_
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes = {classes}: at the first call they were {self.classes_}")
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """The class of each sample; of several labels a sample, 0 or 1 for each.

        Args:
            X: array-like of shape (samples, features).
        """
        out = self._outputs(X)
        if self._binarizer.y_type_ == "multilabel-indicator":
            return (out > 0).astype(int)
        if out.shape[1] == 1:
            return self.classes_[(out[:, 0] > 0).astype(int) * (len(self.classes_) > 1)]
        return self.classes_[out.argmax(axis=1)]

    def predict_proba(self, X):
        """The probability of each class, float32 of shape (samples, classes).

        Args:
            X: array-like of shape (samples, features).
        """
        out = self._outputs(X)
        if self.out_activation_ == "softmax":
            return softmax(out, axis=1)
        p = expit(out)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X):
        """The logarithms of the probabilities.

        Args:
            X: array-like of shape (samples, features).
        """
        out = self._outputs(X)
        if self.out_activation_ == "softmax":
            return log_softmax(out, axis=1)
        return np.hstack([log_expit(-out), log_expit(out)]) if out.shape[1] == 1 else log_expit(out)

    def _targets(self, y: np.ndarray, first: bool) -> np.ndarray:
        check_classification_targets(y)
        labels = LabelBinarizer().fit(y)
        known = getattr(self, "_binarizer", None)
        if first and (known is None or hasattr(self, "params_")):
            self._binarizer = labels
        elif known is not None and not set(labels.classes_) <= set(known.classes_):
            raise ValueError(f"y has labels {labels.classes_}, and the classes are {self.classes_}")
        self.classes_ = self._binarizer.classes_
        self.n_outputs_ = (hot := self._binarizer.transform(y)).shape[1]
        return hot.astype(np.float32)

    def _loss_of(self, y: np.ndarray, width: int) -> tuple[np.ndarray, str]:
        """The targets as wide as the network is, and what its outputs are."""
        kind, columns = self._binarizer.y_type_, y.shape[1]
        if kind == "binary" and width == 2:
            y = np.hstack([1 - y, y])
        elif width != columns:
            raise ValueError(f"the network has {width} outputs: for these classes {columns}")
        several = kind == "multiclass" or width == 2 and kind == "binary"
        self.out_activation_ = "softmax" if several else "logistic"
        return y, self.out_activation_

    def _class_weights(self, y: np.ndarray) -> Any:
        if self.class_weight is None:
            return 1.0
        labels = self._binarizer.inverse_transform(y)
        return compute_sample_weight(self.class_weight, labels)

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None if self._binarizer.y_type_ == "multilabel-indicator" else y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(RegressorMixin, Neural):
    """Values, one or more a sample."""

    _y = {"y_numeric": True}

    def partial_fit(self, X, y, sample_weight=None):
        """One epoch more, on these samples.

        Args:
            X, y, sample_weight: as of `fit`.

        Returns:
            The estimator.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """The values of each sample, float32 of shape (samples,) or (samples, outputs).

        Args:
            X: array-like of shape (samples, features).
        """
        out = self._outputs(X)
        return out[:, 0] if self.n_outputs_ == 1 else out

    def _targets(self, y: np.ndarray, first: bool) -> np.ndarray:
        y = y.reshape(len(y), -1)
        self.n_outputs_ = y.shape[1]
        return y.astype(np.float32)

    def _loss_of(self, y: np.ndarray, width: int) -> tuple[np.ndarray, str]:
        if width != y.shape[1]:
            raise ValueError(f"the network has {width} outputs: y has {y.shape[1]}")
        self.out_activation_ = "identity"
        return y, "identity"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


_RANGES = (
    ("alpha", 0, math.inf, Real),
    ("learning_rate_init", 0, math.inf, Real),
    ("batch_size", 1, math.inf, Integral),
    ("max_iter", 1, math.inf, Integral),
    ("n_iter_no_change", 1, math.inf, Integral),
    ("tol", 0, math.inf, Real),
)


def _weights(sample_weight: Any, samples: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(samples)
    if isinstance(sample_weight, Real):
        return np.full(samples, float(sample_weight))
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.shape != (samples,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(samples,)}!")
    if weights.min() < 0:
        raise ValueError("sample_weight: the weights must not be negative")
    return weights


def _optimizer(optimizer: Any) -> Optimizer:
    if isinstance(optimizer, Optimizer):
        return optimizer
    if optimizer not in REGISTRY:
        raise ValueError(
            unknown("optimizer", str(optimizer), REGISTRY)
            if isinstance(optimizer, str)
            else f"optimizer = {optimizer!r}: it must be a jsgd Optimizer or the name of one"
        )
    return REGISTRY[optimizer].factory()


@functools.lru_cache(maxsize=64)
def _names(opt: Optimizer) -> tuple[str, ...]:
    """The hyperparameters of an optimizer."""
    like = {"kernel": jax.ShapeDtypeStruct((2, 2), "float32")}
    return tuple(jax.eval_shape(lambda x: get_hyper(opt.init(x)), like))


def _model(network: Any, shape: tuple[int, ...]) -> Model:
    try:
        return _cached_model(network, shape)
    except TypeError as error:
        if "hash" not in str(error):
            raise
        raise ValueError(
            "model: the fields of a network must be hashable: write tuples, (64, 32), not lists"
        ) from None


@functools.lru_cache(maxsize=64)
def _cached_model(network: Any, shape: tuple[int, ...]) -> Model:
    """One for all equal modules, so that programs are found again."""
    if isinstance(network, Model):
        return network
    return from_linen(network, jax.ShapeDtypeStruct((1, *shape), "float32"))


@functools.lru_cache(maxsize=64)
def _width(model: Model, shape: tuple[int, ...]) -> int:
    """How many outputs the network has."""
    x = jax.ShapeDtypeStruct((1, *shape), "float32")
    out = jax.eval_shape(
        lambda x: model.apply(*model.init(jax.random.key(0)), x, train=False)[0], x
    )
    return math.prod(out.shape)


@functools.lru_cache(maxsize=64)
def _programs(run: Run) -> tuple[Callable, Callable]:
    """Both functions of a run, compiled for the shapes that come."""
    # without LLVM's costly passes programs of CPUs compile faster, and run no slower
    def options(level):
        return {"xla_backend_optimization_level": level} if jax.default_backend() == "cpu" else None

    return (
        jax.jit(run.init, compiler_options=options("0")),
        jax.jit(run.advance, donate_argnums=0, compiler_options=options("1")),
    )


def _arrays(hyper: Mapping[str, float]) -> dict[str, np.ndarray]:
    return {name: np.asarray(x, np.float32) for name, x in hyper.items()}
