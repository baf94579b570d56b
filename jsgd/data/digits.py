"""Handwritten digits, bundled with scikit-learn: 1797 images of 8x8, in ten classes."""

import numpy as np

from jsgd.data.dataset import Dataset
from jsgd.data.parts import split


def digits(test_size: float = 0.2, seed: int = 0) -> Dataset:
    """Load the handwritten digits, split so that each class keeps its share in both parts.

    Args:
        test_size: the share of the images to test on, in (0, 1).
        seed: of the split.

    Returns:
        A `Dataset` of images in [0, 1], of shape (n, 8, 8, 1), and labels 0 to 9.

    Raises:
        ValueError: `test_size` is out of range, or leaves a part without some class.

    >>> data = digits()
    >>> data.train[0].shape, data.test[0].shape, data.n_classes
    ((1437, 8, 8, 1), (360, 8, 8, 1), 10)

    References:
        Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
        Repository, 1998, https://doi.org/10.24432/C50P49.
    """
    from sklearn.datasets import load_digits  # here, because it takes a second to import

    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8, 1) / 16).astype(np.float32)  # pixels count 0 to 16
    return Dataset(*split(x, np.asarray(y, np.int32), test_size, seed), 10)
