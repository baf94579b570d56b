"""A part of the training data to choose hyperparameters by, so that the test stays unseen."""

import numpy as np

from jsgd.data.dataset import Dataset
from jsgd.data.parts import split


def validation_split(data: Dataset, size: float = 0.2, seed: int = 0) -> Dataset:
    """Cut the training data in two: the second part takes the place of the test data.

    Each class has its share in both parts (scikit-learn's stratified `train_test_split`).

    Args:
        data: what to cut; its own test data is in no part.
        size: the share of the samples to validate with, in (0, 1).
        seed: of the split.

    Raises:
        ValueError: `size` is out of range, or leaves a part without some class.

    >>> import jsgd
    >>> data = jsgd.data.digits()
    >>> parts = validation_split(data, size=0.25)
    >>> len(data.train[1]), len(parts.train[1]), len(parts.test[1])
    (1437, 1077, 360)
    """
    x, y = map(np.asarray, data.train)
    if not 0 < size < 1:
        raise ValueError(f"size must be in (0, 1), got {size}")
    train, test = split(x, y, size, seed)
    return data._replace(train=train, test=test)
