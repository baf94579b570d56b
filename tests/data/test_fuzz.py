"""Broken files, a thousand of them: a reader reads one or says which is broken, and no more."""

import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from jsgd.data import cifar10, images, load_npz, mnist

EACH = 112  # broken files for each of the readers
MOST = 32 << 20  # bytes; what is whole takes less than 1 MiB

RNG = np.random.default_rng(0)
DIGITS = RNG.integers(0, 256, (12, 6, 5), "u1")
PHOTOS = RNG.integers(0, 256, (4, 32, 32, 3), "u1")
LABELS = np.array([0, 1, 2] * 4, "u1")


def _idx(x):
    return struct.pack(f">BBBB{x.ndim}I", 0, 0, 8, x.ndim, *x.shape) + x.tobytes()


def _mnist(pack, ending=""):
    files = {}
    for part in ("train", "t10k"):
        files[f"{part}-images-idx3-ubyte{ending}"] = pack(_idx(DIGITS))
        files[f"{part}-labels-idx1-ubyte{ending}"] = pack(_idx(LABELS))
    return files


def _cifar(batch, ending=""):
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return {f"{name}{ending}": batch for name in names}


def _encoded(x, kind):
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # orientation
    exif[0x011A] = 72.0  # resolution, a fraction
    Image.fromarray(x).save(stream, kind, exif=exif)
    return stream.getvalue()


def _saved(save):
    stream = io.BytesIO()
    save(stream, x=DIGITS, y=LABELS)
    return stream.getvalue()


def _bitmaps(kind):
    return {f"{i % 2}/{i}.{kind}": _encoded(x, kind) for i, x in enumerate(PHOTOS)}


_ROWS = b"".join(bytes([i]) + x.transpose(2, 0, 1).tobytes() for i, x in enumerate(PHOTOS))
_DICT = {b"data": PHOTOS.reshape(4, -1), b"labels": [3, 1, 4, 1]}
_TABLE = "\n".join(["file,label", *(f"{i % 2}/{i}.png,{i % 2}" for i in range(4))]).encode()


def _pictures(folder):
    return images(folder, cache=False, test_size=0.5)


# name -> reader of a folder, the files in it, the names of those to break
READERS = {
    "idx": (mnist, _mnist(bytes), "idx"),
    "idx, gzipped": (mnist, _mnist(gzip.compress, ".gz"), "idx"),
    "cifar, binary": (cifar10, _cifar(_ROWS, ".bin"), "batch"),
    "cifar, pickled": (cifar10, _cifar(pickle.dumps(_DICT, 2)), "batch"),
    "cifar, protocol 4": (cifar10, _cifar(pickle.dumps(_DICT, 4)), "batch"),
    "png": (_pictures, _bitmaps("png"), "png"),
    "jpeg": (_pictures, _bitmaps("jpeg"), "jpeg"),
    "csv": (_pictures, _bitmaps("png") | {"labels.csv": _TABLE}, "csv"),
    "npz": (lambda folder: load_npz(folder / "a.npz"), {"a.npz": _saved(np.savez)}, "npz"),
}


def _flip(data, rng, places):
    for at in rng.choice(places, rng.integers(1, 5)):
        data[at] ^= 1 << rng.integers(8)
    return data


def corrupt(data, rng):
    """A file with a part of it missing, doubled, blank, or wrong."""
    data, n = bytearray(data), len(data)
    a, b = sorted(rng.integers(0, n, 2).tolist())
    head = min(n, 200)  # where files say how large they are
    match rng.integers(8):
        case 0:
            return data[:a]
        case 1:
            return data[:a] + data[b:]
        case 2:
            return data[:b] + data[a:]
        case 3:
            return data[:a] + rng.bytes(b - a) + data[b:]
        case 4:
            return data[:a] + b"\xff" * min(b - a, 9) + data[a + min(b - a, 9) :]
        case 5:
            return _flip(data, rng, n)
        case 6:
            at = rng.integers(head)
            data[at : at + 4] = rng.bytes(4)
            return data
        case _:
            return _flip(data, rng, head)


def attempt(read, folder):
    """Whether the folder can be read; if not, the error must say where, and neither takes much."""
    said = None
    tracemalloc.start()
    try:
        read(folder)
    except (ValueError, OSError) as error:
        said = str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MOST
    assert said is None or str(folder) in said
    return said is None


@pytest.fixture
def folder(tmp_path, name):
    """The files of a reader, which reads them."""
    for file, data in READERS[name][1].items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(data)
    READERS[name][0](tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of metadata that it goes on without
@pytest.mark.parametrize("name", READERS)
def test_a_broken_file_is_read_or_named(folder, name):
    read, files, which = READERS[name]
    rng = np.random.default_rng(0)
    targets = [file for file in files if which in file]
    refused = 0
    for _ in range(EACH):
        file = targets[rng.integers(len(targets))]
        (folder / file).write_bytes(corrupt(files[file], rng))
        refused += not attempt(read, folder)
        (folder / file).write_bytes(files[file])
    assert refused > EACH // 4


def _long_npz():
    stream, head = io.BytesIO(), io.BytesIO()
    shape = {"descr": "|u1", "fortran_order": False, "shape": (2**31, 28, 28)}
    np.lib.format.write_array_header_1_0(head, shape)
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("x.npy", head.getvalue())
    return stream.getvalue()


def _laughs():
    lists = [1, 2]
    for _ in range(60):
        lists = [lists, lists]
    return pickle.dumps({b"data": PHOTOS.reshape(4, -1), b"labels": lists}, 2)


_HUGE = struct.pack("<Q", 2**31)
_DAT = READERS["png"][1]["0/0.png"].index(b"IDAT")
CLAIMS = [
    ("idx", "train-images-idx3-ubyte", b"\0\0\x08\x03" + struct.pack(">3I", 2**31, 28, 28)),
    ("idx", "train-images-idx3-ubyte", b"\0\0\x08\x04" + struct.pack(">4I", 0, *[2**32 - 1] * 3)),
    ("cifar, pickled", "test_batch", b"\x80\x02}r" + _HUGE[:4] + b"."),
    ("cifar, pickled", "test_batch", b"\x80\x02}p2147483648\n."),
    ("cifar, pickled", "test_batch", b"\x80\x04\x8e" + _HUGE + b"x."),
    ("cifar, pickled", "test_batch", b"\x80\x05\x96" + _HUGE + b"x."),
    ("cifar, pickled", "test_batch", _laughs()),
    ("png", "0/0.png", READERS["png"][1]["0/0.png"][: _DAT - 4] + b"\x7f\xff\xff\xffIDATx"),
    ("csv", "labels.csv", b'file,label\n0/0.png,"' + b"x" * 200_000),
    ("npz", "a.npz", _long_npz()),
]


@pytest.mark.parametrize(("name", "file", "data"), CLAIMS)
def test_a_file_takes_no_more_than_it_holds(folder, name, file, data):
    (folder / file).write_bytes(data)
    assert not attempt(READERS[name][0], folder)
