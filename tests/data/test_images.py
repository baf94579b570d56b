"""Folders of pictures: classes, sizes, what is kept, what is refused."""

import os

import numpy as np
import pytest
from PIL import Image

from jsgd.data import images

COLOURS = {"2": (255, 0, 0), "10": (0, 51, 0), "b": (0, 0, 102)}  # in the order of the classes


def paint(file, colour, size=(6, 4)):
    """A picture of one colour, of that height and width."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], colour).save(file)


@pytest.fixture
def folder(tmp_path):
    """Three classes of four pictures in folders, and what is none."""
    root = tmp_path / "pictures"
    for name, colour in COLOURS.items():
        for i, ending in enumerate(("png", "PNG", "png", "png")):
            paint(root / name / f"{i}.{ending}", colour)
        (root / name / "notes.txt").write_text("not a picture")
    return root


def colours(x):
    """The colour of each picture, if it is of one."""
    assert (x == x[:, :1, :1]).all()
    return x[:, 0, 0]


def expected(y):
    return np.array(list(COLOURS.values()))[y] / np.float32(255)


def test_subfolders_are_classes(folder):
    (x, y), (x_test, y_test), n_classes, names = images(folder, test_size=0.25)
    assert (x.shape, x.dtype, y.dtype, n_classes) == ((9, 6, 4, 3), np.float32, np.int32, 3)
    assert names == tuple(COLOURS)
    np.testing.assert_allclose(colours(x), expected(y), atol=1e-6)
    np.testing.assert_allclose(colours(x_test), expected(y_test), atol=1e-6)
    assert sorted(y_test) == [0, 1, 2]


def test_a_csv_gives_the_labels(folder):
    rows = [f"{name}/{i}.png,{name}" for name in COLOURS for i in (0, 2)]
    rows += [f"../pictures/{name}/3.png,{name}" for name in COLOURS]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]), encoding="utf-8-sig")
    (x, y), (_, y_test), n_classes, _ = images(folder, test_size=0.33)
    np.testing.assert_allclose(colours(x), expected(y), atol=1e-6)
    assert (sorted([*y, *y_test]), n_classes) == ([0, 0, 0, 1, 1, 1, 2, 2, 2], 3)


def test_train_and_test_folders_are_the_parts(folder):
    folder.rename(folder.with_name("train"))
    paint(folder.with_name("test") / "10" / "0.jpg", COLOURS["10"])
    (x, _), (x_test, y_test), n_classes, _ = images(folder.parent)
    assert (x.shape, x_test.shape, n_classes) == ((12, 6, 4, 3), (1, 6, 4, 3), 3)
    np.testing.assert_allclose(colours(x_test), expected(y_test), atol=0.02)  # JPEG
    paint(folder.with_name("test") / "c" / "0.png", COLOURS["10"])
    with pytest.raises(ValueError, match="test has a class 'c', of which train has no picture"):
        images(folder.parent)


@pytest.mark.parametrize(("size", "shape"), [(5, (5, 5)), ((3, 7), (3, 7))])
def test_pictures_are_resized(folder, size, shape):
    paint(folder / "b" / "large.png", COLOURS["b"], (60, 20))
    (x, y), *_ = images(folder, size)
    assert x.shape[1:] == (*shape, 3)
    np.testing.assert_allclose(colours(x), expected(y), atol=1e-6)
    assert images(folder, size, grayscale=True).train[0].shape[1:] == (*shape, 1)


def test_rotation_in_the_metadata_is_done(tmp_path):
    picture, exif = Image.new("L", (4, 6)), Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    for i in range(4):
        (tmp_path / f"{i % 2}").mkdir(exist_ok=True)
        picture.save(tmp_path / f"{i % 2}" / f"{i}.jpg", exif=exif)
    assert images(tmp_path, test_size=0.5, cache=False).train[0].shape == (2, 4, 6, 3)


@pytest.fixture
def opened(monkeypatch):
    """Every file that Pillow opened."""
    files, plain = [], Image.open
    monkeypatch.setattr(Image, "open", lambda file: files.append(file) or plain(file))
    return files


def test_decoded_pictures_are_kept_until_a_file_changes(folder, opened):
    first = images(folder, 2)
    assert len(opened) == 12
    assert [x.name for x in folder.parent.iterdir() if x != folder] == ["pictures.2x2.jsgd.npz"]
    np.testing.assert_array_equal(images(folder, 2).train[0], first.train[0])
    assert len(opened) == 12
    os.utime(folder / "b" / "0.png", (0, 0))
    images(folder, 2)
    assert len(opened) == 24
    images(folder, 2, cache=False)
    assert len(opened) == 36


@pytest.mark.parametrize("broken", [b"", b"PK\3\4 and no more"])
def test_what_is_kept_may_be_broken(folder, opened, broken):
    first = images(folder)
    kept = folder.with_name("pictures.full.jsgd.npz")
    kept.write_bytes(broken)
    np.testing.assert_array_equal(images(folder).train[0], first.train[0])
    assert len(opened) == 24
    assert kept.stat().st_size > 100


def test_a_place_that_cannot_be_written_to_is_no_error(folder):
    folder.with_name(f"pictures.full.jsgd.npz.{os.getpid()}").mkdir()
    assert len(images(folder).train[0]) == 9
    assert not folder.with_name("pictures.full.jsgd.npz").exists()


def test_pictures_without_pillow(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'jsgd\[images\]'"):
        images(folder)


def _cut(root):
    data = (root / "b" / "2.png").read_bytes()
    (root / "b" / "2.png").write_bytes(data[: len(data) // 2])


def _deep(root):
    Image.new("I;16", (4, 6)).save(root / "b" / "2.png")


def _labels(*lines):
    return lambda root: (root / "labels.csv").write_text("\n".join(["file,label", *lines]))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_cut, "b/2.png is no picture that can be read"),
        (_deep, "b/2.png is no picture .* more than 8 bits a pixel"),
        (lambda root: (root / "b" / "2.png").write_text("?"), "b/2.png is no picture"),
        (lambda root: (root / "c").mkdir(), r"c has no picture \(\.png, \.jpg, \.jpeg\)"),
        (lambda root: paint(root / "b" / "2.png", 0, (6, 5)), r"b/2.png has \(6, 5\) .*give size="),
        (_labels("b/0.png,1", "b/1.png"), "labels.csv, line 3: 'b/1.png' is not file,label"),
        (_labels("b/0.png,1", "b/9.png,1"), "labels.csv, line 3: there is no .*b/9.png"),
        (_labels("b/0.png,1", "b/0.png,1"), "labels.csv, line 3: b/0.png is there twice"),
        (_labels(), "labels.csv names no picture"),
    ],
)
def test_what_is_wrong_is_named_with_the_place(folder, spoil, says):
    spoil(folder)
    with pytest.raises(ValueError, match=says):
        images(folder)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"has neither labels\.csv nor a folder for each class"):
        images(tmp_path)


@pytest.mark.parametrize("size", [0, (3,), (3, -1), (2.0, 2), (1, 2, 3)])
def test_an_impossible_size_is_refused(tmp_path, size):
    with pytest.raises(ValueError, match="in pixels >= 1"):
        images(tmp_path, size)
