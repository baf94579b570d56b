"""Streams: every sample once an epoch, in chunks of one shape, from wherever the set is."""

import numpy as np
import pytest

from jsgd.data import stream

pytest.importorskip("grain")


@pytest.fixture
def on_disk(tmp_path):
    """Ten samples, x twice as wide as y, in files."""
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.int32, (10,))
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (10, 2))
    y[:] = np.arange(10)
    x[:] = np.arange(10)[:, None]
    return x, y


def test_an_epoch_is_every_sample_once_in_an_order_of_its_own(on_disk):
    orders = np.concatenate([y for _, y in stream(on_disk, 5, epochs=3)]).reshape(3, 10)
    np.testing.assert_array_equal(np.sort(orders), np.tile(np.arange(10), (3, 1)))
    assert len(set(map(tuple, orders))) == 3


def test_chunks_have_one_shape_and_keep_x_and_y_together(on_disk):
    chunks = list(stream(on_disk, 4, epochs=2))
    assert len(chunks) == 5
    for x, y in chunks:
        assert (x.shape, x.dtype, y.shape, y.dtype) == ((4, 2), np.float32, (4,), np.int32)
        np.testing.assert_array_equal(x, np.stack([y, y], 1))


def test_the_seed_is_of_the_order(on_disk):
    first, again, other = (next(stream(on_disk, 10, seed=s))[1] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_any_source_of_random_access_serves():
    class Squares:
        def __len__(self):
            return 6

        def __getitem__(self, i):
            return np.float32(i), np.float32(i**2)

    x, y = next(stream(Squares(), 6))
    np.testing.assert_array_equal(y, x**2)


@pytest.mark.parametrize(
    ("how", "says"),
    [({"size": 11}, "size = 11: it must be 1 to 10"), ({"size": 2, "epochs": 0}, "epochs = 0")],
)
def test_impossible_numbers_are_refused(on_disk, how, says):
    with pytest.raises(ValueError, match=says):
        stream(on_disk, **how)


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"source: its arrays have \[3, 2\] rows"):
        stream((np.ones(3), np.ones(2)), 1)
