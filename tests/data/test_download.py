"""Downloads, from a folder that plays the web."""

import hashlib
import re
import tarfile

import pytest

from jsgd.data import download
from jsgd.data.download import SOURCES, Source


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A file and an archive, and the data set "both" that is made of them."""
    web = tmp_path / "web"
    (web / "folder").mkdir(parents=True)
    (web / "file.gz").write_bytes(b"of the file")
    (web / "folder" / "inner").write_bytes(b"of the archive")
    with tarfile.open(web / "archive.tar.gz", "w:gz") as archive:
        archive.add(web / "folder", "folder")

    def source(name, unpacks=None):
        digest = hashlib.sha256((web / name).read_bytes()).hexdigest()
        return Source((web / name).as_uri(), digest, unpacks)

    monkeypatch.setitem(SOURCES, "both", [source("file.gz"), source("archive.tar.gz", "folder")])
    return web


def content(folder):
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


WHOLE = {"file.gz": b"of the file", "folder/inner": b"of the archive"}


def test_files_are_fetched_and_archives_unpacked(web, tmp_path):
    folder = download("both", tmp_path / "new" / "data")
    assert folder == tmp_path / "new" / "data"
    assert content(folder) == WHOLE


def test_what_is_there_stays_and_what_is_broken_is_fetched_again(web, tmp_path):
    folder = download("both", tmp_path / "data")
    (web / "archive.tar.gz").unlink()
    (folder / "file.gz").write_bytes(b"of the f")
    assert content(download("both", folder)) == WHOLE
    (web / "file.gz").unlink()
    assert content(download("both", folder)) == WHOLE


def test_a_file_of_another_checksum_is_not_kept(web, tmp_path):
    (web / "file.gz").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"file\.gz is not what it was.* nothing was kept"):
        download("both", tmp_path / "data")
    assert content(tmp_path / "data") == {}


@pytest.mark.parametrize(
    ("name", "says"),
    [("file.gz", "put it into .*data$"), ("archive.tar.gz", "unpacked, so that there is folder$")],
)
def test_without_a_network_it_says_what_to_do(web, tmp_path, name, says):
    (web / name).unlink()
    with pytest.raises(ConnectionError, match=rf"{name} cannot be reached .*{says}"):
        download("both", tmp_path / "data")


def test_an_unknown_name_is_met_with_all_names(tmp_path):
    with pytest.raises(ValueError, match="there are: mnist, fashion_mnist, cifar10, cifar100"):
        download("emnist", tmp_path)


@pytest.mark.parametrize("name", SOURCES)
def test_checksums_are_of_their_form(name):
    for source in SOURCES[name]:
        assert re.fullmatch("[0-9a-f]{64}", source.sha256)
