"""`MLPClassifier` and `MLPRegressor`: a multi-layer perceptron, as scikit-learn has it."""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from jsgd.estimators.neural import Classifier, Regressor
from jsgd.models.choices import check_choice

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
            x = nn.Dense(width, kernel_init=init, name=f"dense{depth}")(x)
            if depth < len(self.features):
                x = ACTIVATIONS[self.activation](x)
        return x


class _Layers:
    """What both perceptrons have in common."""

    def _network(self, outputs: int) -> Perceptron:
        check_choice("activation", self.activation, ACTIVATIONS)
        sizes = self.hidden_layer_sizes
        sizes = tuple(sizes) if isinstance(sizes, Sequence | np.ndarray) else (sizes,)
        if not all(isinstance(x, Integral) and x > 0 for x in sizes):
            raise ValueError(
                f"hidden_layer_sizes = {self.hidden_layer_sizes}: whole numbers above 0"
            )
        return Perceptron(outputs, tuple(map(int, sizes)), self.activation)

    def _learn(self, params: Any, model_state: Any) -> None:
        super()._learn(params, model_state)
        layers = [params[f"dense{depth}"] for depth in range(len(params))]
        self.coefs_ = [layer["kernel"] for layer in layers]
        self.intercepts_ = [layer["bias"] for layer in layers]
        self.n_layers_ = len(layers) + 1


class MLPClassifier(_Layers, Classifier):
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.class_weight = class_weight
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change


class MLPRegressor(_Layers, Regressor):
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
