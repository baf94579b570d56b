"""`MLPClassifier` and `MLPRegressor`: a multi-layer perceptron, as scikit-learn has it."""

from collections.abc import Callable
from typing import Any

import jax
from flax import linen as nn

from jsgd.estimators.neural_base import Neural
from jsgd.estimators.neural_checks import whole_numbers
from jsgd.estimators.neural_targets import Classifier, Regressor
from jsgd.models.choices import check_choice
from jsgd.models.dense import Dense

ACTIVATIONS: dict[str, Callable] = {
    "identity": lambda x: x,
    "logistic": jax.nn.sigmoid,
    "tanh": jax.numpy.tanh,
    "relu": jax.nn.relu,
}


class Perceptron(nn.Module):
    """Dense layers with an activation, then a dense layer for the outputs.

    Kernels begin uniform about 0, biases at 0.

    Attributes:
        outputs: the size of the output.
        features: the sizes of the hidden layers.
        activation: `identity`, `logistic`, `tanh` or `relu`.

    References:
        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
        networks", AISTATS 2010, https://proceedings.mlr.press/v9/glorot10a.html, equation 16; for
        `logistic` a third of its variance, as in scikit-learn.
    """

    outputs: int
    features: tuple[int, ...] = (100,)
    activation: str = "relu"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:  # (n, features) to (n, outputs)
        scale = 1 / 3 if self.activation == "logistic" else 1.0
        init = nn.initializers.variance_scaling(scale, "fan_avg", "uniform")
        for depth, width in enumerate((*self.features, self.outputs)):
            x = Dense(width, kernel_init=init, name=f"dense{depth}")(x)
            if depth < len(self.features):
                x = ACTIVATIONS[self.activation](x)
        return x


class _Layers(Neural):
    """What both perceptrons have in common."""

    hidden_layer_sizes: Any
    activation: str

    def _network(self, outputs: int) -> Perceptron:
        check_choice("activation", self.activation, tuple(ACTIVATIONS))
        sizes = whole_numbers("hidden_layer_sizes", self.hidden_layer_sizes)
        return Perceptron(outputs, sizes, self.activation)

    def _learn(self, params: Any, model_state: Any) -> None:
        super()._learn(params, model_state)
        layers = [params[f"dense{depth}"] for depth in range(len(params))]
        self.coefs_ = [layer["kernel"] for layer in layers]
        self.intercepts_ = [layer["bias"] for layer in layers]
        self.n_layers_ = len(layers) + 1


class MLPClassifier(_Layers, Classifier):
    """A multi-layer perceptron that minimises the cross-entropy, as scikit-learn has it.

    Names and defaults are scikit-learn's, and so are the loss, the penalty and the rules for
    stopping. Otherwise here: the optimizer is any of jsgd's (`optimizer`, for `solver` and what
    belongs to it); it computes in float32; all batches of an epoch are of equal size, at most
    `batch_size`; biases begin at 0; X is dense. Fits of about as many samples share one compiled
    program, whatever their numbers.

    Args:
        hidden_layer_sizes: the sizes of the hidden layers, whole numbers >= 1; one, or a sequence.
        activation: of the hidden layers: "identity", "logistic", "tanh" or "relu".
        optimizer: the name of one of `jsgd.optimizers.registry.REGISTRY`, or a `jsgd.Optimizer`,
            which may have schedules and wrappers.
        alpha: the L2 penalty of the kernels, >= 0; in each batch it is over the number of samples.
        batch_size: samples, >= 1; "auto" is min(200, samples).
        learning_rate_init: the optimizer's `lr`, >= 0; `None` is what it has, of "adam" 0.001.
        max_iter: epochs at most, >= 1.
        shuffle: whether each epoch has an order of its own.
        class_weight: `None`, "balanced", or a dict class -> weight, >= 0.
        random_state: an int gives the same results, bit by bit; `None`, or a `RandomState`.
        tol: by so much the loss must get better, or with `early_stopping` the score, >= 0.
        verbose: print each epoch.
        warm_start: `fit` begins with the parameters of the last one. The optimizer begins anew.
        early_stopping: set `validation_fraction` of the samples aside, by class, and stop by the
            accuracy on them; the parameters are then those of the best epoch.
        validation_fraction: between 0 and 1.
        n_iter_no_change: stop after more epochs than these, >= 1, that were not better by `tol`;
            `math.inf` is never.

    Attributes:
        classes_: the labels.
        coefs_, intercepts_: the kernels and biases of the layers, float32.
        params_, model_state_: the same as the network has them, for `jsgd.train.save_weights`.
        loss_, best_loss_, loss_curve_: of the last epoch, the best (`None` with early stopping),
            and every one.
        validation_scores_, best_validation_score_: with early stopping, else `None`.
        n_iter_: the epochs of the last `fit`; `t_`: the samples that were seen in all.
        n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_: as scikit-learn.

    >>> from sklearn.datasets import load_iris
    >>> from jsgd.estimators import MLPClassifier
    >>> x, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier((16,), learning_rate_init=0.02, random_state=0)
    >>> mlp.fit(x, y).score(x, y) > 0.95
    True

    References:
        Hinton, "Connectionist learning procedures", Artificial Intelligence 40, 1989,
        https://doi.org/10.1016/0004-3702(89)90049-0.
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        optimizer: Any = "adam",
        alpha: float = 0.0001,
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


class MLPRegressor(_Layers, Regressor):
    """A multi-layer perceptron that minimises the squared error, of one value a sample or several.

    All is as of `MLPClassifier`, but there are no classes, and early stopping goes by R2.

    Args:
        hidden_layer_sizes, activation, optimizer, alpha, batch_size, learning_rate_init, max_iter,
            shuffle, random_state, tol, verbose, warm_start, early_stopping, validation_fraction,
            n_iter_no_change: as of `MLPClassifier`.

    >>> import numpy as np
    >>> from jsgd.estimators import MLPRegressor
    >>> x = np.linspace(-1, 1, 200)[:, None]
    >>> mlp = MLPRegressor((16,), "tanh", batch_size=50, learning_rate_init=0.05, random_state=0)
    >>> mlp.fit(x, np.sin(3 * x[:, 0])).score(x, np.sin(3 * x[:, 0])) > 0.9
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        optimizer: Any = "adam",
        alpha: float = 0.0001,
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
