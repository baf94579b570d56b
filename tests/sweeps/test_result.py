"""Results: ranks, and files that are whole or not there."""

import csv
import json

import numpy as np
import pytest

from jsgd.sweeps import SweepResult, grid, loggrid
from jsgd.sweeps.result import claimed, tabulate, write

NAN = np.nan


def table(final, mode="max", bad=None, done=True):
    """The table of settings whose seeds end with these scores."""
    scores = np.asarray(final, np.float32)[..., None]
    curves = {"score": scores, "step": np.full(scores.shape, 12, np.int32)}
    if bad is not None:
        curves["diverged_at"] = np.asarray(bad, np.int32)[..., None]
    points = {"lr": np.arange(len(scores), dtype=float)}
    return tabulate(points, curves, "score", mode, done)


@pytest.mark.parametrize(("mode", "rank"), [("max", [3, 1, 2]), ("min", [1, 3, 2])])
def test_one_is_best(mode, rank):
    assert table([[0.1], [0.9], [0.5]], mode)["rank"].tolist() == rank


@pytest.mark.parametrize("mode", ["max", "min"])
def test_nan_never_wins(mode):
    t = table([[NAN, 0.9], [0.1, 0.2], [NAN, NAN], [np.inf, 0.0], [0.3, 0.3]], mode)
    assert set(t["rank"][[0, 2, 3]]) == {3, 4, 5}
    assert t["status"].tolist() == ["DIVERGED", "COMPLETED", "DIVERGED", "DIVERGED", "COMPLETED"]


def test_one_diverged_seed_is_enough_however_good_its_score():
    """An accuracy is finite where the logits are NaN."""
    t = table([[0.99, 0.99], [0.1, 0.1]], bad=[[-1, 7], [-1, -1]])
    assert t["rank"].tolist() == [2, 1]
    assert t["first_bad_step"].tolist() == [7, -1]
    assert np.isnan(t["mean_score"][0])


def test_of_the_diverged_the_longest_lived_is_first():
    t = table([[0.0]] * 3, bad=[[3], [9], [5]])
    assert t["rank"].tolist() == [3, 1, 2]


def test_ties_go_to_the_smaller_spread_then_to_the_first():
    t = table([[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]])
    assert t["rank"].tolist() == [3, 1, 2]


def test_unfinished_settings_are_running():
    assert table([[0.1], [NAN]], done=False)["status"].tolist() == ["RUNNING", "DIVERGED"]


@pytest.fixture
def result():
    points = {"lr": np.array([1e-3, 0.1, 10.0]), "momentum": np.zeros(3)}
    curves = {
        "score": np.array([[[0.1, 0.2]], [[0.5, 0.8]], [[0.1, NAN]]], np.float32),
        "diverged_at": np.array([[[-1, -1]], [[-1, -1]], [[-1, 4]]], np.int32),
    }
    space = {"lr": loggrid(1e-3, 10, 3), "momentum": grid([0])}
    t = tabulate(points, curves, "score", "max", True)
    return SweepResult(t, curves, space, "score", "max", {"epochs": 2})


def test_the_files_say_what_the_result_says(result, tmp_path):
    files = result.save(tmp_path / "deep" / "out")
    assert {x.name for x in files} == {x.name for x in (tmp_path / "deep" / "out").iterdir()}
    rows = list(csv.DictReader(files[0].read_text().splitlines()))
    assert list(rows[0]) == list(result.table)
    for name, x in result.table.items():
        saved = np.array([row[name] for row in rows]).astype(x.dtype)
        np.testing.assert_array_equal(saved, x)
    page = json.loads(files[1].read_text())
    assert page["best_params"] == {"lr": 0.1, "momentum": 0.0} == result.best_params
    assert page["best_score"] == result.best_score == pytest.approx(0.8)
    assert page["space"]["lr"]["values"] == [0.001, 0.1, 10.0]
    assert page["epochs"] == 2
    with np.load(files[2]) as saved:
        for name, x in result.curves.items():
            np.testing.assert_array_equal(saved[name], x)


def test_the_table_as_a_frame(result):
    frame = result.to_pandas()
    assert list(frame.columns) == list(result.table)
    assert frame.sort_values("rank").iloc[0]["param_lr"] == 0.1


def test_where_everything_diverged_there_is_no_best(tmp_path):
    t = table([[NAN], [NAN]])
    curves = {"score": np.full((2, 1, 1), NAN, np.float32)}
    result = SweepResult(t, curves, {"lr": grid([0, 1])}, "score", "max")
    assert np.isnan(result.best_score)
    with pytest.raises(ValueError, match="every setting diverged"):
        _ = result.best_params
    files = result.save(tmp_path)
    assert json.loads((tmp_path / "sweep.json").read_text())["best_params"] is None
    assert len(files) == 5


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "page"
    write(path, b"old")

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("jsgd.sweeps.result.os.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_with_results_is_not_taken_again(result, tmp_path):
    result.save(tmp_path, pictures=False)
    with pytest.raises(ValueError, match="holds the results of a sweep"), claimed(tmp_path):
        pass


def test_a_directory_in_which_nothing_was_written_goes_again(tmp_path):
    with claimed(tmp_path / "out") as path:
        assert path.is_dir()
        assert list(path.iterdir()) == []
    assert not path.exists()
