"""What estimators predict: classes, or values, as the targets of a network and back."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_array, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from jsgd.estimators.neural_base import Neural


class Classifier(ClassifierMixin, Neural):
    """One class a sample, of two or more; or several labels a sample, 0 or 1 for each.

    Of two classes the network may have one output, the logit of the second, or two.
    """

    class_weight: Any

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """One epoch more, on these samples.

        The first call begins, and the state of the optimizer is kept from call to call. The
        learning rate is that of the first call.

        Args:
            X, y, sample_weight: as of `fit`.
            classes: all the labels that there will be; needed in the first call, and only there.

        Returns:
            The estimator.

        Raises:
            ValueError: as `fit`, or there are no `classes`, or others than before.
        """
        if not hasattr(self, "params_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes = {classes}: in the first call they were {self.classes_}")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight = 'balanced' needs all samples at once: for partial_fit use "
                "sklearn.utils.class_weight.compute_class_weight and pass a dict"
            )
        return self._partly_fit(X, y, sample_weight, classes=classes)

    def predict(self, X: Any) -> np.ndarray:
        """The class of each sample; of several labels a sample, 0 or 1 for each.

        Args:
            X: array-like of shape (samples, features).
        """
        out = self._outputs(X)
        if self._binarizer.y_type_ == "multilabel-indicator":
            return (out > 0).astype(int)
        if out.shape[1] > 1:
            return self.classes_[out.argmax(axis=1)]
        return self.classes_[(out[:, 0] > 0) * (len(self.classes_) - 1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, of shape (samples, classes).

        Args:
            X: array-like of shape (samples, features).
        """
        return self._of_classes(X, softmax, expit)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of the probabilities.

        Args:
            X: array-like of shape (samples, features).
        """
        return self._of_classes(X, log_softmax, log_expit)

    def _of_classes(self, X: Any, together: Callable, alone: Callable) -> np.ndarray:
        """The outputs by a softmax or, of logits that stand alone, by a sigmoid; or their logs."""
        out = self._outputs(X)
        if self.out_activation_ == "softmax":
            return together(out, axis=1)
        return np.hstack([alone(-out), alone(out)]) if out.shape[1] == 1 else alone(out)

    def _targets(self, y: np.ndarray, first: bool, classes: Any = None) -> np.ndarray:
        check_classification_targets(y)
        if first:
            several = type_of_target(y).startswith("multilabel")
            self._binarizer = LabelBinarizer().fit(y if classes is None or several else classes)
            self.classes_ = self._binarizer.classes_
        labels = LabelBinarizer().fit(y).classes_
        if not np.isin(labels, self.classes_).all():
            raise ValueError(f"y has labels {labels}, and the classes are {self.classes_}")
        hot = self._binarizer.transform(y)
        self.n_outputs_ = hot.shape[1]
        return hot.astype(np.float32)

    def _widened(self, y: np.ndarray, width: int) -> tuple[np.ndarray, str]:
        kind = self._binarizer.y_type_
        if kind == "binary" and width == 2:
            y = np.hstack([1 - y, y])
        elif width != y.shape[1]:
            raise ValueError(
                f"model: it has {width} outputs, and for {len(self.classes_)} classes it must have "
                f"{y.shape[1]}" + " or 2" * (kind == "binary")
            )
        several = kind == "multiclass" or (kind == "binary" and width == 2)
        self.out_activation_ = "softmax" if several else "logistic"
        return y, self.out_activation_

    def _weights_of(self, y: np.ndarray) -> Any:
        if self.class_weight is None:
            return 1.0
        weights = compute_sample_weight(self.class_weight, self._binarizer.inverse_transform(y))
        if weights.min() < 0:
            raise ValueError(f"class_weight = {self.class_weight}: no weight may be negative")
        return weights

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None if self._binarizer.y_type_ == "multilabel-indicator" else y

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(RegressorMixin, Neural):
    """Values, one a sample or several."""

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """One epoch more, on these samples.

        The first call begins, and the state of the optimizer is kept from call to call. The
        learning rate is that of the first call.

        Args:
            X, y, sample_weight: as of `fit`.

        Returns:
            The estimator.
        """
        return self._partly_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """The values of each sample, of shape (samples,) or (samples, outputs).

        Args:
            X: array-like of shape (samples, features).
        """
        out = self._outputs(X)
        return out[:, 0] if self.n_outputs_ == 1 else out

    @property
    def _checks(self):
        return {**super()._checks, "y_numeric": True}

    def _targets(self, y: np.ndarray, first: bool) -> np.ndarray:
        # in float32 a large number may be infinite, and what is no number is NaN
        dtype: Any = np.float32
        y = check_array(y.reshape(len(y), -1), dtype=dtype, input_name="y")
        if not first and y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {y.shape[1]} outputs, and it had {self.n_outputs_}")
        self.n_outputs_ = y.shape[1]
        return y

    def _widened(self, y: np.ndarray, width: int) -> tuple[np.ndarray, str]:
        if width != y.shape[1]:
            raise ValueError(f"model: it has {width} outputs, and y has {y.shape[1]}")
        self.out_activation_ = "identity"
        return y, "identity"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
