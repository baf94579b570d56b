"""`sweep`: a member is itself whatever is around it; mistakes come out before training."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from jsgd.sweeps import drive, hyperband, loguniform, quniform, settings, sweep
from jsgd.sweeps.result import SweepResult
from jsgd.train import Run, fit

EPOCHS = 3


def swept(run, space, **how):
    how = {"epochs": EPOCHS, "layout": "vmap", "progress": False} | how
    return sweep(run, space, **how)


@pytest.fixture(scope="module")
def result(run):
    return swept(run, {"lr": [0.01, 0.1, 0.5], "momentum": [0.0, 0.9]}, seeds=2)


def test_the_table_has_a_row_per_setting_and_the_curves_an_entry_per_member(result):
    assert result.table["param_lr"].tolist() == [0.01, 0.01, 0.1, 0.1, 0.5, 0.5]
    assert result.table["param_momentum"].tolist() == [0.0, 0.9] * 3
    assert {len(x) for x in result.table.values()} == {6}
    assert {x.shape for x in result.curves.values()} == {(6, 2, EPOCHS)}
    assert set(result.table["status"]) == {"COMPLETED"}
    assert result.table["n_steps"].tolist() == [15] * 6


def test_the_score_is_the_mean_over_seeds_at_the_final_epoch(result):
    final = result.curves["test_accuracy"][..., -1].astype(float)
    np.testing.assert_allclose(result.table["mean_score"], final.mean(1))
    np.testing.assert_allclose(result.table["std_score"], final.std(1))
    assert result.best_score == result.table["mean_score"].max()
    assert result.best_params == result.params(int(np.argmin(result.table["rank"])))


@pytest.mark.parametrize(("setting", "seed"), [(1, 0), (4, 1)])
def test_a_member_is_the_solo_run_with_its_seed(run, result, setting, seed):
    key = jax.random.fold_in(jax.random.key(0), seed)
    solo = fit(run, epochs=EPOCHS, key=key, hyper=result.params(setting), progress=False)
    for name, x in result.curves.items():
        np.testing.assert_allclose(x[setting, seed], solo.history[name], rtol=1e-5, atol=1e-5)


def test_neither_position_nor_company_shows_by_a_bit(run, result):
    """The same members in another order, with others, beside seeds of other numbers."""
    other = swept(run, {"momentum": [0.9, 0.3, 0.0], "lr": [0.5, 0.01]}, seeds=[4, 1])
    for i in range(6):
        lr, momentum = other.table["param_lr"][i], other.table["param_momentum"][i]
        here = (result.table["param_lr"] == lr) & (result.table["param_momentum"] == momentum)
        for name, x in result.curves.items():
            np.testing.assert_array_equal(
                other.curves[name][i : i + 1][: here.sum(), 1], x[here, 1]
            )


def test_neighbours_that_diverge_change_nothing_and_come_last(run):
    healthy = [0.01, 0.1, 0.2, 0.3]
    wild = [0.01, 1e30, 0.2, 1e38]
    a, b = (swept(run, {"lr": lrs}, metric="test_loss") for lrs in (healthy, wild))
    for name, x in a.curves.items():
        np.testing.assert_array_equal(b.curves[name][[0, 2]], x[[0, 2]])
    assert b.table["status"].tolist() == ["COMPLETED", "DIVERGED", "COMPLETED", "DIVERGED"]
    assert set(b.table["rank"][[1, 3]]) == {3, 4}
    assert np.isnan(b.table["mean_score"][[1, 3]]).all()
    assert (b.table["first_bad_step"][[1, 3]] >= 1).all()
    assert (b.table["first_bad_step"][[0, 2]] == -1).all()
    assert b.best_params["lr"] in (0.01, np.float64(0.2))


def test_a_problems_hyperparameter_is_swept_like_an_optimizers(run):
    result = swept(run, {"dropout": [0.0, 0.9], "label_smoothing": [0.0, 0.5]}, metric="loss")
    assert len(set(result.table["mean_score"])) == 4


def test_random_draws_come_from_the_key(run):
    space = {"lr": loguniform(1e-3, 1)}
    a, b, c = (swept(run, space, n=3, key=k, epochs=1) for k in (1, jax.random.key(1), 2))
    np.testing.assert_array_equal(a.table["param_lr"], b.table["param_lr"])
    np.testing.assert_array_equal(a.curves["loss"], b.curves["loss"])
    assert (a.table["param_lr"] != c.table["param_lr"]).all()


def test_a_list_of_spaces_is_one_population_with_one_table(solver, tmp_path):
    space = [{"a": loguniform(1, 9), "b": 0}, {"a": [2.0, 4.0], "b": quniform(1, 2, 0.5)}]
    result = swept(solver, space, n=4, sampler="sobol", metric="residual", out=tmp_path)
    points = settings(space, 4, [0, 0], "sobol")
    for name, x in points.items():
        np.testing.assert_array_equal(result.table[f"param_{name}"], x)
    assert len(result.table["rank"]) == 8
    page = json.loads((tmp_path / "sweep.json").read_text())
    assert page["sampler"] == "sobol"
    assert page["space"]["b"]["kind"] == "either"
    assert [x["kind"] for x in page["space"]["b"]["parts"]] == ["grid", "quniform"]
    assert {x.name for x in tmp_path.iterdir()} >= {"heatmap.png", "sensitivity.png"}


@pytest.mark.parametrize(
    ("space", "how", "name"),
    [
        ([{"a": [2.0]}, {"a": [3.0]}], {}, "grid"),
        ({"a": loguniform(1, 9)}, {"n": 2}, "random"),
        ({"a": loguniform(1, 9)}, {"n": 2, "sampler": qmc.LatinHypercube(1)}, "LatinHypercube"),
    ],
)
def test_the_result_says_how_its_settings_were_found(solver, space, how, name):
    assert swept(solver, space, metric="residual", **how).info["sampler"] == name


@pytest.fixture(scope="module")
def solver():
    """A run that is no training: Newton's iteration for a square root, from a random start."""

    def init(key, hyper):
        return {"x": jax.random.uniform(key, minval=1.0, maxval=2.0), "a": hyper["a"]}

    def advance(carry):
        x = (carry["x"] + carry["a"] / carry["x"]) / 2
        return carry | {"x": x}, {"residual": jnp.abs(x * x - carry["a"]), "root": x}

    return Run(init, advance)


