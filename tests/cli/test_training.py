"""`jsgd train --out`, and the commands that use what it has learnt."""

import json

import numpy as np
import pytest
from PIL import Image

from jsgd.cli import main
from jsgd.data import digits
from jsgd.train import store

WORDS = [
    "train",
    "lr=0.05",
    "momentum=0.9",
    "shift=1",
    "initialiser=orthogonal",
    "--schedule",
    "cosine",
]
WORDS += ["--validation", "0.3", "--model", "mlp", "--loss", "focal", "--batch-size", "64"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A directory where 3 epochs were trained."""
    out = tmp_path_factory.mktemp("trained") / "out"
    assert main([*WORDS, "--epochs", "3", "--out", str(out)]) == 0
    return out


@pytest.fixture
def picture(tmp_path):
    file = tmp_path / "digit.png"
    pixels = (digits().test[0][0, ..., 0] * 255).astype(np.uint8)
    Image.fromarray(pixels).resize((16, 16)).save(file)
    return str(file)


def test_train_writes_what_was_asked_for(trained):
    page = json.loads((trained / "train.json").read_text())
    assert page["setting"] == {
        "lr": 0.05,
        "momentum": 0.9,
        "shift": 1.0,
        "initialiser": "orthogonal",
    }
    assert (page["steps"], page["input"], page["outputs"]) == (3 * (1005 // 64), [8, 8, 1], 10)
    names = {"checkpoints", "curves.png", "history.csv", "train.json"}
    assert names <= {x.name for x in trained.iterdir()}
    history = np.genfromtxt(trained / "history.csv", delimiter=",", names=True)
    assert history["lr"][0] > 10 * history["lr"][-1]


def test_resume_goes_on_with_the_same_command(tmp_path, capsys):
    short = ["train", "lr=0.01", "--data", "linear_regression", "--out", str(tmp_path)]
    assert main([*short, "--epochs", "1"]) == 0
    assert main([*short, "--epochs", "3", "--resume"]) == 0
    assert store.whole(tmp_path / "checkpoints") == [1, 2, 3]
    capsys.readouterr()
    before = {x: x.read_bytes() for x in tmp_path.iterdir() if x.is_file()}
    assert main([*short, "--epochs", "4", "--resume", "--optimizer", "adam"]) == 2
    assert "was trained with optimizer sgd, not adam" in capsys.readouterr().err
    assert main([*short, "--epochs", "4"]) == 2
    assert "holds a fit" in capsys.readouterr().err
    assert {x: x.read_bytes() for x in tmp_path.iterdir() if x.is_file()} == before
    assert main(["predict", str(tmp_path), "a.png"]) == 2
    assert "was not trained on pictures" in capsys.readouterr().err


def test_a_mistake_leaves_no_directory(tmp_path, capsys):
    assert main(["train", "lrr=0.1", "--out", str(tmp_path / "out")]) == 2
    assert "no hyperparameter 'lrr'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_evaluate_is_of_the_test_data_that_training_did_not_see(trained, capsys):
    assert main(["evaluate", str(trained)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("loss ")
    support = [int(line.split()[-1]) for line in out.splitlines()[3:13]]
    assert sum(support) == len(digits().test[1]) == 360
    assert (trained / "confusion.png").exists()


def test_predict_takes_pictures_for_classes(trained, picture, tmp_path, capsys):
    table = tmp_path / "p.csv"
    assert main(["predict", str(trained), picture, picture, "--csv", str(table)]) == 0
    lines = capsys.readouterr().out.splitlines()
    head, *rows = table.read_text().splitlines()
    assert head.split(",") == ["file", *map(str, range(10))]
    values = np.array([row.split(",")[1:] for row in rows], float)
    assert values.shape == (2, 10)
    said = lines[1].split()
    assert said[1] == str(values[0].argmax())
    assert float(said[2]) == pytest.approx(values[0].max(), abs=6e-4)


def test_class_names_are_those_of_the_folders(tmp_path, capsys):
    for i, name in enumerate(("dark", "light")):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for j in range(5):
            Image.new("L", (5, 6), 200 * i + j).save(folder / f"{j}.png")
    words = ["--data", f"images:{tmp_path / 'pictures'}", "--size", "4x3", "--grayscale"]
    out = str(tmp_path / "out")
    train = ["train", "lr=0.5", "--model", "linear", "--batch-size", "4", "--epochs", "20"]
    assert main([*train, *words, "--out", out, "--save-every", "20"]) == 0
    assert main(["predict", out, str(folder / "0.png")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[1] == "light"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "nowhere"], "nowhere holds nothing that `jsgd train --out` wrote"),
        (["evaluate", "{}", "--epoch", "9"], "which = 9"),
        (["evaluate", "{}", "--data", "linear_regression"], "its inputs are of shape (1,), and"),
        (["predict", "{}", "missing.png"], "there is no file missing.png"),
        (["predict", "{}", "{}/train.json"], "train.json is no picture that can be read"),
        (["predict", "{}"], "required: FILE"),
        (["train", "--resume"], "--resume: say where"),
        (["train", "--size", "8"], "--size and --grayscale are of --data images:PATH"),
        (["train", "--size", "8y", "--data", "images:x"], "--size 8y: pixels"),
        (["train", "--schedule", "cosin"], "no schedule 'cosin': did you mean 'cosine'?"),
        (["train", "--schedule", "cosine", "--optimizer", "cocob"], "cocob has no lr"),
        (["train", "--loss", "focl"], "no loss 'focl': did you mean 'focal'?"),
        (["train", "--validation", "2"], "size must be in (0, 1), got 2"),
        (["train", "lr=fast"], "lr = 'fast'"),
    ],
)
def test_a_mistake_is_one_line(trained, words, message, capsys):
    assert main([word.format(trained) for word in words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
