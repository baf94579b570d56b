"""The data sets: shapes, ranges, splits, repeatability, errors."""

import subprocess
import sys

import numpy as np
import pytest

from jsgd.data import digits, linear_regression, load, validation_split


def test_digits_are_the_images_of_scikit_learn_each_once():
    from sklearn.datasets import load_digits

    data = digits()
    x = np.concatenate([data.train[0], data.test[0]])
    assert x.shape == (1797, 8, 8, 1)
    assert (x.min(), x.max()) == (0.0, 1.0)
    ours = sorted(map(bytes, (x[..., 0] * 16).astype(np.uint8)))
    assert ours == sorted(map(bytes, load_digits().images.astype(np.uint8)))


def test_digits_keep_image_and_label_together():
    from sklearn.datasets import load_digits

    label = {
        bytes(i.astype(np.uint8)): t for i, t in zip(*load_digits(return_X_y=True), strict=True)
    }
    x, y = digits().test
    assert [label[bytes((i * 16).astype(np.uint8).ravel())] for i in x] == y.tolist()


@pytest.mark.parametrize("test_size", [0.2, 0.5])
def test_digits_split_is_stratified(test_size):
    data = digits(test_size=test_size)
    assert len(data.test[1]) == pytest.approx(1797 * test_size, abs=1)
    shares = np.bincount(data.test[1]) / np.bincount(np.concatenate([data.train[1], data.test[1]]))
    assert np.abs(shares - test_size).max() < 0.01


def test_digits_split_follows_the_seed():
    assert np.array_equal(digits(seed=1).test[0], digits(seed=1).test[0])
    assert not np.array_equal(digits(seed=1).test[0], digits(seed=2).test[0])


def test_linear_regression_is_the_line_with_its_noise():
    x, y = linear_regression(n=20_000, noise=0.5, seed=3).train
    slope, intercept = np.polyfit(x[:, 0], y[:, 0], 1)
    assert slope == pytest.approx(2, abs=0.03)
    assert intercept == pytest.approx(3, abs=0.02)
    assert (y - 2 * x - 3).std() == pytest.approx(0.5, rel=0.03)


def test_linear_regression_test_points_are_others():
    data = linear_regression(n=50)
    assert not np.intersect1d(data.train[0], data.test[0]).size


@pytest.mark.parametrize("name", ["digits", "linear_regression"])
def test_every_data_set_has_the_one_type(name):
    data = load(name)
    for x, y in (data.train, data.test):
        assert x.dtype == np.float32
        assert len(x) == len(y)
        assert y.dtype == (np.int32 if data.n_classes else np.float32)
        assert y.ndim == (1 if data.n_classes else 2)
    assert data.outputs == (data.n_classes or 1)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: digits(test_size=0.0), "test_size must be in"),
        (lambda: digits(test_size=1.5), "test_size must be in"),
        (lambda: digits(test_size=0.001), "classes"),
        (lambda: linear_regression(n=0), "n must be at least 1"),
        (lambda: linear_regression(noise=-1.0), "noise must be at least 0"),
        (lambda: linear_regression(noise=float("nan")), "noise must be at least 0"),
    ],
)
def test_bad_arguments_are_refused(build, says):
    with pytest.raises(ValueError, match=says):
        build()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mnst", "no data set 'mnst'; there are: digits, .*mnist:PATH, .*cifar10:PATH"),
        ("mnist", "'mnist': write mnist:PATH"),
        ("mnist:", "'mnist:': write mnist:PATH"),
        ("digits:here", "'digits:here': write digits"),
        ("digits:", "'digits:': write digits"),
    ],
)
def test_what_is_no_data_set_is_refused(name, says):
    with pytest.raises(ValueError, match=says):
        load(name)


def test_a_path_goes_to_the_reader(tmp_path):
    np.savez(tmp_path / "a:b.npz", x=np.ones((10, 2)), y=np.arange(10) % 2)
    data = load(f"npz:{tmp_path / 'a:b.npz'}", test_size=0.4)
    assert data.test[0].shape == (4, 2)


def test_importing_the_data_imports_no_scikit_learn():
    check = "import sys, jsgd.data; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_validation_is_a_part_of_the_training_data_with_the_share_of_each_class():
    data = digits()
    parts = validation_split(data, size=0.25, seed=1)
    whole = np.concatenate([parts.train[0], parts.test[0]])
    assert sorted(map(bytes, whole)) == sorted(map(bytes, data.train[0]))
    shares = np.bincount(parts.test[1]) / np.bincount(data.train[1])
    assert np.abs(shares - 0.25).max() < 0.01
    assert not np.array_equal(parts.test[0], validation_split(data, size=0.25, seed=2).test[0])


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"size must be in \(0, 1\), got 1.0"):
        validation_split(linear_regression(n=4), size=1.0)
