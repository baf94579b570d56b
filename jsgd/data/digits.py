"""Handwritten digits, bundled with scikit-learn: 1797 images of 8x8, in ten classes."""

import numpy as np

from jsgd.data.dataset import Dataset


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
    from sklearn.model_selection import train_test_split

    if not 0 < test_size < 1:
        raise ValueError(f"test_size must be in (0, 1), got {test_size}")
    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 8, 8, 1) / 16).astype(np.float32)  # pixels count 0 to 16
    y = y.astype(np.int32)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=test_size, random_state=seed, stratify=y
    )
    return Dataset(train=(x_train, y_train), test=(x_test, y_test), n_classes=10)