def test_any_program_can_be_swept(solver):
    result = swept(solver, {"a": [2.0, 9.0, float(2**20)]}, seeds=3, epochs=8, metric="residual")
    assert result.mode == "min"
    roots = result.curves["root"][:2, :, -1]
    np.testing.assert_allclose(roots, np.sqrt([[2.0] * 3, [9.0] * 3]), rtol=1e-6)
    assert result.table["rank"][2] == 3
    assert result.table["n_steps"].tolist() == [8] * 3


def test_a_program_that_does_not_say_when_it_diverged_shows_it_by_its_score():
    def advance(carry):
        return carry * carry, {"score": carry}

    run = Run(lambda key, hyper: hyper["x"], advance)
    result = swept(run, {"x": [0.5, 1e20]}, epochs=4, metric="score")
    assert result.table["status"].tolist() == ["COMPLETED", "DIVERGED"]
    assert result.table["first_bad_step"].tolist() == [-1, 2]


@pytest.mark.parametrize(
    ("space", "how", "message"),
    [
        ({}, {}, "the space is empty"),
        ({"lr": [-0.1, 0.1]}, {}, r"lr = -0.1\d*: lr must be in \[0, inf\)"),
        ({"lr": [0.1], "momentum": [0.9, 1.5]}, {}, "momentum = 1.5: momentum must be in"),
        ({"dropout": [0.0, 1.0]}, {}, "dropout = 1.0: dropout must be in"),
        ({"rl": [0.1]}, {}, "no hyperparameter 'rl': did you mean 'lr'"),
        ({"lr": loguniform(0.1, 1)}, {"n": 2, "sampler": "sobel"}, "did you mean 'sobol'"),
        ({"lr": ["fast"]}, {}, "lr = 'fast': it is no number"),
        ({"lr": [0.1]}, {"folds": 1}, "folds = 1"),
        ({"lr": [0.1]}, {"folds": 2}, "no hyperparameter 'fold'"),
        ({"lr": [0.1]}, {"timeout": 0}, "timeout = 0"),
        ({"lr": [0.1]}, {"at_once": 1}, "at_once = 1: only a sampler of Optuna's"),
        ({"lr": loguniform(0.1, 1)}, {"sampler": "tpe"}, "n = None"),
        ({"lr": [0.1]}, {"scheduler": hyperband(9)}, "max_t = 9 is not epochs = 3"),
        ({"lr": [0.1]}, {"scheduler": hyperband(3), "rungs": (1,)}, "rungs or a scheduler"),
        ({"lr": [0.1]}, {"metric": "test_acuracy"}, "did you mean 'test_accuracy'"),
        ({"lr": [0.1]}, {"mode": "best"}, "mode = 'best'"),
        ({"lr": [0.1]}, {"epochs": 0}, "epochs = 0"),
        ({"lr": [0.1]}, {"seeds": 0}, "one seed or more"),
        ({"lr": [0.1]}, {"layout": "chunks"}, "layout = 'chunks'"),
    ],
)
def test_a_mistake_is_found_before_anything_is_made(run, tmp_path, space, how, message):
    with pytest.raises(ValueError, match=message):
        swept(run, space, out=tmp_path / "out", **how)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("shape", ["vector", "changed"])
