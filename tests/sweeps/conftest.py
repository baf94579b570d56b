"""What the tests of sweeps train: small enough that compiling is what takes time."""

import numpy as np
import pytest

import jsgd
from jsgd.data import Dataset
from jsgd.train import classification, make_run


@pytest.fixture(scope="package")
def run():
    """An MLP with dropout on three clouds of points: SGD with momentum, five steps an epoch."""
    rng = np.random.default_rng(0)
    y = (np.arange(60) % 3).astype(np.int32)
    x = (rng.normal(size=(60, 4)) + 1.5 * np.eye(3, 4)[y]).astype(np.float32)
    data = Dataset((x[:40], y[:40]), (x[40:], y[40:]), 3)
    model = jsgd.models.from_linen(jsgd.models.MLP(outputs=3, features=(6,)), x)
    return make_run(classification(model, data), jsgd.sgd(momentum=0.0), batch_size=8)
