"""Arrays: what they are taken for, and what is refused."""

import numpy as np
import pytest

from jsgd.data import from_arrays, load_npz

X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


def test_integers_are_classes_and_the_split_keeps_their_shares():
    (x, y), (x_test, y_test), n_classes, _ = from_arrays(X, Y, test_size=0.3)
    assert (x.dtype, y.dtype, n_classes) == (np.float32, np.int32, 2)
    np.testing.assert_array_equal(np.bincount(y_test), [3, 3])
    np.testing.assert_array_equal(np.sort(np.concatenate([x, x_test]), 0), X)
    np.testing.assert_array_equal(x[:, 0] // 2 % 2, y)


@pytest.mark.parametrize("y", [X[:, 0], X])
def test_floats_are_values(y):
    (_, y_train), _, n_classes, _ = from_arrays(X, y)
    assert (y_train.dtype, y_train.shape, n_classes) == (np.float32, (16, y[0].size), None)


@pytest.mark.parametrize(("shape", "out"), [((3, 2), (3, 2, 1)), ((3, 2, 3), (3, 2, 3)), (5, (5,))])
def test_bytes_are_pixels(shape, out):
    x = np.full((20, *np.atleast_1d(shape)), 51, np.uint8)
    (pixels, _), *_ = from_arrays(x, Y[:, None])
    assert pixels.shape == (16, *out)
    np.testing.assert_array_equal(pixels, np.float32(0.2))


def test_a_test_part_stays_as_it_is():
    (x, _), (x_test, y_test), n_classes, _ = from_arrays(X, Y, X[:3], [0, 1, 5])
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(x_test, X[:3])
    assert (y_test.tolist(), n_classes) == ([0, 1, 5], 6)


BROKEN = [
    ({"x": X, "y": Y[:3]}, "x has 20 rows, y has 3"),
    ({"x": X, "y": Y - 1}, "y: label 0 is -1; it must be 0 to 0"),
    ({"x": np.where(X == 7, np.nan, X), "y": Y}, "x: row 3 holds a number that is not finite"),
    ({"x": X[:, 0], "y": Y}, r"x: float64 of shape \(20,\); it must be numbers, with a row"),
    ({"x": X, "y": Y.astype(str)}, "y: <U21 of shape .* it must be integers"),
    ({"x": X, "y": Y, "x_test": X}, "give both or neither"),
    ({"x": X, "y": Y, "x_test": X, "y_test": X}, r"and \(2,\) \(float32\), to train on"),
    ({"x": X, "y": Y, "x_test": X[:, :1], "y_test": Y}, r"rows are of shape \(1,\)"),
]


@pytest.mark.parametrize(("arrays", "says"), BROKEN)
def test_arrays_that_are_no_data_set_are_refused(arrays, says):
    with pytest.raises(ValueError, match=says):
        from_arrays(**arrays)


@pytest.mark.parametrize("end", ["", "_train"])
def test_a_file_is_its_arrays(tmp_path, end):
    tests = {"x_test": X[:4], "y_test": Y[:4]} if end else {}
    np.savez(tmp_path / "a.npz", **{f"x{end}": X, f"y{end}": Y}, **tests)
    expected = from_arrays(X, Y, **tests)
    for ours, theirs in zip(load_npz(tmp_path / "a.npz")[:2], expected[:2]):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def _array(path):
    with path.open("wb") as file:
        np.save(file, X)
    return path.read_bytes()


def _saved(path, **arrays):
    np.savez(path, **arrays)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: _saved(path, x=X, y=Y)[:-30], "is no whole .npz file"),
        (
            lambda path: _saved(path, x=X, y=Y).replace(b"\0\x40", b"\0\x41"),
            "is no whole .npz file",
        ),
        (_array, "is no whole .npz file"),
        (lambda path: b"", "is no whole .npz file"),
        (lambda path: b"x,y\n1,2\n", "is no whole .npz file"),
        (lambda path: _saved(path, x=np.array([{}]), y=Y), "is no whole .npz file"),
        (lambda path: _saved(path, x=X, z=Y), "has no 'y'; it has x, z"),
        (lambda path: _saved(path, x=X, y=Y - 1), "label 0 is -1"),
    ],
)
def test_a_broken_file_is_named(tmp_path, make, says):
    path = tmp_path / "a.npz"
    path.write_bytes(make(path))
    with pytest.raises(ValueError, match=rf"a\.npz.*{says}"):
        load_npz(path)
