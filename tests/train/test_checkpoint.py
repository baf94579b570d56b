"""Checkpoints: an interrupted fit ends as if it had not been, or is refused with a reason."""

import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scripts import run_script

import jsgd
from jsgd.train import Run, checkpoint, fit, load_checkpoint, make_run, regression, store

EPOCHS, BEST, PATIENCE = 12, 7, 4


def make(power=1.0):
    """A walk whose score is best after BEST epochs; it carries one leaf of every kind."""

    def init(key, hyper):
        return {
            "key": key,
            "x": jnp.zeros(3),
            "half": jnp.bfloat16(1),
            "none": jnp.zeros((0, 2)),
            "on": jnp.bool_(True),
            "t": jnp.int32(0),
            "speed": jnp.asarray(hyper["speed"], jnp.float32),
        }

    def advance(carry):
        key, noise_key = jax.random.split(carry["key"])
        x = carry["x"] + carry["speed"] ** power * jax.random.normal(noise_key, (3,))
        t = carry["t"] + 1
        score = jnp.mean(x) - jnp.abs(t - BEST).astype(jnp.float32)
        moved = {"x": x, "half": carry["half"] * jnp.bfloat16(1.3), "on": ~carry["on"]}
        return carry | moved | {"key": key, "t": t}, {"score": score, "step": t}

    return Run(init, advance)


RUN = make()
HOW = {"epochs": EPOCHS, "hyper": {"speed": 0.1}, "monitor": "score", "progress": False}


def same(a, b):
    """Bit for bit."""
    assert a.stopped == b.stopped
    assert a.best_epoch == b.best_epoch
    assert a.history.keys() == b.history.keys()
    for name, x in a.history.items():
        assert x.tobytes() == b.history[name].tobytes(), name
    equal_carries(a.carry, b.carry)
    equal_carries(a.best, b.best)


