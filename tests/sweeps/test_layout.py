"""Layouts: how a population is cut never shows in the results."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scripts import EIGHT_DEVICES, run_script

from jsgd.sweeps import layout, sweep
from jsgd.sweeps.layout import plan, replan
from jsgd.sweeps.population import Population
from jsgd.sweeps.program import Members, Program, compile_run
from jsgd.train import Run

COUNT = 7
LAYOUTS = ["vmap", "map", ("chunk", 2), ("chunk", 3), "auto"]


@pytest.fixture(scope="module")
def members():
    keys = jax.random.split(jax.random.key(1), COUNT)
    return Members(
        keys, {"lr": np.geomspace(0.01, 1, COUNT), "dropout": np.linspace(0, 0.5, COUNT)}
    )


def advance(run, program, members, epochs=2):
    """The metrics of the last epoch, and whose they are."""
    population = Population.start(run, program, members, np.arange(len(members.keys)))
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
    rows, metrics = advance(run, plan(run, members, epochs=2, layout=how), members)
    np.testing.assert_array_equal(rows, np.arange(COUNT))
    for name, x in solo.items():
        np.testing.assert_allclose(metrics[name], x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("devices", [1, 2])
def test_neither_the_device_count_nor_the_place_shows_by_a_bit(run, members, devices):
    program = compile_run(run, members, 2, jax.local_devices()[:devices])
    reference = compile_run(run, members, 2, jax.local_devices()[:1])
    _, expected = advance(run, reference, members)
    order = np.random.default_rng(0).permutation(COUNT)
    _, metrics = advance(run, program, members.take(order))
    for name, x in expected.items():
        np.testing.assert_array_equal(metrics[name], x[order])


def test_eight_devices():
    """In a process of its own, because the number of devices is set before JAX starts."""
    printed = run_script(Path(__file__).parent / "eight_devices.py", **EIGHT_DEVICES)
    assert printed == "8 devices agree with 1\n"


def test_neighbours_that_diverge_change_nothing(run):
    """A quarter diverges; with healthy settings in its place the others are the same to the bit."""
    well = np.geomspace(0.01, 1, 8)
    ill = np.where(np.arange(8) % 4 == 1, 1e30, well)
    how = {"epochs": 2, "progress": False, "layout": ("chunk", 2)}
    healthy, sick = (sweep(run, {"lr": x.tolist()}, **how) for x in (well, ill))
    kept = ill < 1e30
    for name, x in healthy.curves.items():
        np.testing.assert_array_equal(sick.curves[name][kept], x[kept])
    assert (sick.table["status"] == "DIVERGED").tolist() == (~kept).tolist()
    assert min(sick.table["rank"][~kept]) > max(sick.table["rank"][kept])


def test_fewer_members_than_devices(run, members):
    program = plan(run, members.take(np.array([3])), epochs=1, layout="vmap")
    assert (program.size, program.devices) == (1, 1)


def fake(run, members, size, devices):
    return Program(run.init, run.advance, size, len(devices), None, 1.0, carry_bytes=100)


@pytest.mark.parametrize(
    ("how", "size"), [("vmap", 4), ("map", 1), (("chunk", 3), 2), (("chunk", 9), 4)]
)
def test_chunks_are_even(run, members, monkeypatch, how, size):
    """Seven members on two devices are four on each; three at a time would leave one over."""
    monkeypatch.setattr(layout, "compile_run", fake)
    assert plan(run, members, epochs=1, layout=how).size == size


@pytest.mark.parametrize("how", ["fast", "chunk", ("chunk", 0), ("vmap", 2), ("chunk", 2.0)])
def test_an_unknown_layout_is_refused(run, members, how):
    with pytest.raises(ValueError, match=r"layout = .*: it must be"):
        plan(run, members, epochs=1, layout=how)


def test_a_smaller_population_is_planned_again_only_where_that_saves(members, monkeypatch):
    """Of chunks of two on two devices, three members still fill half; one does not."""
    monkeypatch.setattr(layout, "compile_run", fake)
    program = replace(fake(Run(None, None), members, 2, [1, 2]), memory=150, offload=True)
    rest = [members.take(np.arange(count)) for count in (3, 2, 1)]
    again = [replan(Run(None, None), x, program) for x in rest]
    assert [(x.size, x.devices, x.offload) for x in again] == [
        (2, 2, True), (1, 2, True), (1, 1, True)
    ]  # fmt: skip


def many(carry, array=1):
    """4096 members, and a run with a carry of so many numbers and a loop over so large an array."""
    members = Members(jax.random.split(jax.random.key(0), 4096), {"lr": np.zeros(4096)})

    def advance(x):
        before = jnp.zeros(2**24).sum()  # not in a loop
        step = jax.jit(lambda x, _: (x + jnp.zeros(array).sum(), None))
        return jax.lax.scan(step, x, length=3)[0], {"loss": before}

    return Run(lambda key, hyper: jnp.zeros(carry), advance), members


@pytest.mark.parametrize(
    ("carry", "array", "size"),
    [(1, 1, 2048), (2**15, 1, 16), (1, 2**15, 16), (2**13, 2**15, 16), (2**20, 1, 1)],
)
def test_auto_begins_with_more_members_the_smaller_they_are(monkeypatch, carry, array, size):
    monkeypatch.setattr(layout, "compile_run", fake)
    assert plan(*many(carry, array), epochs=0, layout="auto", memory=10**9).size == size


@pytest.mark.parametrize(
    ("seconds", "epochs", "tried", "best"),
    [
        # per member: 1/16 s at 16, less at 64, more at 256
        ({16: 1.0, 64: 3.0, 256: 60.0}, 1000, [16, 64, 256], 64),
        # nothing gained upwards, so downwards
        ({4: 0.2, 16: 1.0, 64: 9.0, 1: 0.1}, 1000, [16, 64, 4, 1], 4),
        # as fast as makes no difference
        ({4: 0.25, 16: 1.0, 64: 3.9}, 1000, [16, 64, 4], 16),
        # a fifth of what is left is less than another compilation
        ({16: 1e-2}, 3, [16], 16),
        # and this is less than it takes to find out
        ({}, 0, [16], 16),
    ],
)
def test_auto_climbs_to_the_fastest_size(monkeypatch, seconds, epochs, tried, best):
    seen = []

    def compile_fake(run, members, size, devices):
        seen.append(size)
        return fake(run, members, size, devices)

    def race_fake(members, *programs):
        return [replace(x, epoch_seconds=seconds[x.size]) for x in programs]

    monkeypatch.setattr(layout, "compile_run", compile_fake)
    monkeypatch.setattr(layout, "_race", race_fake)
    assert plan(*many(2**15), epochs, memory=10**9).size == best
    assert seen == tried
