"""IDX files: what they hold, and how they may be broken."""

import gzip
import struct

import numpy as np
import pytest

from jsgd.data import fashion_mnist, mnist, read_idx

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}
IMAGES = np.arange(4 * 3 * 2, dtype="u1").reshape(4, 3, 2) * 10
LABELS = np.array([0, 9, 3, 3], "u1")


def idx(x, dtype="u1"):
    head = struct.pack(f">BBBB{x.ndim}I", 0, 0, CODES[dtype], x.ndim, *x.shape)
    return head + x.astype(dtype).tobytes()


PACKED = gzip.compress(idx(IMAGES), mtime=0)  # the same bytes in all workers


@pytest.fixture
def folder(tmp_path):
    """Four digits to train on, plain; two to test on, gzipped."""
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES[:2])))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[:2])))
    return tmp_path


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_kind_of_number_is_read(tmp_path, dtype, pack):
    x = np.array([[1, -2, 100], [0, 7, 3]]) % 256 if dtype == "u1" else np.array([[1, -2, 100]])
    (tmp_path / "x").write_bytes(pack(idx(x, dtype)))
    out = read_idx(tmp_path / "x")
    np.testing.assert_array_equal(out, x)
    assert out.dtype == np.dtype(dtype).newbyteorder("=")
    assert out.flags.writeable


@pytest.mark.parametrize("read", [mnist, fashion_mnist])
def test_a_folder_is_a_data_set(folder, read):
    (x, y), (x_test, y_test), n_classes, names = read(folder)
    np.testing.assert_array_equal(x, IMAGES[..., None] / np.float32(255))
    np.testing.assert_array_equal(y, LABELS)
    np.testing.assert_array_equal(x_test, x[:2])
    np.testing.assert_array_equal(y_test, y[:2])
    assert (x.dtype, y.dtype, n_classes) == (np.float32, np.int32, 10)
    assert names is None or (names[-1], len(names)) == ("Ankle boot", 10)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("train-images-idx3-ubyte", b"", "byte 0: nothing begins no IDX file"),
        ("train-images-idx3-ubyte", b"\x89PNG\r\n", "byte 0: 89 50 4e 47 begins no IDX file"),
        ("train-images-idx3-ubyte", idx(IMAGES)[:9], "byte 9: cut short within its head of 16"),
        ("train-images-idx3-ubyte", idx(IMAGES)[:-1], "byte 39: cut short, of shape .4, 3, 2. it"),
        ("train-images-idx3-ubyte", idx(IMAGES) + b"\0", "byte 40: there is more"),
        ("train-images-idx3-ubyte", PACKED[:-9], "is no whole gzip file"),
        ("train-images-idx3-ubyte", idx(LABELS), "uint8 with 1 axes; it must be uint8 with 3"),
        (
            "train-labels-idx1-ubyte",
            idx(LABELS, ">i4"),
            "int32 with 1 axes; it must be uint8 with 1",
        ),
        ("train-labels-idx1-ubyte", idx(LABELS[:3]), "3 labels for 4 images"),
        ("train-labels-idx1-ubyte", idx(LABELS + 1), "label 1 is 10; it must be 0 to 9"),
        ("t10k-images-idx3-ubyte", idx(IMAGES[:2, :2]), r"\(2, 2\) pixels, \(3, 2\) in train"),
    ],
)
def test_a_broken_file_is_named_with_the_place(folder, name, data, says):
    (folder / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"{name}.*{says}"):
        mnist(folder)


def test_a_missing_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"has no t10k-labels-idx1-ubyte, nor .*\.gz"):
        mnist(folder)
