"""Programs in files: what another process computes with them, where there is no jsgd."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import jsgd
from jsgd.data import Dataset
from jsgd.models import CNN, MLP, from_linen
from jsgd.train import classification, export_predict, export_step, make_run, save_weights

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 4, 4, 1)).astype(np.float32)
Y = np.arange(6, dtype=np.int32) % 2
BATCH = (jnp.asarray(X[:3]), jnp.asarray(Y[:3]))
STEPS = 3
KERNEL = "params/out/kernel"

ELSEWHERE = """
import sys
from pathlib import Path
sys.modules["jsgd"] = sys.modules["flax"] = sys.modules["optax"] = None  # not to be imported
import jax, numpy
from jax import export
x, y = numpy.load("x.npy"), numpy.load("y.npy")
predict = export.deserialize(Path("model.jax").read_bytes()).call
numpy.save("out.npy", predict(x))
step = jax.jit(export.deserialize(Path("step.jax").read_bytes()).call)
state = dict(numpy.load("start.npz"))
for _ in range(%d):
    state, metrics = step(state, (x[:3], y[:3]))
numpy.savez("end.npz", **state)
"""


@pytest.fixture(scope="module")
def net():
    """With all that is made anew for each platform: convolutions, and random numbers."""
    return from_linen(CNN(2, features=(3,), hidden=4, norm="batch", dropout_rate=0.5), X)


@pytest.fixture(scope="module")
def weights(net):
    return jax.jit(net.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def predictions(net, weights):
    return jax.jit(lambda x: net.apply(*weights, x, train=False)[0])(X)


def train(model):
    """A run on its way, as the arguments of `export_step`."""
    problem = classification(model, Dataset((X, Y), (X, Y), 2))
    opt = jsgd.clip_by_global_norm(jsgd.adamw(jsgd.schedules.linear(0.1, 0.0, 9)), 1.0)
    return problem, opt, make_run(problem, opt, batch_size=3).init(jax.random.key(1), {})


@pytest.fixture(scope="module")
def training():
    return train(from_linen(MLP(2, features=(4,), dropout_rate=0.5), X))


@pytest.fixture(scope="module")
def elsewhere(net, weights, training, tmp_path_factory):
    """What a fresh process has made of the files."""
    folder = tmp_path_factory.mktemp("elsewhere")
    export_predict(folder / "model.jax", net, *weights, X)
    state = export_step(folder / "step.jax", *training, batch_size=3)
    save_weights(folder / "start.npz", state)
    np.save(folder / "x.npy", X)
    np.save(folder / "y.npy", Y)
    code = ["-W", "error", "-c", ELSEWHERE % STEPS]
    subprocess.run([sys.executable, *code], cwd=folder, check=True)
    return folder


def test_predictions_elsewhere_are_the_same(predictions, elsewhere):
    np.testing.assert_allclose(np.load(elsewhere / "out.npy"), predictions, rtol=1e-5, atol=1e-6)


def test_steps_elsewhere_are_the_same(training, elsewhere):
    """Those of a run whose data is the batch, random numbers and all."""
    problem, opt, carry = training
    run = make_run(problem._replace(train=BATCH, test=None), opt, batch_size=3, shuffle=False)
    carry, advance = (
        make_run(problem, opt, batch_size=3).init(jax.random.key(1), {}),
        jax.jit(run.advance),
    )
    for _ in range(STEPS):
        carry, _ = advance(carry)
    end = np.load(elsewhere / "end.npz")
    for name in ("dense0", "out"):
        np.testing.assert_allclose(
            end[f"params/{name}/kernel"], carry.params[name]["kernel"], rtol=1e-4, atol=1e-5
        )
    assert end["t"] == end["opt_state/t"] == STEPS
    np.testing.assert_array_equal(end["key"], jax.random.key_data(carry.key))


@pytest.mark.parametrize("batch_size", [None, 2])
def test_one_file_serves_platforms_and_batches(net, weights, predictions, tmp_path, batch_size):
    """On every platform the convolution that is fast there: by patches on CPU, else the native."""
    path = tmp_path / "model.jax"
    where = ("cpu", "cuda", "tpu")
    export_predict(path, net, *weights, X, batch_size=batch_size, platforms=where)
    program = export.deserialize(bytearray(path.read_bytes()))
    assert program.platforms == where
    assert "stablehlo.convolution" in (text := program.mlir_module())
    assert "stablehlo.dot_general" in text
    for rows in (2, 6) if batch_size is None else (2,):
        y = program.call(X[:rows])
        np.testing.assert_allclose(y, predictions[:rows], rtol=1e-5, atol=1e-6)


def test_a_step_is_exported_for_all_platforms(net, tmp_path):
    path, where = tmp_path / "step.jax", ("cpu", "cuda", "tpu")
    export_step(path, *train(net), batch_size=3, platforms=where)
    assert export.deserialize(bytearray(path.read_bytes())).platforms == where


def test_the_hyperparameters_of_a_step_are_data(training, tmp_path):
    """With a rate of nothing nothing moves."""
    path = tmp_path / "step.jax"
    state = export_step(path, *training, batch_size=3)
    step = jax.jit(export.deserialize(bytearray(path.read_bytes())).call)
    peak = "opt_state/inner/hyper/lr/init_value"
    still, metrics = step(state | {peak: jnp.float32(0)}, BATCH)
    moved, _ = step(state, BATCH)
    np.testing.assert_array_equal(still[KERNEL], state[KERNEL])
    assert not np.array_equal(moved[KERNEL], state[KERNEL])
    assert set(metrics) == {"loss", "accuracy", "step", "diverged_at"}


def test_an_unknown_platform_is_refused(net, weights, tmp_path):
    with pytest.raises(ValueError, match=r"no platform 'gpu'.*There are: cpu, cuda"):
        export_predict(tmp_path / "model.jax", net, *weights, X, platforms=("cpu", "gpu"))
    assert not list(tmp_path.iterdir())
