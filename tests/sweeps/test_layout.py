"""Layouts: how a population is cut never shows in the results."""

import jax
import numpy as np
import pytest

from jsgd.sweeps import layout
from jsgd.sweeps.layout import Members, compile_run, plan
from jsgd.sweeps.population import Population
from jsgd.train import Run

COUNT = 7
LAYOUTS = ["vmap", "map", ("chunk", 2), ("chunk", 3), "auto"]


@pytest.fixture(scope="module")
def members():
    keys = jax.random.split(jax.random.key(1), COUNT)
    return Members(
        keys, {"lr": np.geomspace(0.01, 1, COUNT), "dropout": np.linspace(0, 0.5, COUNT)}
    )


def advance(program, members, epochs=2):
    """The metrics of the last epoch, and whose they are."""
    population = Population.start(program, members)
    for _ in range(epochs):
        parts = list(population.advance())
    rows = np.concatenate([rows for rows, _ in parts])
    return rows, {name: np.concatenate([m[name] for _, m in parts]) for name in parts[0][1]}


@pytest.fixture(scope="module")
def solo(run, members):
    """Each member alone, on one device."""
    init, one_epoch = jax.jit(run.init), jax.jit(run.advance)
    out = []
    for i in range(COUNT):
        carry = init(members.keys[i], {name: np.float32(x[i]) for name, x in members.hyper.items()})
        for _ in range(2):
            carry, metrics = one_epoch(carry)
        out.append(metrics)
    return {name: np.array([m[name] for m in out]) for name in out[0]}


@pytest.mark.parametrize("how", LAYOUTS, ids=str)
def test_every_member_equals_its_solo_run_in_every_layout(run, members, solo, how):
    rows, metrics = advance(plan(run, members, epochs=2, layout=how), members)
    np.testing.assert_array_equal(rows, np.arange(COUNT))
    for name, x in solo.items():
        np.testing.assert_allclose(metrics[name], x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("devices", [1, 2])
def test_neither_the_device_count_nor_the_place_shows_by_a_bit(run, members, devices):
    program = compile_run(run, members, 2, jax.local_devices()[:devices])
    reference = compile_run(run, members, 2, jax.local_devices()[:1])
    _, expected = advance(reference, members)
    order = np.random.default_rng(0).permutation(COUNT)
    _, metrics = advance(program, members.take(order))
    for name, x in expected.items():
        np.testing.assert_array_equal(metrics[name], x[order])


def test_fewer_members_than_devices(run, members):
    program = plan(run, members.take(np.array([3])), epochs=1, layout="vmap")
    assert (program.size, program.devices) == (1, 1)


@pytest.mark.parametrize(
    ("how", "size"), [("vmap", 4), ("map", 1), (("chunk", 3), 2), ("chunk", 4)]
)
def test_chunks_are_even(run, members, monkeypatch, how, size):
    """Seven members on two devices are four on each; three at a time would leave one over."""
    monkeypatch.setattr(layout, "compile_run", lambda run, members, size, devices: size)
    assert plan(run, members, epochs=1, layout=how) == size


@pytest.mark.parametrize("how", ["fast", ("chunk", 0), ("vmap", 2), ("chunk", 2.0), ("chunk",) * 3])
def test_an_unknown_layout_is_refused(run, members, how):
    with pytest.raises(ValueError, match=r"layout = .*: it must be"):
        plan(run, members, epochs=1, layout=how)


@pytest.mark.parametrize(
    ("seconds", "epochs", "tried", "best"),
    [
        # per member: 0.25 s at 4, less at 32, more at 256
        ({1: 0.3, 4: 1.0, 32: 4.0, 256: 60.0}, 1000, [4, 32, 256], 32),
        # nothing gained upwards, so downwards
        ({1: 0.1, 4: 1.0, 32: 9.0}, 1000, [4, 32, 1], 1),
        # too little left to be worth another compilation
        ({4: 1e-3}, 1, [4], 4),
    ],
)
def test_auto_climbs_to_the_fastest_size(monkeypatch, seconds, epochs, tried, best):
    seen = []

    def compile_fake(run, members, size, devices):
        seen.append(size)
        return layout.Program(run.init, run.advance, size, len(devices), None, 1.0)

    def timed_fake(program, members):
        return layout.Program(**{**vars(program), "epoch_seconds": seconds[program.size]})

    monkeypatch.setattr(layout, "compile_run", compile_fake)
    monkeypatch.setattr(layout, "_timed", timed_fake)
    many = Members(jax.random.split(jax.random.key(0), 4096), {"lr": np.zeros(4096)})
    assert plan(Run(None, None), many, epochs).size == best
    assert seen == tried
