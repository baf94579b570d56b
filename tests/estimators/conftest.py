"""Small data, of one shape for all, so that tests share compiled programs."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def blobs():
    """Three classes of names, 60 samples of 4 features."""
    rng = np.random.default_rng(0)
    y = np.repeat(["ant", "bee", "cat"], 20)
    x = rng.normal(size=(60, 4)) + 3 * np.eye(3, 4).repeat(20, axis=0)
    order = rng.permutation(60)
    return x[order].astype(np.float32), y[order]


@pytest.fixture(scope="session")
def line():
    """A value that is linear in 4 features, 60 samples."""
    x = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    return x, x @ np.array([1.0, -2.0, 0.5, 0.0]) + 1