def test_a_program_that_is_no_run_is_refused(shape):
    def advance(carry):
        metric = jnp.zeros(3) if shape == "vector" else carry
        return carry if shape == "vector" else carry[None], {"score": metric}

    run = Run(lambda key, hyper: hyper["x"], advance)
    message = "metrics are scalars" if shape == "vector" else "advance turned"
    with pytest.raises(ValueError, match=message):
        swept(run, {"x": [1.0]}, metric="score")


def test_an_out_that_cannot_be_written_is_found_before_training(run, tmp_path):
    (tmp_path / "file").write_text("")
    untouched = Run(run.init, run.advance)
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match="cannot write into"):
            swept(untouched, {"lr": [0.1]}, out=out)
    assert [x.name for x in tmp_path.iterdir()] == ["file"]


def test_results_are_saved_as_they_come_and_survive_an_interruption(solver, tmp_path, monkeypatch):
    """The third save is interrupted: what the second wrote is there, whole, and nothing else."""
    monkeypatch.setattr(drive, "_SAVE_EVERY", 0.0)
    monkeypatch.setattr(drive, "_SAVE_SHARE", np.inf)
    saves, save = [], SweepResult.save

    def interrupted(self, out, pictures=True):
        saves.append(self.curves["residual"].shape[-1])
        if len(saves) == 3:
            raise KeyboardInterrupt
        return save(self, out, pictures)

    monkeypatch.setattr(SweepResult, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        swept(solver, {"a": [2.0, 3.0]}, epochs=6, metric="residual", out=tmp_path / "out")
    assert saves == [1, 2, 3]
    files = {x.name for x in (tmp_path / "out").iterdir()}
    assert files == {"results.csv", "sweep.json", "curves.npz", "checkpoint"}
    page = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert page["status"] == "RUNNING"
    assert SweepResult.load(tmp_path / "out").curves["root"].shape[-1] == 2
    assert "RUNNING" in (tmp_path / "out" / "results.csv").read_text()


def test_interrupted_before_the_first_save_it_leaves_nothing(solver, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(drive.Population, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        swept(solver, {"a": [2.0]}, metric="residual", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_each_program_is_traced_once_for_all_epochs_and_chunks(run):
    traces = []

    def advance(carry):
        traces.append(1)
        return run.advance(carry)

    counted = Run(run.init, advance)
    swept(counted, {"lr": [0.1] * 9}, epochs=4, layout=("chunk", 2))
    assert len(traces) == 2  # the check beforehand, and the program


def test_progress_off_a_terminal_is_plain(solver, capsys):
    swept(solver, {"a": [2.0, 3.0]}, metric="residual", progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sweep 0/6 compiling"
    assert lines[1].startswith("2 settings x 1 seeds = 2 members: 1 chunk of 1 on each of 2 CPU")
    assert lines[-1].startswith("sweep 6/6 2 alive  best ")
    assert not any("\x1b" in line for line in lines)


def test_a_second_sweep_of_the_same_run_compiles_nothing(run):
    first, second = (swept(run, {"lr": [0.1] * 5}, key=k).info for k in (0, 1))
    assert second["compile_seconds"] < first["compile_seconds"] / 4
