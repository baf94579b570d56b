"""`NeuralClassifier` and `NeuralRegressor`: any network as an estimator of scikit-learn."""

from typing import Any

from jsgd.estimators.neural_targets import Classifier, Regressor
from jsgd.models import MLP


class NeuralClassifier(Classifier):
    """A network of your own as a classifier.

    All parameters but `model` are as of `jsgd.estimators.MLPClassifier`.

    Args:
        model: a `flax.linen.Module` or a `jsgd.models.Model` of logits; or a function that makes
            one for a number of outputs, such as a class of modules. The number is 1 for two
            classes, else that of the classes. Two classes may have two outputs. The fields of a
            module must be hashable: tuples, not lists. An estimator whose `model` is a `Model`
            cannot be pickled.

    >>> import jsgd, numpy as np
    >>> from jsgd.estimators import NeuralClassifier
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = np.where(x[:, 0] * x[:, 1] > 0, "same", "different")
    >>> model = jsgd.models.MLP(outputs=1, features=(16, 16))
    >>> NeuralClassifier(model, learning_rate_init=0.02, random_state=0).fit(x, y).score(x, y) > 0.9
    True
    """

    def __init__(
        self,
        model: Any = MLP,
        *,
        optimizer: Any = "adam",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float | None = None,
        max_iter: int = 200,
        shuffle: bool = True,
        class_weight: Any = None,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
    ):
        self._keep(locals())


class NeuralRegressor(Regressor):
    """A network of your own as a regressor: the mean squared error.

    Args:
        model: as of `NeuralClassifier`, for as many outputs as y has. All other parameters are as
            of `jsgd.estimators.MLPRegressor`.
    """

    def __init__(
        self,
        model: Any = MLP,
        *,
        optimizer: Any = "adam",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float | None = None,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
    ):
        self._keep(locals())
