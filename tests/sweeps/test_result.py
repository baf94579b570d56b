"""Results: ranks and intervals; files that are whole or not there, and say what was saved."""

import csv
import json
import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jsgd.sweeps import SweepResult, choice, grid, loggrid, loguniform, randint, settings, uniform
from jsgd.sweeps.files import claimed, write
from jsgd.sweeps.result import tabulate
from jsgd.sweeps.space import dimensions

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


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_the_interval_is_that_of_students_t(seeds):
    scores = np.random.default_rng(0).normal(size=(4, seeds)).astype(np.float32).astype(float)
    t = table(scores)
    error = scores.std(axis=1, ddof=1) / math.sqrt(seeds)
    low, high = stats.t.interval(0.95, seeds - 1, scores.mean(axis=1), error)
    np.testing.assert_allclose(t["mean_score"] - t["ci_score"], low, rtol=1e-12)
    np.testing.assert_allclose(t["mean_score"] + t["ci_score"], high, rtol=1e-12)


def test_one_seed_and_diverged_seeds_have_no_interval():
    assert np.isnan(table([[0.1], [0.2]])["ci_score"]).all()
    assert np.isnan(table([[0.1, 0.2], [0.2, NAN]])["ci_score"]).tolist() == [False, True]


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

    monkeypatch.setattr("jsgd.sweeps.files.os.replace", broken)
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


