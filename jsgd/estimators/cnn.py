"""`CNNClassifier`: a small convolutional network for images, as an estimator of scikit-learn."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jsgd.estimators.neural_base import Neural
from jsgd.estimators.neural_checks import whole_numbers
from jsgd.estimators.neural_targets import Classifier
from jsgd.models import CNN


class CNNClassifier(Classifier):
    """Blocks of 3x3 convolution and 2x2 pooling, a hidden layer, and classes: `jsgd.models.CNN`.

    X is images of shape (samples, height, width) or (samples, height, width, channels); or flat,
    of shape (samples, features), with `image_shape`.

    Args:
        features: the channels of each block, which halves the image; whole numbers >= 1, one or a
            sequence.
        hidden: the size of the hidden layer, a whole number >= 1.
        pool, norm: as of `jsgd.models.CNN`.
        dropout: the rate after the hidden layer, in [0, 1).
        image_shape: (height, width) or (height, width, channels) of flat images, in C order;
            `None` where X has its shape.
        optimizer, alpha, batch_size, learning_rate_init, max_iter, shuffle, class_weight,
            random_state, tol, verbose, warm_start, early_stopping, validation_fraction,
            n_iter_no_change: as of `jsgd.estimators.MLPClassifier`.

    Raises:
        ValueError: from `fit`: X is neither of these, or the images are too small for the blocks.

    >>> from sklearn.datasets import load_digits
    >>> from jsgd.estimators import CNNClassifier
    >>> digits = load_digits()
    >>> x, y = digits.images[:500] / 16, digits.target[:500]
    >>> cnn = CNNClassifier((4, 8), hidden=16, batch_size=50, learning_rate_init=0.02, tol=0.02)
    >>> cnn.set_params(n_iter_no_change=3, random_state=0).fit(x, y).score(x, y) > 0.9
    True
    """

    _numbers: Mapping[str, str] = {**Neural._numbers, "dropout": "dropout"}
    _checks: Mapping[str, Any] = {"allow_nd": True}

    features: Any
    hidden: int
    pool: str
    norm: str
    dropout: float
    image_shape: tuple[int, ...] | None

    def __init__(
        self,
        features: Any = (16, 32),
        hidden: int = 64,
        *,
        pool: str = "flatten",
        norm: str = "none",
        dropout: float = 0.0,
        image_shape: tuple[int, ...] | None = None,
        optimizer: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float | None = None,
        max_iter: int = 50,
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

    def _inputs(self, X: np.ndarray) -> np.ndarray:
        shape = X.shape[1:]
        if self.image_shape is not None:
            shape = whole_numbers("image_shape", self.image_shape)
        if len(shape) not in (2, 3) or np.prod(shape) != np.prod(X.shape[1:]):
            raise ValueError(
                f"X has shape {X.shape}: it must be images, (samples, height, width) or (samples, "
                "height, width, channels); or flat, with image_shape = (height, width) or (height, "
                f"width, channels) of as many features, not {self.image_shape}"
            )
        return X.reshape(len(X), *shape, *(1,) * (3 - len(shape)))

    def _network(self, outputs: int) -> CNN:
        features = whole_numbers("features", self.features)
        return CNN(outputs, features, hidden=int(self.hidden), pool=self.pool, norm=self.norm)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = self.image_shape is None
        return tags
