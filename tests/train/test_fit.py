"""`fit`: when it stops, what it keeps, what it prints, draws and writes."""

import re
import struct
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.train import Run, fit, make_run, make_stream_run, progress, regression
from jsgd.train.drive import program
from jsgd.train.history import learning_rates


def curve(*losses, name="test_loss"):
    """A run that is no training: it reports these numbers one after another."""
    losses = jnp.asarray(losses, jnp.float32)

    def advance(t):
        return t + 1, {name: losses[t], "loss": losses[t]}

    return Run(lambda key, hyper: jnp.int32(0), advance)


def test_it_stops_after_the_epochs_and_keeps_every_metric():
    result = fit(curve(5, 4, 3, 2), epochs=3, progress=False)
    assert result.stopped == "epochs"
    assert result.carry == 3
    np.testing.assert_array_equal(result.history["loss"], [5, 4, 3])


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="an option of the CPU's compiler")
def test_an_epoch_is_compiled_to_save_memory():
    def loss(kernels):
        y = jnp.ones((4096, 64))
        for kernel in kernels:  # loops, whose results are written over zeros
            y = jax.lax.map(lambda rows, k=kernel: jnp.tanh(rows @ k), y.reshape(8, -1, 64))
        return jnp.mean(y)

    def advance(kernels):
        value, slopes = jax.value_and_grad(loss)(kernels)
        return jax.tree.map(jnp.subtract, kernels, slopes), {"loss": value}

    carry = [jnp.ones((64, 64))] * 8
    programs = program(Run(lambda key, hyper: carry, advance)), jax.jit(advance, donate_argnums=0)
    ours, stock = (form.lower(carry).compile().memory_analysis() for form in programs)
    assert ours.temp_size_in_bytes < 0.9 * stock.temp_size_in_bytes


def test_tol_stops_once_the_loss_changes_less():
    result = fit(curve(5, 4, 3.5, 3.45, 1, 0), epochs=6, tol=0.1, progress=False)
    assert result.stopped == "tol"
    np.testing.assert_allclose(result.history["loss"], [5, 4, 3.5, 3.45])


def test_patience_counts_epochs_since_the_best():
    result = fit(curve(5, 3, 4, 2, 3, 2, 1), epochs=7, patience=2, progress=False)
    assert result.stopped == "patience"
    assert len(result.history["loss"]) == 6


def test_patience_knows_that_an_accuracy_should_rise():
    run = curve(0.1, 0.5, 0.6, 0.6, 0.5, name="accuracy")
    result = fit(run, epochs=5, patience=2, monitor="accuracy", progress=False)
    assert len(result.history["accuracy"]) == 5


@pytest.mark.parametrize(
    ("losses", "epoch"), [((5, 3, 4, 2, 3), 4), ((np.nan, 2, 2), 2), ((np.nan, np.nan), None)]
)
def test_the_best_epoch_is_the_first_of_the_least_loss(losses, epoch):
    result = fit(curve(*losses), epochs=len(losses), keep_best=True, progress=False)
    assert result.best_epoch == epoch
    assert result.best == epoch  # this carry counts the epochs
    assert result.carry == len(losses)


@pytest.mark.parametrize(
    ("how", "kept"), [({}, False), ({"patience": 9}, True), ({"out": "here"}, True)]
)
def test_the_best_carry_is_kept_where_something_watches(how, kept, tmp_path):
    how = {name: tmp_path if value == "here" else value for name, value in how.items()}
    result = fit(curve(5, 3, 4), epochs=3, progress=False, **how)
    assert result.best_epoch == 2
    assert (result.best is not None) == kept


def test_without_a_test_the_loss_is_watched():
    result = fit(curve(5, 3, 4, name="accuracy"), epochs=3, progress=False)
    assert result.best_epoch == 2


def test_a_run_with_neither_has_no_best_epoch():
    run = Run(lambda key, hyper: jnp.int32(0), lambda t: (t + 1, {"reward": t}))
    assert fit(run, epochs=3, progress=False).best_epoch is None


@pytest.fixture(scope="module")
def problem():
    data = jsgd.data.linear_regression()
    return regression(jsgd.models.REGISTRY["linear"](data.train[0], data.outputs), data)


