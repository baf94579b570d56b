"""One run on many devices: the results of one, the state of the optimizer in parts."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from scripts import EIGHT_DEVICES, run_script

import jsgd
from jsgd.models import conv
from jsgd.train import make_run, regression
from jsgd.train.parallel import mesh_of


def test_eight_devices():
    """In a process of its own, because the number of devices is set before JAX starts."""
    sooner = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}  # to compile
    script, options = Path(__file__).parent / "eight_devices.py", ("-W", "error")
    printed = run_script(script, options=options, **EIGHT_DEVICES, **sooner)
    assert printed == "momentum, adam: 8 devices agree with 1\n"


@pytest.mark.parametrize(("c", "o"), [(2, 5), (32, 32)])  # patches, and Winograd's products
def test_no_device_convolves_the_images_of_others(monkeypatch, c, o):
    """Nor does cutting the batch into a few images at a time bring them to it."""
    monkeypatch.setattr(sys.modules["jsgd.models.conv"], "_CACHE", 0)
    mesh = mesh_of(2)
    draw = np.random.default_rng(0).normal
    x, k = (jnp.asarray(draw(size=size), jnp.float32) for size in ((4, 6, 6, c), (3, 3, c, o)))

    def slopes(x, k):
        def value(x, k):
            layout = ("NHWC", "HWIO", "NHWC")
            return jnp.sum(jnp.cos(conv(x, k, (1, 1), "SAME", dimension_numbers=layout)))

        return jax.grad(value, (0, 1))(x, k)

    expected = slopes(x, k)
    x, k = (
        jax.device_put(a, NamedSharding(mesh, PartitionSpec(*axes)))
        for a, axes in ((x, ["data"]), (k, []))
    )
    with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
        program = jax.jit(slopes).lower(x, k).compile()
    for a, b in zip(program(x, k), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert "all-reduce" in program.as_text()
    assert "all-gather" not in program.as_text()


@pytest.fixture(scope="module")
def problem():
    data = jsgd.data.linear_regression()
    return regression(jsgd.models.REGISTRY["linear"](data.train[0], data.outputs), data)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"devices": 3}, "devices = 3: it must be None, 1 to 2, or different devices"),
        ({"devices": 0}, "devices = 0"),
        ({"devices": True}, "devices = True"),
        ({"devices": []}, "devices = "),
        ({"devices": ["cpu"]}, "devices = .*, or different devices"),
        ({"devices": 2, "batch_size": 15}, "batch_size = 15, .* no multiple of 2 devices"),
        ({"devices": 2, "microbatch": 1}, "microbatch = 1: 1 samples at a time are no multiple"),
        ({"shard_state": True}, "shard_state = True: it takes devices"),
    ],
)
def test_what_cannot_be_spread(problem, how, message):
    with pytest.raises(ValueError, match=message):
        make_run(problem, jsgd.sgd(), **{"batch_size": 16} | how)


def test_a_sweep_refuses_a_run_that_takes_all_devices(problem):
    run = make_run(problem, jsgd.sgd(), batch_size=16, devices=2)
    with pytest.raises(ValueError, match="give make_run no devices"):
        jsgd.sweeps.sweep(run, {"lr": [0.1]}, epochs=1, metric="loss", progress=False)


def test_devices_by_name_hold_the_run(problem):
    run = make_run(problem, jsgd.sgd(), batch_size=16, devices=jax.devices()[1:])
    carry = jax.eval_shape(run.init, jax.random.key(0), {})
    assert {x.size for x in jax.tree.leaves(carry.params)} == {1}
    carry = run.init(jax.random.key(0), {})
    assert {d for x in jax.tree.leaves(carry) for d in x.devices()} == {jax.devices()[1]}


@pytest.mark.parametrize(("how", "part"), [({}, 8), ({"microbatch": 4}, 2)])
def test_each_device_has_its_part_of_every_batch(problem, how, part):
    seen = {}

    def loss(params, state, batch, hyper, *, train, key):
        def see(sharding):
            seen[train] = sharding.shard_shape(batch[1].shape)[0]

        jax.debug.inspect_array_sharding(batch[1], callback=see)
        return problem.loss(params, state, batch, hyper, train=train, key=key)

    run = make_run(problem._replace(loss=loss), jsgd.sgd(), batch_size=16, devices=2, **how)
    jax.jit(run.advance).lower(jax.eval_shape(run.init, jax.random.key(0), {})).compile()
    assert seen == {True: part, False: len(problem.test[0]) / 2}