def equal_carries(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def files(out):
    return {x: x.read_bytes() for x in out.rglob("*") if x.is_file()}


@pytest.fixture(scope="module")
def whole():
    return fit(RUN, **HOW, patience=PATIENCE, keep_best=True)


class Killed(Exception):
    pass


@pytest.fixture
def kill(monkeypatch):
    """Dies before or after every third call of a function."""

    def at(module, name, after):
        function, calls = getattr(module, name), [0]

        def dying(*args):
            calls[0] += 1
            if not after and calls[0] % 3 == 0:
                raise Killed
            function(*args)
            if after and calls[0] % 3 == 0:
                raise Killed

        monkeypatch.setattr(module, name, dying)

    return at


@pytest.mark.parametrize("save_every", [1, 3])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("module", "name"), [(store, "save"), (store, "tidy"), (checkpoint, "write")]
)
def test_killed_again_and_again_it_ends_as_it_would_have(
    module, name, after, save_every, kill, whole, tmp_path, monkeypatch
):
    kill(module, name, after)
    how = HOW | {"patience": PATIENCE, "out": tmp_path, "save_every": save_every, "keep": 2}
    sessions = 0
    while True:
        sessions += 1
        try:
            result = fit(RUN, resume=True, **how)
            break
        except Killed:
            assert sessions < 2 * EPOCHS
    assert sessions > 1
    same(result, whole)
    monkeypatch.undo()
    same(fit(RUN, resume=True, **how), whole)
    assert {x.name for x in tmp_path.iterdir()} == {"checkpoints", "history.csv"}
    last = BEST + PATIENCE
    kept = [BEST, *(x for x in range(BEST, last) if x % save_every == 0), last]
    there = store.whole(tmp_path / "checkpoints")
    assert there == sorted({BEST, *kept[-2:]})
    assert len(list((tmp_path / "checkpoints").iterdir())) == len(there)


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A fit that has done some epochs."""
    out = tmp_path_factory.mktemp("half")
    fit(RUN, **HOW | {"epochs": 5}, out=out)
    return out


def test_more_epochs_go_on_from_there_and_leave_nothing_of_a_kill_behind(half, tmp_path):
    out = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(half), str(out)], check=True)
    for name in ("6.orbax-checkpoint-tmp", ".1.tmp"):
        (out / "checkpoints" / name).mkdir()
    (out / ".history.csv.tmp").write_text("epo")
    same(fit(RUN, **HOW, out=out, resume=True), fit(RUN, **HOW, keep_best=True))
    assert {x.name for x in out.iterdir()} == {"checkpoints", "history.csv"}
    assert {x.name for x in (out / "checkpoints").iterdir()} == {"7", "10", "11", "12"}
    lines = (out / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,score,step"
    assert [line.split(",")[0] for line in lines[1:]] == [str(i + 1) for i in range(EPOCHS)]


def test_a_finished_fit_is_returned_without_running_it(half):
    runs = []

    def advance(carry):
        runs.append(1)  # when it is traced
        return RUN.advance(carry)

    before = files(half)
    result = fit(RUN._replace(advance=advance), **HOW | {"epochs": 5}, out=half, resume=True)
    same(result, fit(RUN, **HOW | {"epochs": 5}, keep_best=True))
    assert len(runs) == 1
    assert files(half) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": 1}, r"key was \[0, 0\], and is \[0, 1\] now"),
        ({"hyper": {"speed": 0.2}}, "hyper: speed was 0.1, and is 0.2 now"),
        ({"monitor": "step"}, "monitor was score, and is step now"),
        ({"run": make(2.0)}, "the program of an epoch is another one"),
        ({"run": RUN._replace(init=lambda k, h: RUN.init(k, h) | {"y": h["speed"]})}, "y was not"),
        ({"epochs": 4}, "epochs = 4: the fit in .* has done 5"),
        ({"resume": False}, "holds a fit: name another directory, or go on with it"),
    ],
)
def test_another_fit_is_refused(change, message, half):
    before, how = files(half), {"run": RUN, "out": half, "resume": True} | HOW
    with pytest.raises(ValueError, match=message):
        fit(**how | change)
    assert files(half) == before


def test_another_version_of_jax_is_refused(half, monkeypatch):
    monkeypatch.setattr(jax, "__version__", "0.1")
    with pytest.raises(ValueError, match=r"jax was .*, and is 0.1 now"):
        fit(RUN, **HOW, out=half, resume=True)


def test_a_changed_optimizer_is_told_by_what_it_carries(tmp_path):
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    opts = jsgd.sgd(), jsgd.sgd(momentum=0.9)
    run, other = (make_run(regression(model, data), opt) for opt in opts)
    fit(run, epochs=1, out=tmp_path, progress=False)
    with pytest.raises(ValueError, match=r"carry: opt_state/.* was not there, and is float32"):
        fit(other, epochs=2, out=tmp_path, resume=True, progress=False)


def test_resume_needs_a_directory():
    with pytest.raises(ValueError, match="resume: name the directory"):
        fit(RUN, **HOW, resume=True)


@pytest.mark.parametrize(("which", "epoch"), [("best", 7), ("latest", 12), (11, 11)])
def test_a_checkpoint_is_read_by_what_it_is_or_its_epoch(which, epoch, tmp_path):
    fitted = fit(RUN, **HOW, out=tmp_path, keep=2)
    carry = load_checkpoint(tmp_path, RUN, which)
    assert carry["t"] == epoch
    if epoch != 11:
        equal_carries(carry, fitted.best if which == "best" else fitted.carry)


def test_a_checkpoint_that_is_not_there_is_refused(half, tmp_path):
    with pytest.raises(ValueError, match="an epoch that is there: 3, 4, 5"):
        load_checkpoint(half, RUN, 1)
    with pytest.raises(ValueError, match="holds no checkpoints of a fit"):
        load_checkpoint(tmp_path, RUN)
    other = RUN._replace(init=lambda k, h: RUN.init(k, h) | {"y": jnp.float32(0)})
    with pytest.raises(ValueError, match="carries something else: y was not there"):
        load_checkpoint(half, other)


def test_a_schedule_among_the_hyperparameters_is_asked_for(tmp_path):
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    run, hyper = make_run(regression(model, data), jsgd.sgd()), {"lr": jsgd.schedules.constant(0.1)}
    how = {"hyper": hyper, "epochs": 1, "out": tmp_path, "resume": True, "progress": False}
    fitted = [fit(run, **how) for _ in range(2)][1]
    with pytest.raises(ValueError, match="the fit was given schedules or trees"):
        load_checkpoint(tmp_path, run)
    equal_carries(load_checkpoint(tmp_path, run, hyper=hyper), fitted.carry)


def test_a_stream_goes_on_with_its_next_chunk(tmp_path):
    x = np.arange(60, dtype=np.float32)

    def advance(carry, chunk):
        (rows,) = chunk
        return carry * 3 % 101 + jnp.sum(rows), {"loss": jnp.sum(rows)}

    def fitted(epochs, **how):
        chunks = jsgd.data.stream((x,), size=20, epochs=3)
        run = Run(lambda key, hyper: jnp.float32(0), advance)
        return fit(run, epochs=epochs, stream=chunks, progress=False, **how)

    fitted(4, out=tmp_path)
    result = fitted(20, out=tmp_path, resume=True)
    same(result, fitted(20, keep_best=True))
    assert result.stopped == "stream"
    assert len(result.history["loss"]) == 9


def test_killed_by_the_system_the_files_are_what_they_would_have_been(tmp_path):
    printed = run_script(Path(__file__).parent / "kills.py", tmp_path)
    in_an_epoch, while_it_saved = printed.splitlines()
    assert "4" in in_an_epoch.split()
    assert "orbax" in while_it_saved
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    assert (killed / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    kept = [sorted(x.name for x in (y / "checkpoints").iterdir()) for y in (killed, whole)]
    assert kept[0] == kept[1]
    for epoch in map(int, kept[0]):
        (notes, arrays), others = (store.load(y / "checkpoints", epoch) for y in (killed, whole))
        assert notes == others[0]
        jax.tree.map(np.testing.assert_array_equal, arrays, others[1])
