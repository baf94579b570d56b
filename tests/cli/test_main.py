"""The command: its output, its exit status, its one line about a mistake."""

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import jax
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

import jsgd
from jsgd.cli import main, programs
from jsgd.cli.devices import every_core_a_device
from jsgd.cli.main import _parser
from jsgd.cli.task import Task
from jsgd.sweeps import drive
from jsgd.sweeps.population import Population

QUICK = ["--data", "linear_regression", "--epochs", "2"]


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_sweep(tmp_path, capsys):
    space = ["lr=log:1e-3:10:5", "momentum=0,0.9"]
    assert main(["sweep", *space, *QUICK, "--epochs", "10", "--seeds", "1", "--out", "out"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert "10 settings x 1 seeds = 10 members" in out
    header = next(i for i, line in enumerate(lines) if line.startswith("rank"))
    assert lines[header].split() == ["rank", "lr", "momentum", "test_loss", "+-", "status"]
    assert [line.split()[0] for line in lines[header + 1 : header + 11]] == [
        str(rank) for rank in range(1, 11)
    ]
    assert "diverged at step" in lines[header + 10]
    assert "of 10 settings diverged" in lines[-2]
    assert lines[-1].startswith("written to out: checkpoint, curves.npz, curves.png, heatmap.png")
    assert "\x1b" not in out
    assert "\r" not in out
    page = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert page["status"] == "COMPLETED"
    assert page["best_params"]["lr"] < 10


def test_rungs(capsys):
    words = ["sweep", "lr=0.001,0.01,0.1", *QUICK, "--epochs", "4", "--seeds", "1"]
    assert main([*words, "--rungs", "1,2", "--reduction-factor", "2"]) == 0
    out = capsys.readouterr().out
    assert "after epoch 1: 2 of 3 settings left" in out
    ends = [line.split()[-1] for line in out.splitlines() if line.strip()]
    assert [x for x in ends if x in ("completed", "stopped")] == ["completed", "stopped", "stopped"]


def test_what_changes_the_program_is_swept_in_groups(capsys):
    words = ["optimizer=sgd,adam", "batch_size=16,32", "lr=0.01", "--seeds", "1"]
    assert main(["sweep", *words, *QUICK]) == 0
    out = capsys.readouterr().out
    assert "4 groups, 4 compilations" in out
    rows = [line.split()[1:4] for line in out.splitlines() if "completed" in line]
    assert sorted(rows) == [
        ["adam", "16", "0.01"], ["adam", "32", "0.01"], ["sgd", "16", "0.01"],
        ["sgd", "32", "0.01"],
    ]  # fmt: skip


def test_numbers_of_a_network_are_options_of_it():
    task = Task(_parser().parse_args(["train"]), {"hidden": 8.0, "lr": 0.1})
    assert task.options == ["hidden"]
    run = task.make(hidden=8.0)
    carry = jax.eval_shape(run.init, jax.random.key(0), {"lr": jax.numpy.float32(0.1)})
    assert carry.params["out"]["kernel"].shape == (8, 10)


def test_a_random_sweep_draws_n_and_writes_beside_the_last(tmp_path, capsys):
    words = ["sweep", "lr=loguniform:1e-3:0.1", "--n", "3", "--seeds", "1", *QUICK]
    assert main(words) == 0
    assert main(words) == 0
    assert "3 settings x 1 seeds" in capsys.readouterr().out
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_sampler_is_named_and_written_down(tmp_path, capsys):
    words = ["lr=normal:0.05:0.001", "momentum=normal:0.5:0.1", "--n", "3", "--seeds", "1"]
    assert main(["sweep", *words, *QUICK, "--sampler", "sobol", "--out", "out"]) == 0
    page = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert page["sampler"] == "sobol"
    assert page["space"]["lr"] == {"kind": "normal", "mean": 0.05, "std": 0.001}
    assert capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """What `jsgd sweep` printed, and the directory to which it wrote."""
    out, printed = tmp_path_factory.mktemp("sweep") / "swept", io.StringIO()
    words = ["lr=log:1e-3:10:4", "momentum=0,0.9", *QUICK, "--epochs", "10", "--seeds", "1"]
    with redirect_stdout(printed):
        assert main(["sweep", *words, "--out", str(out)]) == 0
    return printed.getvalue().splitlines(), out


@pytest.fixture
def swept(sweep, tmp_path):
    """What it printed, the test having a copy of what it wrote, `swept`."""
    printed, out = sweep
    shutil.copytree(out, tmp_path / "swept")
    return printed


@pytest.mark.parametrize("out", [None, "elsewhere/deep"])
def test_show_prints_the_table_and_draws_the_pictures_again(out, swept, tmp_path, capsys):
    shutil.rmtree(tmp_path / "swept" / "checkpoint")
    files = {x.name: x.read_bytes() for x in (tmp_path / "swept").iterdir()}
    pictures = {name for name in files if name.endswith(".png")}
    if out is None:
        for name in pictures:
            (tmp_path / "swept" / name).write_bytes(b"old")
    assert main(["show", "swept", *(["--out", out] if out else [])]) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    *table, last = printed.splitlines()
    assert table == swept[-len(table) - 1 : -1]
    assert table[0].startswith("rank")
    assert table[-1].startswith("best test_loss")
    assert last == f"drawn into {out or 'swept'}: {', '.join(sorted(pictures))}"
    drawn = {x.name: x.read_bytes() for x in (tmp_path / (out or "swept")).iterdir()}
    assert set(drawn) == (pictures if out else set(files))
    assert all(drawn[name].startswith(b"\x89PNG") for name in pictures)
    if out:
        assert {x.name: x.read_bytes() for x in (tmp_path / "swept").iterdir()} == files


def test_show_says_that_a_sweep_is_not_finished(tmp_path, capsys, monkeypatch):
    """The second epoch is never over."""
    advance = Population.advance

    def interrupted(self):
        if (tmp_path / "out" / "sweep.json").exists():
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(Population, "advance", interrupted)
    monkeypatch.setattr(drive, "_SAVE_EVERY", 0.0)
    assert main(["sweep", "lr=0.1,0.2", *QUICK, "--out", "out"]) == 130
    capsys.readouterr()
    assert main(["show", "out"]) == 0
    out = capsys.readouterr().out
    assert "running" in out.splitlines()[1]
    assert "the sweep is running, or was stopped" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "nothing"], "nothing holds no sweep: it has no sweep.json"),
        (["show", "foreign"], "sweep.json is not of a sweep"),
        (["show", "swept", "--out", "foreign/sweep.json"], "cannot write into foreign/sweep.json"),
        (["show"], "required: DIR"),
    ],
)
def test_show_says_in_a_line_what_is_wrong(swept, words, message, tmp_path, capsys):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "sweep.json").write_text("{}")
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert {x.name for x in tmp_path.iterdir()} == {"swept", "foreign"}


