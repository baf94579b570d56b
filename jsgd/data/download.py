"""Downloads of the well-known data sets, each file held against its checksum."""

import hashlib
import http.client
import os
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple


class Source(NamedTuple):
    """A file on the web.

    Attributes:
        url: where it is.
        sha256: of the whole file.
        unpacks: the folder that it unpacks to, if it is an archive.
    """

    url: str
    sha256: str
    unpacks: str | None = None


_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_CIFAR = "https://www.cs.toronto.edu/~kriz/"
# The addresses and checksums are those of TensorFlow Datasets, directory url_checksums.
SOURCES = {
    "mnist": [
        Source(
            _MNIST + "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        Source(
            _MNIST + "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        Source(
            _MNIST + "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        Source(
            _MNIST + "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ],
    "fashion_mnist": [
        Source(
            _FASHION + "train-images-idx3-ubyte.gz",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        Source(
            _FASHION + "train-labels-idx1-ubyte.gz",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        Source(
            _FASHION + "t10k-images-idx3-ubyte.gz",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        Source(
            _FASHION + "t10k-labels-idx1-ubyte.gz",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ],
    "cifar10": [
        Source(
            _CIFAR + "cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            unpacks="cifar-10-batches-bin",
        )
    ],
    "cifar100": [
        Source(
            _CIFAR + "cifar-100-binary.tar.gz",
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            unpacks="cifar-100-binary",
        )
    ],
}


def download(name: str, path: str | os.PathLike) -> Path:
    """Download a data set into a folder; what is there already, and whole, stays.

    Args:
        name: "mnist", "fashion_mnist", "cifar10" or "cifar100" (of these the binary version).
        path: the folder; it is made if need be.

    Returns:
        The folder, for the reader of that name: `mnist(download("mnist", "data"))`.

    Raises:
        ValueError: there is no such name, or a file is not what its checksum says.
        ConnectionError: a file cannot be reached; the message says what to do by hand.
    """
    if name not in SOURCES:
        raise ValueError(f"there is no download {name!r}; there are: {', '.join(SOURCES)}")
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES[name]:
        file_name = source.url.rpartition("/")[2]
        target = folder / (source.unpacks or file_name)
        if target.is_dir() or (target.is_file() and _digest(target) == source.sha256):
            continue
        # put in place by one move, so that what is in place is whole
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            new = Path(scratch, file_name)
            _fetch(source, new, folder)
            if source.unpacks:
                with tarfile.open(new) as archive:
                    archive.extractall(scratch, filter="data")
                new = Path(scratch, source.unpacks)
            new.replace(target)
    return folder


def _fetch(source: Source, file: Path, folder: Path) -> None:
    try:
        with urllib.request.urlopen(source.url, timeout=30) as answer, file.open("wb") as stream:
            while block := answer.read(1 << 20):
                stream.write(block)
    except (OSError, http.client.HTTPException) as error:
        then = f", unpacked, so that there is {source.unpacks}" if source.unpacks else ""
        raise ConnectionError(
            f"{source.url} cannot be reached ({error}): without a network, get it elsewhere and "
            f"put it into {folder}{then}"
        ) from None
    if (digest := _digest(file)) != source.sha256:
        raise ValueError(
            f"{source.url} is not what it was, or came broken: its sha256 is {digest}, "
            f"not {source.sha256}; nothing was kept"
        )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