@pytest.fixture(scope="module")
def run(problem):
    return make_run(problem, jsgd.sgd(jsgd.schedules.linear(0.1, 0.0, 16)))


@pytest.fixture(scope="module")
def fitted(run):
    return fit(run, epochs=3, patience=3, progress=False)


def test_a_run_that_diverges_stops_there(run):
    result = fit(run, epochs=500, hyper={"lr": 100.0}, progress=False)
    assert result.stopped == "diverged"
    assert 0 < result.history["diverged_at"][-1] <= result.history["step"][-1] < 500


def test_equal_keys_repeat_a_run_bit_for_bit(run):
    a = fit(run, epochs=2, key=4, progress=False)
    b = fit(run, epochs=2, key=jax.random.key(4), progress=False)
    c = fit(run, epochs=2, key=5, progress=False)
    jax.tree.map(np.testing.assert_array_equal, a.params, b.params)
    assert a.params["linear"]["bias"] != c.params["linear"]["bias"]


def test_off_a_terminal_progress_is_plain_lines(run, capsys):
    fit(run, epochs=2)
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith("epoch 2/2 ")
    assert "\x1b" not in out
    assert "\r" not in out
    fit(run, epochs=2, progress=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"tol": -1.0}, {"patience": 0}])
def test_impossible_numbers_are_refused(run, wrong):
    with pytest.raises(ValueError, match="it must be at least"):
        fit(run, **{"epochs": 1} | wrong, progress=False)


def test_a_number_out_of_range_is_refused_before_training(run):
    with pytest.raises(ValueError, match=r"lr = -1.0: lr must be in \[0, inf\)"):
        fit(run, epochs=1, hyper={"lr": -1.0}, progress=False)


def test_an_unknown_monitor_is_refused(run):
    with pytest.raises(ValueError, match="no metric 'test_los': did you mean 'test_loss'"):
        fit(run, epochs=1, patience=1, monitor="test_los", progress=False)


def test_the_learning_rate_is_that_of_the_last_step_of_an_epoch(run, fitted):
    last = run.samples // 64 * np.arange(1, 4) - 1
    np.testing.assert_allclose(fitted.history["lr"], 0.1 * (1 - last / 16), rtol=1e-6)


def test_learning_rates_of_several_optimizers_are_told_apart():
    opt = jsgd.partition({"a": jsgd.sgd(0.5), "b": jsgd.adam(0.1)}, {"w": "a", "v": "b"})
    rates = learning_rates(opt.init({"w": jnp.zeros(1), "v": jnp.zeros(1)}))
    assert {name: round(float(x), 3) for name, x in rates.items()} == {"a__lr": 0.5, "b__lr": 0.1}


def test_the_progress_says_the_metrics_the_rate_and_the_pace(run, capsys, monkeypatch):
    monkeypatch.setattr(progress, "_PLAIN_EVERY", 0.0)
    fit(run, epochs=3)
    first, second, last = capsys.readouterr().out.splitlines()
    number = r"[\d.e+-]+"
    words = rf"loss {number}  lr {number}  test_loss {number}"
    assert re.fullmatch(f"epoch 1/3 {words}", first)  # it compiled: no pace yet
    assert re.fullmatch(rf"epoch 2/3 {words}  [\d,]+ samples/s ETA 0:00:0\d", second)
    assert re.fullmatch(rf"epoch 3/3 {words}  [\d,]+ samples/s", last)


def test_a_run_that_does_not_say_its_samples_has_no_pace(capsys):
    fit(curve(1, 2), epochs=2)
    assert "samples/s" not in capsys.readouterr().out


def test_the_history_as_a_table(fitted):
    table = fitted.to_pandas()
    assert list(table.index) == [1, 2, 3]
    np.testing.assert_array_equal(table["loss"], fitted.history["loss"])


def test_the_curves_show_training_and_test_together(fitted, tmp_path):
    figure = fitted.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    panels = {ax.get_ylabel(): ax for ax in figure.axes}
    assert list(panels) == ["loss", "learning rate"]
    lines = {line.get_label(): line for line in panels["loss"].lines}
    np.testing.assert_array_equal(lines["training"].get_ydata(), fitted.history["loss"])
    np.testing.assert_array_equal(lines["test"].get_ydata(), fitted.history["test_loss"])
    assert lines["best epoch"].get_xdata()[0] == fitted.best_epoch