def test_train(capsys):
    assert main(["train", "lr=0.1", "momentum=0.5", *QUICK, "--epochs", "40"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("loss 0.0")
    assert "test_loss 0.0" in last


def test_train_that_diverges_says_when(capsys):
    assert main(["train", "lr=1e30", *QUICK]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("diverged at step ")


def test_list_has_everything_there_is(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    shelves = (jsgd.optimizers, jsgd.wrappers, jsgd.schedules, jsgd.models, jsgd.data)
    for shelf in shelves:
        assert shelf.__name__.removeprefix("jsgd.") in out
        for name in shelf.REGISTRY:
            assert any(line.split()[:1] == [name] for line in out.splitlines()), name
    assert "lr=0.01, momentum=None" in out
    assert "partial" not in out
    assert "blocks=(3, 4, 6, 3)" in out


def test_list_of_one_is_its_whole_docstring(capsys):
    assert main(["list", "adam"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("optimizers: adam(lr=0.001, b1=0.9")
    assert "Kingma" in out


def test_list_of_a_name_on_two_shelves_shows_both(capsys):
    assert main(["list", "linear"]) == 0
    out = capsys.readouterr().out
    assert "schedules: linear(" in out
    assert "models: linear(" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep", "--optimizer", "sdg"], "no optimizer 'sdg': did you mean 'sgd'?"),
        (["sweep", "--model", "cn"], "no model 'cn': did you mean 'cnn'?"),
        (["sweep", "--data", "digit"], "no data set 'digit'; there are: digits, "),
        (["sweep", "lrr=0.1", *QUICK], "no hyperparameter 'lrr': did you mean 'lr'?"),
        (["sweep", "lr=-0.1,0.1", *QUICK], "lr = -0.1"),
        (["train", "lr=-0.1", *QUICK], "lr = -0.1"),
        (["train", "momentum=1.5", *QUICK], "momentum = 1.5: momentum must be in [0, 1]"),
        (["sweep", "lr=", *QUICK], "'lr=' is not NAME=VALUES"),
        (["sweep", "lr=log:1:0.1:4", *QUICK], "a log grid needs 0 < low < high"),
        (["sweep", "lr=log:1", *QUICK], "it must be log:LOW:HIGH:COUNT"),
        (["sweep", "lr=0.1", *QUICK, "--out", "file/below"], "cannot write into file/below"),
        (["sweep", "lr=0.1", *QUICK, "--out", "file"], "cannot write into file"),
        (["sweep", "lr=0.1", *QUICK, "--layout", "fast"], "layout = 'fast'"),
        (["sweep", "lr=0.1", *QUICK, "--metric", "accuracy"], "no metric 'accuracy'"),
        (["sweep", "lr=0.1", *QUICK, "--seeds", "0"], "one seed or more"),
        (["sweep", "lr=0.1", *QUICK, "--rungs", "a"], "--rungs a: whole numbers"),
        (["sweep", "lr=0.1", *QUICK, "--rungs", "2"], "rungs = (2,): they must be whole and rise"),
        (["sweep", "lr=0.1", *QUICK, "--reduction-factor", "1"], "reduction_factor = 1.0"),
        (["sweep", "lr=0.1", *QUICK, "--n", "4"], "leave n out"),
        (["sweep", "lr=uniform:0:1", *QUICK, "--n", "0"], "n = 0"),
        (["sweep", "lr=uniform:0:1", *QUICK, "--sampler", "sobl"], "did you mean 'sobol'?"),
        (["sweep", "lr=0.1", *QUICK, "--sampler", "sobol"], "leave the sampler out"),
        (["sweep", "lr=normal:-1:0.1", *QUICK], "lr must be in [0, inf)"),
        (["sweep", "lr=0.1", *QUICK, "--batch-size", "0"], "batch_size = 0"),
        (["sweep", "lr=0.1", *QUICK, "--epochs", "0"], "epochs = 0"),
        (["sweep", "lr=0.1", *QUICK, "--devices", "0"], "--devices 0"),
        (["sweep", "lr=0.1", *QUICK, "--model", "cnn"], "a CNN of 2 blocks takes images"),
        (["sweep", "lr=0.1", *QUICK, "--scheduler", "hyperbond"], "did you mean 'hyperband'?"),
        (["sweep", "lr=0.1", *QUICK, "--resume"], "--resume: say where"),
        (["sweep", "lr=0.1", *QUICK, "--memory", "2 apples"], "memory = '2 apples'"),
        (["sweep", "lr=0.1", *QUICK, "--folds", "1"], "folds = 1"),
        (["sweep", "lr=fast,slow", *QUICK], "lr = 'fast': it is no number"),
        (["sweep", "optimizer=sgd,adm", *QUICK], "no optimizer 'adm': did you mean 'adam'?"),
        (["sweep", "lr=0.1", "batch_size=8,0", *QUICK], "batch_size = 0"),
        (["sweep", "lr=0.1", *QUICK, "--microbatch", "5"], "a divisor of the batch size 32"),
        (["list", "nadm"], "no entry 'nadm': did you mean 'nadam'?"),
        (["sweep", "--epochs", "many"], "invalid int value: 'many'"),
        (["swep"], "invalid choice: 'swep'"),
        ([], "required: COMMAND"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, capsys, words, message):
    (tmp_path / "file").write_text("")
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert err.startswith("jsgd: ")
    assert err.count("\n") == 1
    assert message in err
    assert out == ""
    assert [x.name for x in tmp_path.iterdir()] == ["file"]


def test_results_are_not_overwritten(tmp_path, capsys):
    words = ["sweep", "lr=0.1", *QUICK, "--seeds", "1", "--out", "out"]
    assert main(words) == 0
    before = (tmp_path / "out" / "results.csv").read_bytes()
    assert main(words) == 2
    assert "out holds the results of a sweep" in capsys.readouterr().err
    assert (tmp_path / "out" / "results.csv").read_bytes() == before


def test_an_interruption_is_status_130(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(drive, "plan", interrupted)
    assert main(["sweep", "lr=0.1", *QUICK, "--out", "out"]) == 130
    out, err = capsys.readouterr()
    assert "nothing was finished yet" in out
    assert err == "jsgd: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_devices_once_jax_has_started(monkeypatch):
    every_core_a_device()  # what is settled stays
    assert jax.local_device_count() == 2
    every_core_a_device(2)
    with pytest.raises(ValueError, match="--devices 3: JAX has started with other devices"):
        every_core_a_device(3)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache of compiled programs, which tests do without, below a place of their own."""
    monkeypatch.setattr(programs, "_LEAST", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    jax.config.update("jax_enable_compilation_cache", True)
    reset_cache()
    yield tmp_path / "home"
    jax.config.update("jax_enable_compilation_cache", False)
    jax.config.update("jax_compilation_cache_dir", None)
    reset_cache()


def test_programs_are_kept(cache):
    read = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: read.append(event) if "retrieval" in event else None
    )
    assert main(["sweep", "lr=0.1", *QUICK, "--out", "one"]) == 0
    assert list((cache / "jsgd" / "programs").glob("jit_chunk*-cache"))
    assert not read
    jax.clear_caches()
    assert main(["sweep", "lr=0.1", *QUICK, "--out", "two"]) == 0
    assert read
    assert Path("one/results.csv").read_text() == Path("two/results.csv").read_text()


def test_a_cache_that_cannot_be_is_none(cache):
    cache.touch()
    assert main(["list", "sgd"]) == 0
    assert jax.config.values["jax_compilation_cache_dir"] is None


def test_the_process():
    """A fresh process: every device there is, a bar that is plain text, the module as a command."""
    env = {k: v for k, v in os.environ.items() if k not in ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS")}
    env |= {"PYTHONPATH": os.path.dirname(os.path.dirname(jsgd.__file__)), "JAX_PLATFORMS": "cpu"}
    words = ["sweep", "lr=0.01,0.1,0.2", *QUICK, "--seeds", "1", "--devices", "3", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-m", "jsgd", *words], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 chunk of 1 on each of 3 CPU devices" in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
