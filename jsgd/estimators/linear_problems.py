"""What a linear model is to learn: one problem or several, on the same samples."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.class_weight import compute_class_weight


class Problems(NamedTuple):
    """Samples, and the targets of one problem or several.

    Attributes:
        X: (n, n_features), an array or a CSR matrix, float32 or float64.
        y: (problems, n), as the loss takes them.
        weight: (n,), of the samples.
        factor: (problems, n) or (1, 1), what a sample counts beyond its weight, for its class.
        strata: the classes of the samples, (n,), or `None` where there are none.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    factor: np.ndarray
    strata: np.ndarray | None


def one_vs_rest(
    X: Any, y: np.ndarray, weight: np.ndarray, classes: np.ndarray, class_weight: Any, loss: str
) -> Problems:
    """Every class against all others; two classes are one problem, the second against the first.

    Args:
        X: the samples.
        y: (n,), their labels.
        weight: (n,), of the samples.
        classes: the labels there are, sorted, two or more.
        class_weight: a dict, `"balanced"` or `None`.
        loss: the name of the loss, which says what the targets are.

    Raises:
        ValueError: `y` has labels that are not in `classes`.
    """
    known = np.isin(y, classes)
    if not known.all():
        raise ValueError(f"y has labels that are not in classes: {np.unique(y[~known])}")
    weights = compute_class_weight(class_weight, classes=classes, y=y)
    positive = classes[:, None] == y
    factor = np.where(positive, weights[:, None], 1.0)
    if len(classes) == 2:
        positive, factor = positive[1:], np.where(positive[1:], weights[1], weights[0])
    targets = np.where(positive, 1, 0 if loss == "log_loss" else -1).astype(X.dtype)
    return Problems(X, targets, weight, factor, strata=y)


def split(model: Any, problems: Problems) -> tuple[Problems, Problems | None]:
    """The samples to learn from and, for early stopping, those to score on.

    Args:
        model: an estimator; `early_stopping`, `validation_fraction` and `random_state` are read.
        problems: all samples there are.

    Raises:
        ValueError: too few samples for two parts, or of the held-out ones all weigh nothing.
    """
    X, y, weight, factor, strata = problems
    if not model.early_stopping:
        return problems, None
    splitter = ShuffleSplit if strata is None else StratifiedShuffleSplit
    parts = splitter(test_size=model.validation_fraction, random_state=model.random_state)
    train, test = next(parts.split(np.zeros((len(weight), 1)), strata))
    if not np.any(weight[test]):
        raise ValueError(
            "sample_weight is 0 for all samples that early_stopping has set aside; "
            "another random_state sets others aside"
        )
    train = np.sort(train)  # in the order that they had
    factor = factor[:, train] if factor.shape[1] > 1 else factor
    learned = Problems(X[train], y[:, train], weight[train], factor, strata)
    return learned, Problems(X[test], y[:, test], weight[test], np.ones((1, 1)), strata)
