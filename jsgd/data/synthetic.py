"""Data drawn from a known law, so that what is learnt can be compared with the truth."""

import numpy as np

from jsgd.data.dataset import Dataset


def linear_regression(
    n: int = 256, slope: float = 2.0, intercept: float = 3.0, noise: float = 0.1, seed: int = 0
) -> Dataset:
    r"""Draw points about a line.

    .. math::
        y = \text{slope}\, x + \text{intercept} + \text{noise}\, z, \qquad
        x \sim U[-1, 1), \quad z \sim N(0, 1)

    Args:
        n: how many points to train on, at least 1. As many again to test on.
        slope, intercept: the line.
        noise: the standard deviation about it, at least 0.
        seed: of the draw.

    Returns:
        A `Dataset` of x and y of shape (n, 1).

    Raises:
        ValueError: `n` or `noise` is out of range.

    >>> data = linear_regression(n=100, noise=0.0)
    >>> x, y = data.train
    >>> x.shape, bool(abs(y - (2 * x + 3)).max() < 1e-6)
    ((100, 1), True)
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if not noise >= 0:
        raise ValueError(f"noise must be at least 0, got {noise}")
    draw = np.random.default_rng(seed)
    x = draw.uniform(-1, 1, (2 * n, 1))
    y = slope * x + intercept + noise * draw.normal(size=(2 * n, 1))
    x, y = x.astype(np.float32), y.astype(np.float32)
    return Dataset(train=(x[:n], y[:n]), test=(x[n:], y[n:]))