def made_up(space, n=None, mode="max", done=True):
    """One setting diverges, one is infinite on the way, some numbers are awkward to write down."""
    points = settings(space, n)
    rows = len(next(iter(points.values())))
    rng = np.random.default_rng(1)
    score = rng.random((rows, 3, 4)).astype(np.float32)
    score[0, :, -1] = -1 / 3 if mode == "max" else 3.1
    score[rows // 2, :, -1] = 1e30 if mode == "max" else -1e-30
    score[1, 0, 1] = np.inf
    score[-1, 1, 2:] = NAN
    curves = {
        "score": score,
        "a/b": rng.normal(size=score.shape) * 1e-300,
        "half": rng.random(score.shape).astype(jnp.bfloat16),
        "step": np.broadcast_to(np.arange(5, 25, 5, dtype=np.int32), score.shape),
    }
    t = tabulate(points, curves, "score", mode, done)
    info = {"epochs": 4, "seeds": [0, 1, 7], "seconds": 1 / 3, "versions": {"jsgd": "0.1"}}
    return SweepResult(t, curves, dimensions(space), "score", mode, info)


SPACES = [
    ({"lr": loggrid(1e-7, 10, 3), "momentum": grid([0, 1 / 3, 0.1 + 0.2]), "eps": 1e-8}, None),
    ({"lr": loguniform(1e-5, 1), "b": uniform(0, 1), "k": randint(1, 5), "m": choice([0, 0.9])}, 9),
    (
        {
            "o": choice(
                {'s,g"d': {"m": uniform(0, 1), "k": "é"}, " ": {"k": choice(["x", "long"])}}
            ),
            "lr": loguniform(1e-5, 1),
        },
        9,
    ),
    ([{"o": "sgd", "m": [0.0, 0.9]}, {"lr": [1e-3, 1], "m": uniform(0, 1), "n": "n/a"}], 5),
]


def assert_same(a, b):
    for x, y in ((a.table, b.table), (a.curves, b.curves)):
        assert list(x) == list(y)
        for name in x:
            assert (x[name].dtype, x[name].shape) == (y[name].dtype, y[name].shape), name
            assert x[name].tobytes() == y[name].tobytes(), name
    assert list(a.space.items()) == list(b.space.items())
    assert (a.metric, a.mode, a.info) == (b.metric, b.mode, b.info)


@pytest.mark.parametrize(("space", "n"), SPACES)
@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_what_is_loaded_is_what_was_saved(space, n, mode, done, tmp_path):
    result = made_up(space, n, mode, done)
    result.save(tmp_path, pictures=False)
    loaded = SweepResult.load(tmp_path)
    assert_same(loaded, result)
    assert loaded.best_params == result.best_params
    assert {"DIVERGED", "COMPLETED" if done else "RUNNING"} == set(loaded.table["status"])


@pytest.mark.parametrize("x", [NAN, np.inf, -np.inf, -0.0, 5e-324, 1 / 3, 1.7976931348623157e308])
def test_any_float_comes_back(x, result, tmp_path):
    result.table["mean_score"][:] = x
    result.table["std_score"] = np.float32([x if abs(x) < 1e38 else 0.1, 1 / 3, 0.1])
    result.save(tmp_path, pictures=False)
    assert_same(SweepResult.load(tmp_path), result)


def test_a_setting_has_the_names_that_apply_to_it():
    points = {
        "o": np.array(["sgd", "adam"]),
        "momentum": np.array([0.9, NAN]),
        "kind": np.array(["", "nadam"]),
        "k": np.array([4, 8]),
    }
    t = tabulate(points, {"score": np.array([[[0.1]], [[0.2]]])}, "score", "max", True)
    space = {name: grid(["sgd"]) for name in points}
    result = SweepResult(t, {}, space, "score", "max")
    assert result.params(0) == {"o": "sgd", "momentum": 0.9, "k": 4}
    assert result.best_params == {"o": "adam", "kind": "nadam", "k": 8}
    assert [type(x) for x in result.best_params.values()] == [str, str, int]


def test_a_result_where_all_diverged_comes_back(tmp_path):
    curves = {"score": np.full((2, 1, 1), NAN, np.float32)}
    space = {"lr": grid([0, 1])}
    t = tabulate(settings(space), curves, "score", "max", True)
    result = SweepResult(t, curves, space, "score", "max")
    result.save(tmp_path, pictures=False)
    assert_same(SweepResult.load(tmp_path), result)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("sweep.json", None, "holds no sweep: it has no sweep.json"),
        ("results.csv", None, "holds no sweep: it has no results.csv"),
        ("curves.npz", None, "holds no sweep: it has no curves.npz"),
        ("sweep.json", lambda x: x[: len(x) // 2], "sweep.json is cut short or no JSON"),
        ("sweep.json", lambda x: b"", "sweep.json is cut short or no JSON"),
        ("sweep.json", lambda x: b"\xff\xfe\x00", "sweep.json is cut short or no JSON"),
        ("sweep.json", lambda x: b"[1, 2]", "sweep.json is not of a sweep: it does not say"),
        ("sweep.json", lambda x: x.replace(b'"metric"', b'"m"'), "does not say 'metric'"),
        ("sweep.json", lambda x: x.replace(b'"low"', b'"lo"'), "unknown dimension"),
        ("sweep.json", lambda x: x.replace(b'"files"', b'"files": 0, "f"'), "are no digests"),
        ("results.csv", lambda x: x[: len(x) // 2], "results.csv is not the file"),
        ("results.csv", lambda x: x.replace(b"0.5", b"0.6"), "results.csv is not the file"),
        ("curves.npz", lambda x: x[:-100], "curves.npz is not the file"),
        ("curves.npz", lambda x: b"", "curves.npz is not the file"),
    ],
)
def test_files_that_are_not_those_of_a_sweep_are_named(
    name, change, message, tmp_path, monkeypatch
):
    monkeypatch.setattr("jsgd.sweeps.files._PAUSE", 0.0)
    made_up({"lr": uniform(0, 1), "k": grid([0.5])}, 5).save(tmp_path, pictures=False)
    path = tmp_path / name
    data = path.read_bytes()
    path.unlink() if change is None else path.write_bytes(change(data))
    assert change is None or path.read_bytes() != data
    with pytest.raises(ValueError, match=message) as error:
        SweepResult.load(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_there_is_no_sweep_in_a_file_or_in_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(ValueError, match=f"{path.name} holds no sweep"):
            SweepResult.load(path)


def test_a_sweep_that_is_saving_is_waited_for(result, tmp_path, monkeypatch):
    """The new table is there, and while it is waited, the new page."""
    later = SweepResult(**vars(result) | {"table": result.table | {"n_steps": np.array([9] * 3)}})
    result.save(tmp_path, pictures=False)
    later.save(tmp_path / "new", pictures=False)
    (tmp_path / "new" / "results.csv").replace(tmp_path / "results.csv")
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        (tmp_path / "new" / "sweep.json").replace(tmp_path / "sweep.json")

    monkeypatch.setattr("jsgd.sweeps.files.time.sleep", sleep)
    assert_same(SweepResult.load(tmp_path), later)
    assert len(waited) == 1


def test_info_does_not_replace_what_the_page_says(result, tmp_path):
    wrong = SweepResult(**vars(result) | {"info": {"mode": "fast"}})
    with pytest.raises(ValueError, match="info: 'mode' is what"):
        wrong.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pictures_alone(result, tmp_path):
    files = result.save_pictures(tmp_path / "deep" / "out")
    assert {x.name for x in files} == {"curves.png", "sensitivity.png"}
    assert {x.name for x in (tmp_path / "deep" / "out").iterdir()} == {x.name for x in files}