def test_one_metric_goes_into_axes(fitted):
    figure = fitted.plot(metric="lr")
    assert figure._repr_png_().startswith(b"\x89PNG")  # for notebooks, which show it by this
    (ax,) = figure.axes
    assert fitted.plot(ax=ax) is figure
    assert ax.get_ylabel() == "loss"
    with pytest.raises(ValueError, match="no metric 'los': did you mean 'loss'"):
        fitted.plot(metric="los")


@pytest.mark.parametrize("opt", [jsgd.sgd(0.5), jsgd.dpsgd(0.5, 1e6, 0.0)])
def test_norms_are_means_over_the_steps_of_an_epoch(opt):
    """Gradients of 3, then 1 and 0, and steps of half of them, from parameters of norm 4."""

    def loss(params, state, batch, hyper, *, train, key):
        value = jnp.mean(batch) * params
        return value, ({"loss": value}, state)

    data = jnp.array([2.0, 4.0, 1.0, 1.0, 0.0, 0.0])
    problem = jsgd.train.Problem(lambda key, hyper: (jnp.float32(4), {}), loss, data, None, {})
    run = make_run(problem, opt, batch_size=2, shuffle=False, norms=True)
    _, metrics = jax.jit(run.advance)(run.init(jax.random.key(0), {}))
    norms = {name: float(x) for name, x in metrics.items() if "norm" in name}
    expected = {"grad_norm": 4 / 3, "update_norm": 2 / 3, "param_norm": (2.5 + 2 + 2) / 3}
    assert norms == pytest.approx(expected, rel=1e-5)


def test_norms_are_no_part_of_a_program_that_does_not_ask_for_them(problem):
    run = make_run(problem, jsgd.sgd())
    _, metrics = jax.eval_shape(run.advance, run.init(jax.random.key(0), {}))
    assert not [name for name in metrics if "norm" in name]


def read_events(folder):
    """The events of the files in a folder."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):  # length, its checksum, that much, and the checksum of that
            (size,) = struct.unpack("<Q", data[at : at + 8])
            yield Event.FromString(data[at + 12 : at + 12 + size])
            at += size + 16


def test_event_files_hold_the_history(run, tmp_path):
    result = fit(run, epochs=3, tensorboard=tmp_path, progress=False)
    events = read_events(tmp_path)
    found = {(e.step, x.tag): x.simple_value for e in events for x in e.summary.value}
    expected = {(i + 1, n): x for n, xs in result.history.items() for i, x in enumerate(xs)}
    assert found == pytest.approx(expected)


def test_event_files_of_a_resumed_fit_take_the_place_of_later_epochs(run, tmp_path):
    how = {"tensorboard": tmp_path / "events", "out": tmp_path / "fit", "progress": False}
    fit(run, epochs=2, **how)
    fit(run, epochs=3, resume=True, **how)
    (start,) = [e for e in read_events(tmp_path / "events") if e.HasField("session_log")]
    assert (start.session_log.status, start.step) == (start.session_log.START, 3)


def test_event_files_need_their_package(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'jsgd\[tensorboard\]'"):
        fit(run, epochs=1, tensorboard=tmp_path, progress=False)


def test_a_stream_is_fitted_chunk_by_chunk(problem):
    streamed = make_stream_run(problem, jsgd.sgd(0.1), batch_size=16)
    chunks = zip(*(x[:96].reshape(3, 32, *x.shape[1:]) for x in problem.train), strict=True)
    result = fit(streamed, epochs=9, stream=chunks, progress=False)
    assert result.stopped == "stream"
    assert result.history["step"].tolist() == [2, 4, 6]


@pytest.mark.parametrize(
    ("chunks", "how", "message"),
    [([], {}, "it has no chunks"), ([(1,)], {"out": "x"}, "it must have get_state and set_state")],
)
def test_a_stream_that_cannot_serve_is_refused(run, chunks, how, message):
    with pytest.raises(ValueError, match=f"stream: .*{message}"):
        fit(run, epochs=1, stream=iter(chunks), progress=False, **how)


def test_params_of_a_foreign_run_are_not_guessed():
    with pytest.raises(ValueError, match="not made by make_run"):
        _ = fit(curve(1, 2), epochs=1, progress=False).params
