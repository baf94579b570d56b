"""CIFAR in both its forms, and pickles that must not be believed."""

import pickle
import struct

import numpy as np
import pytest

from jsgd.data import cifar10, cifar100
from jsgd.data.unpickle import read_pickle

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (2, 3, 32, 32), "u1")  # as the files have them: colour by colour
TRAIN = [f"data_batch_{i}" for i in range(1, 6)]


def python2(labels, name=b"labels", images=IMAGES):
    """A batch as Python 2 and the NumPy of 2009 pickled it."""
    raw, n = images.tobytes(), len(images)
    shape = b"(K" + bytes([n]) + b"M\x00\x0ct"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + 2 * b"J\xff\xff\xff\xff"
    return (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\n"
        + b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + (b"(K\x01" + shape + dtype + b"K\x00tb\x89T" + struct.pack("<I", len(raw)) + raw + b"tb")
        + (b"U" + bytes([len(name)]) + name + b"](")
        + (b"".join(b"K" + bytes([label]) for label in labels) + b"eu.")
    )


def python3(labels, name=b"labels", protocol=2):
    return pickle.dumps({b"data": IMAGES.reshape(2, -1), name: labels}, protocol)


def binary(*heads):
    return b"".join(bytes(h) + x.tobytes() for h, x in zip(heads, IMAGES))


WRITE = {
    "binary": (".bin", lambda i: binary([i], [9])),
    "python2": ("", lambda i: python2([i, 9])),
    "python3": ("", lambda i: python3([i, 9])),
    "protocol 4": ("", lambda i: python3([i, 9], protocol=4)),
}


@pytest.mark.parametrize("form", WRITE)
@pytest.mark.parametrize("inside", ["", "cifar-10-batches-bin", "cifar-10-batches-py"])
def test_cifar10_in_each_form(tmp_path, form, inside):
    ending, batch = WRITE[form]
    (tmp_path / inside).mkdir(exist_ok=True)
    for i, name in enumerate([*TRAIN, "test_batch"]):
        (tmp_path / inside / f"{name}{ending}").write_bytes(batch(i))
    (x, y), (x_test, y_test), n_classes, names = cifar10(tmp_path)
    np.testing.assert_array_equal(x_test, IMAGES.transpose(0, 2, 3, 1) / np.float32(255))
    np.testing.assert_array_equal(x, np.tile(x_test, (5, 1, 1, 1)))
    assert y.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert y_test.tolist() == [5, 9]
    assert (x.dtype, y.dtype, n_classes) == (np.float32, np.int32, 10)
    assert (names[2], len(names)) == ("bird", 10)


@pytest.mark.parametrize(
    ("ending", "data"),
    [(".bin", binary([7, 99], [7, 0])), ("", python2([99, 0], b"fine_labels"))],
)
def test_cifar100_has_the_fine_labels(tmp_path, ending, data):
    for name in ("train", "test"):
        (tmp_path / f"{name}{ending}").write_bytes(data)
    (x, y), _, n_classes, _ = cifar100(tmp_path)
    np.testing.assert_array_equal(x, IMAGES.transpose(0, 2, 3, 1) / np.float32(255))
    assert (y.tolist(), n_classes) == ([99, 0], 100)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("test_batch.bin", binary([0], [1])[:-1], "byte 3073: cut short after 1 pictures"),
        ("test_batch.bin", b"", "byte 0: cut short after 0 pictures"),
        ("test_batch.bin", binary([0], [10]), "label 1 is 10; it must be 0 to 9"),
        ("test_batch", python2([0, 10]), "label 1 is 10; it must be 0 to 9"),
        ("test_batch", python2([0, 1])[:900], "no pickle of arrays: "),
        ("test_batch", python2([0]), "1 labels of int64 for 2 pictures"),
        ("test_batch", python2([0, 1], b"labelz"), "holds no 'labels'"),
        ("test_batch", pickle.dumps([1, 2]), "holds no 'data'"),
        ("test_batch", pickle.dumps({b"data": [[1.5]], b"labels": [1]}), "it must be uint8 of sh"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path, name, data, says):
    ending = ".bin" if name.endswith(".bin") else ""
    for other in TRAIN:
        (tmp_path / f"{other}{ending}").write_bytes(binary([1], [2]) if ending else python2([1, 2]))
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"{name}.*{says}"):
        cifar10(tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"has no test_batch.bin, nor test_batch, nor a folder"):
        cifar10(tmp_path)
    (tmp_path / "test_batch").write_bytes(b"")
    with pytest.raises(ValueError, match=r"has no data_batch_1$"):
        cifar10(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'touch RAN'\ntR.",
        b'cbuiltins\neval\n(S\'open("RAN", "w")\'\ntR.',
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x09touch RAN\x85R.",
        b"cnumpy\nload\n(S'RAN'\ntR.",
        pickle.dumps(np.array([{}], object)),
        pickle.dumps({1: np.dtype("u1")}),
        pickle.dumps(range(3)),
        b"\x80\x02cnumpy\nndarray\n.",
        b"",
    ],
)
def test_a_pickle_runs_nothing(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match=r"x, about byte .*no pickle of arrays"):
        read_pickle("x")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("dtype", ["<f4", ">i8", "?"])
def test_arrays_of_numbers_come_as_they_were(tmp_path, dtype):
    x = np.asfortranarray(np.arange(6).reshape(2, 3).astype(dtype))
    (tmp_path / "x").write_bytes(pickle.dumps([x, (b"a", "b", None)], 4))
    out, rest = read_pickle(tmp_path / "x")
    np.testing.assert_array_equal(out, x)
    assert (out.dtype, rest) == (x.dtype, (b"a", "b", None))
