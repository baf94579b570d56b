"""Resume: a sweep that was interrupted ends as if it had not been, or is refused with a reason."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scripts import run_script

import jsgd
from jsgd.sweeps import (
    choice,
    drive,
    hyperband,
    median_stopping,
    population_based,
    sweep,
    uniform,
)
from jsgd.sweeps.result import SweepResult
from jsgd.train import Run

EPOCHS = 8
LAYOUT = ("chunk", 2)


def make(power=1.0, kind="plain"):
    """The score of a setting climbs by its speed, with noise of its own; 0.5 and above diverges."""

    def init(key, hyper):
        return {"key": key, "x": jnp.float32(0), "t": jnp.int32(0), **hyper}

    def advance(carry):
        key, noise_key = jax.random.split(carry["key"])
        noise = jax.random.normal(noise_key) if kind == "noisy" else 0
        x = carry["x"] + carry["speed"] ** power + 0.01 * noise
        x = jnp.where(carry["speed"] > 0.5, jnp.nan, x)
        t = carry["t"] + 1
        return carry | {"key": key, "x": x, "t": t}, {"score": x, "step": t}

    return Run(init, advance, lambda carry, hyper: carry | hyper)


RUN = make(kind="noisy")
SPACE = {"speed": uniform(0, 0.6)}
SWEEPS = {
    "plain": (RUN, SPACE, {"n": 7, "seeds": 2}),
    "halving": (RUN, SPACE, {"n": 9, "rungs": (2, 4)}),
    "hyperband": (RUN, SPACE, {"n": 12, "scheduler": hyperband(EPOCHS, reduction_factor=2)}),
    "median": (RUN, SPACE, {"n": 7, "seeds": 2, "scheduler": median_stopping()}),
    "evolution": (RUN, SPACE, {"n": 8, "scheduler": population_based(every=2)}),
    "tpe": (RUN, SPACE, {"n": 7, "sampler": "tpe", "at_once": 3}),
    "groups": (make, {"kind": ["plain", "noisy"], "speed": [0.1, 0.2, 0.6], "power": [1, 2]}, {}),
    "conditions": (
        make,
        {"kind": choice({"plain": {"power": [1, 2, 3]}, "noisy": {}}), "speed": [0.1, 0.2]},
        {"n": 9},
    ),
}


def swept(run, space, **how):
    fixed = {"epochs": EPOCHS, "metric": "score", "layout": LAYOUT, "progress": False}
    return sweep(run, space, **fixed | how)


def same(a, b):
    """Bit for bit."""
    assert a.table.keys() == b.table.keys()
    for name, x in a.table.items():
        assert x.tobytes() == b.table[name].tobytes(), name
    assert a.curves.keys() == b.curves.keys()
    for name, x in a.curves.items():
        assert x.tobytes() == b.curves[name].tobytes(), name
    assert (a.metric, a.mode, a.space) == (b.metric, b.mode, b.space)


class Killed(Exception):
    pass


@pytest.fixture
def kill(monkeypatch):
    """Sweeps save after every epoch, and are killed after so many saves of this session."""
    monkeypatch.setattr(drive, "_SAVE_EVERY", 0.0)
    monkeypatch.setattr(drive, "_SAVE_SHARE", np.inf)
    save, left = drive.Drive._save, [0]

    def killed(self):
        save(self)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(drive.Drive, "_save", killed)

    def after(saves):
        left[0] = saves

    return after


@pytest.mark.parametrize("name", SWEEPS)
def test_killed_again_and_again_it_ends_as_it_would_have(name, kill, tmp_path):
    run, space, how = SWEEPS[name]
    whole, sessions = swept(run, space, **how), 0
    while True:
        kill(3)
        sessions += 1
        try:
            result = swept(run, space, out=tmp_path, resume=True, **how)
            break
        except Killed:
            assert "RUNNING" in SweepResult.load(tmp_path).table["status"]
    assert sessions >= 3
    same(result, whole)
    same(SweepResult.load(tmp_path), whole)
    for a, b in zip(*(jax.tree.leaves(x.best_run().carry["x"]) for x in (result, whole))):
        assert a == b
    hidden = [x.name for x in tmp_path.rglob("*") if x.name.startswith(".") or "tmp" in x.name]
    assert not hidden
    assert len(list((tmp_path / "checkpoint").iterdir())) == 1


def test_a_finished_sweep_is_returned_without_running_it(tmp_path):
    runs = []

    def advance(carry):
        jax.debug.callback(lambda: runs.append(1))
        return RUN.advance(carry)

    how = {"n": 3, "out": tmp_path, "resume": True}
    first, second = (swept(RUN._replace(advance=advance), SPACE, **how) for _ in range(2))
    jax.effects_barrier()
    same(first, second)
    assert len(runs) <= 4 * EPOCHS
    assert second.best_run().carry["t"] == EPOCHS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {"speed": uniform(0, 0.7)}}, "space: speed: high was 0.6, and is 0.7 now"),
        ({"space": {"speed": uniform(0, 0.6), "power": 1}}, "space: power was not there"),
        ({"n": 6}, "settings was 5, and is 6 now"),
        ({"key": 1}, r"key was \[0, 0\], and is \[0, 1\] now"),
        ({"epochs": 9}, "epochs was 8, and is 9 now"),
        ({"rungs": (2,)}, r"scheduler was None, and is Halving\(rungs=\(2,\)"),
        ({"seeds": [1]}, r"seeds was \[0\], and is \[1\] now"),
        ({"run": make(power=2.0, kind="noisy")}, "the program of an epoch is another one"),
        ({"run": RUN._replace(init=lambda k, h: RUN.init(k, h) | {"x": jnp.ones(())})}, "begins"),
        ({"run": RUN._replace(init=lambda k, h: RUN.init(k, h) | {"y": 0.0})}, "carry: y was not"),
    ],
)
def test_another_sweep_is_refused(change, message, kill, tmp_path):
    kill(2)
    with pytest.raises(Killed):
        swept(RUN, SPACE, n=5, out=tmp_path)
    before = {x: x.read_bytes() for x in tmp_path.rglob("*") if x.is_file()}
    how = {"run": RUN, "space": SPACE, "n": 5} | change
    with pytest.raises(ValueError, match=f"another sweep than the one to resume: .*{message}"):
        swept(**how, out=tmp_path, resume=True)
    assert before == {x: x.read_bytes() for x in tmp_path.rglob("*") if x.is_file()}


def test_a_changed_optimizer_is_told_by_what_it_carries(run, kill, tmp_path):
    how = {"epochs": 3, "metric": "loss"}
    kill(1)
    with pytest.raises(Killed):
        swept(run, {"lr": [0.1, 0.2]}, out=tmp_path, **how)
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    other = jsgd.train.make_run(jsgd.train.regression(model, data), jsgd.adam())
    with pytest.raises(ValueError, match=r"carry: .* was float32.*, and is not there now"):
        swept(other, {"lr": [0.1, 0.2]}, out=tmp_path, resume=True, **how)


def test_resume_needs_a_directory_and_something_that_can_be_gone_on_with(tmp_path):
    with pytest.raises(ValueError, match="resume: name the directory"):
        swept(RUN, SPACE, n=2, resume=True)
    swept(RUN, SPACE, n=2).save(tmp_path, pictures=False)
    with pytest.raises(ValueError, match="holds results alone"):
        swept(RUN, SPACE, n=2, out=tmp_path, resume=True)
    with pytest.raises(ValueError, match="name another directory, or go on with it"):
        swept(RUN, SPACE, n=2, out=tmp_path)


def test_a_sampler_without_a_seed_cannot_be_gone_on_with(kill, tmp_path):
    import optuna

    kill(9)  # in the second batch
    how = {"n": 6, "at_once": 3, "out": tmp_path, "resume": True}
    with pytest.raises(Killed):
        swept(RUN, SPACE, sampler=optuna.samplers.RandomSampler(), **how)
    with pytest.raises(ValueError, match="proposed other values of speed: give it a seed"):
        swept(RUN, SPACE, sampler=optuna.samplers.RandomSampler(), **how)


def test_when_time_is_up_what_runs_is_stopped_and_can_be_gone_on_with(tmp_path):
    whole = swept(RUN, SPACE, n=4)
    part = swept(RUN, SPACE, n=4, out=tmp_path, timeout=1e-9)
    assert set(part.table["status"]) <= {"STOPPED", "DIVERGED"}
    assert part.curves["score"].shape[-1] == 1
    assert part.best_run().history["score"].shape == (1,)
    same(swept(RUN, SPACE, n=4, out=tmp_path, resume=True), whole)


def test_killed_at_random_moments_the_files_are_what_they_would_have_been(tmp_path):
    printed = run_script(Path(__file__).parent / "kills.py", tmp_path)
    *kills, end = printed.splitlines()
    assert len(kills) == 20
    assert any("sweep.json" in line for line in kills)
    whole = SweepResult.load(tmp_path / "whole")
    for i in range(int(end.split()[1])):
        out = tmp_path / f"killed{i}"
        same(SweepResult.load(out), whole)
        table, reference = (x / "results.csv" for x in (out, tmp_path / "whole"))
        assert table.read_bytes() == reference.read_bytes()
        names = {x.name for x in out.iterdir()}
        assert names == {x.name for x in (tmp_path / "whole").iterdir()}
        assert len(list((out / "checkpoint").iterdir())) == 1
