"""Memory: what is asked for, what is there, and programs that are made smaller until they fit."""

import sys
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.errors import JaxRuntimeError

from jsgd.sweeps import layout, memory, population_based, sweep, uniform
from jsgd.sweeps.layout import plan
from jsgd.sweeps.memory import available, fit
from jsgd.sweeps.population import Population
from jsgd.sweeps.program import Members, Program
from jsgd.train import Run

kB = 1000


@pytest.mark.parametrize(
    ("given", "count"),
    [(5, 5), ("2048", 2048), ("4GiB", 2**32), ("1.5 MB", 1_500_000), ("3kb", 3000)],
)
def test_amounts(given, count):
    assert available(given, jax.local_devices()) == count


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, "4 GiX", "GiB", "1e9", ""], ids=repr)
def test_an_amount_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"memory = .*: it must be bytes"):
        available(wrong, jax.local_devices())


@dataclass
class Device:
    platform: str
    stats: dict | None

    def memory_stats(self):
        return self.stats


def test_cpu_devices_share_what_the_machine_has(monkeypatch):
    monkeypatch.setattr(memory, "free_on_host", lambda: 1000)
    assert available(None, [Device("cpu", None)] * 2) == 400


def test_an_accelerator_is_asked_and_the_fullest_decides():
    used = [{"bytes_limit": 1000, "bytes_in_use": x} for x in (100, 500)]
    assert available(None, [Device("gpu", x) for x in used]) == 400


def test_a_container_has_less_than_the_machine(monkeypatch, tmp_path):
    """Files that are cached are not in its way."""
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 8 kB\n")
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.free_on_host() == 8192
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 1000\n")
    assert memory.free_on_host() == 3000


def fake(size, fixed=0, slope=10, carry=1):
    return Program(None, None, size, 1, None, 1.0, carry, fixed + slope * size)


@pytest.mark.parametrize(
    ("limit", "fixed", "sizes"),
    [
        (1000, 0, [64]),  # it fits: nothing else is compiled
        (400, 0, [64, 32]),  # in proportion: 33
        (400, 200, [64, 22, 13]),  # a fixed part hides in the first; two make a line
        (74, 0, [64, 1]),
    ],
)
def test_a_size_is_found_with_few_programs(limit, fixed, sizes):
    seen = []

    def compile_fake(size):
        seen.append(size)
        return fake(size, fixed)

    program = fit(compile_fake, 64, 64, limit)
    assert seen == sizes
    assert (program.size, program.offload) == (sizes[-1], False)
    assert program.needs(64, offload=False) <= limit == program.memory


def test_carries_that_do_not_fit_wait_on_the_host():
    program = fit(lambda size: fake(size, carry=10), 64, 64, limit=300)
    assert program.offload
    assert program.size == 10  # working on 10, with 20 carries there


def test_not_even_one():
    with pytest.raises(ValueError, match=r"one member needs 120 B .* has 100 B for it"):
        fit(lambda size: fake(size, fixed=100, carry=5), 8, 8, limit=100)


def exhausted(size, largest):
    if size > largest:
        raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")


@pytest.mark.parametrize("where", ["compiling", "running"])
def test_out_of_memory_all_the_same_is_half_the_size(where):
    largest = {"compiling": 99, "running": 99} | {where: 5}

    def compile_fake(size):
        exhausted(size, largest["compiling"])
        return fake(size)

    def use(program):
        exhausted(program.size, largest["running"])
        return program

    assert fit(compile_fake, 16, 16, 10**6, use).size == 4


def test_out_of_memory_at_one():
    with pytest.raises(ValueError, match="one member needs more on a device"):
        fit(lambda size: exhausted(size, 0), 4, 4, 10**6)


def test_other_errors_are_not_hidden():
    def broken(size):
        raise JaxRuntimeError("INTERNAL: no")

    with pytest.raises(JaxRuntimeError, match="INTERNAL"):
        fit(broken, 4, 4, 10**6)


@pytest.fixture(scope="module")
def large():
    """A carry of one number; an epoch passes through 400 kB."""

    def advance(x):
        y = jnp.linspace(x, x + 1, 100 * kB)
        return jnp.sort(y)[::-1][0], {"y": jnp.sum(jnp.sort(jnp.sin(y)))}

    return Run(lambda key, hyper: hyper["lr"], advance)


@pytest.fixture(scope="module")
def eight():
    return Members(jax.random.split(jax.random.key(0), 8), {"lr": np.linspace(0, 1, 8)})


@pytest.mark.parametrize("how", ["vmap", "auto"])
def test_what_the_compiler_says_decides(large, eight, how):
    """A member works on at least 400 kB: of four on a device, at most three have room in 1200."""
    program = plan(large, eight, 1, how, memory="1.2MB")
    assert 400 * kB * program.size <= program.working_bytes <= 1200 * kB
    assert program.size < program.wanted == 4
    line = program.describe(8)
    assert "on each of 2 CPU devices (" in line
    assert line.endswith("kB a member of 1.2 MB); 4 at a time do not fit")
    list(Population.start(large, program, eight, np.arange(8)).advance())


def test_too_little_for_one_is_said_with_both_numbers(large, eight):
    with pytest.raises(ValueError, match=r"one member needs \d+\.\d kB .* has 100.0 kB for it"):
        plan(large, eight, 1, "vmap", memory="100kB")


def test_nor_does_the_host_have_room_for_all(monkeypatch, eight):
    wide = Run(lambda key, hyper: jnp.full(1000, hyper["lr"]), lambda x: (x, {"x": x[0]}))
    monkeypatch.setattr(layout, "free_on_host", lambda: 40_000)
    assert plan(wide, eight, 1, "map", memory=13_000).offload
    monkeypatch.setattr(layout, "free_on_host", lambda: 20_000)
    with pytest.raises(ValueError, match=r"carries of 8 members need 32.0 kB"):
        plan(wide, eight, 1, "map", memory=13_000)


@pytest.mark.parametrize("how", [{"rungs": (1, 2)}, {"scheduler": population_based(every=1)}])
def test_members_that_wait_on_the_host_do_as_they_would_on_the_device(capsys, how):
    def train(carry):
        carry = carry | {"x": 0.9 * carry["x"] + carry["lr"]}
        return carry, {"loss": (jnp.mean(carry["x"]) - 3) ** 2}

    def init(key, hyper):
        return {"x": jax.random.normal(key, 1000), "lr": hyper["lr"]}

    wide = Run(init, train, lambda carry, hyper: carry | hyper)
    how |= {"epochs": 4, "metric": "loss", "layout": "map", "key": 3}
    space = {"lr": uniform(0.1, 1)}
    free, tight = (sweep(wide, space, n=8, memory=memory, **how) for memory in (None, 25_000))
    assert capsys.readouterr().out.count("those that wait are in host memory") == 1
    for name, x in free.curves.items():
        np.testing.assert_array_equal(tight.curves[name], x)
    for name, x in free.best_run().carry.items():
        np.testing.assert_array_equal(tight.best_run().carry[name], x)


def test_groups_share_the_memory(capsys):
    def make(width):
        return Run(
            lambda key, hyper: jnp.full(width, hyper["lr"]), lambda x: (x, {"loss": jnp.mean(x)})
        )

    space = {"width": [1000, 1001], "lr": [0.1, 0.2, 0.3, 0.4]}
    for limit, waits in ((40_000, 0), (13_000, 2)):
        result = sweep(make, space, epochs=2, metric="loss", layout="map", memory=limit)
        np.testing.assert_allclose(result.table["mean_score"], result.table["param_lr"], rtol=1e-6)
        said = capsys.readouterr().out
        assert said.count("those that wait are in host memory") == waits


def test_where_the_compiler_is_wrong_it_begins_again_with_smaller_chunks(monkeypatch, capsys):
    """In the first epoch, once the first of two chunks is done."""
    run = Run(lambda key, hyper: hyper["lr"], lambda x: (x + 1, {"loss": x}))
    advance, sizes = Population.advance, []

    def exhausted_beyond_two(self):
        sizes.append(self.program.size)
        for i, part in enumerate(advance(self)):
            if i and self.program.size > 2:
                exhausted(1, 0)
            yield part

    monkeypatch.setattr(Population, "advance", exhausted_beyond_two)
    lr = np.arange(16.0).tolist()
    how = {"epochs": 2, "metric": "loss", "layout": ("chunk", 4)}
    result = sweep(run, {"lr": lr}, **how)
    assert sizes == [4, 2, 2]
    np.testing.assert_array_equal(result.table["mean_score"], np.array(lr) + 1)
    out = capsys.readouterr().out
    assert "out of memory: once more" in out
    assert "sweep 32/32 16 alive" in out


def test_out_of_memory_later_on_is_an_error(monkeypatch):
    run = Run(lambda key, hyper: hyper["lr"], lambda x: (x + 1, {"loss": x}))

    advance, epochs = Population.advance, []

    def later(self):
        epochs.append(1)
        return exhausted(len(epochs), 1) or advance(self)

    monkeypatch.setattr(Population, "advance", later)
    with pytest.raises(JaxRuntimeError, match="RESOURCE_EXHAUSTED"):
        sweep(run, {"lr": [1.0, 2.0]}, epochs=2, metric="loss", progress=False)


def test_of_a_large_chunk_the_devices_pick(monkeypatch):
    monkeypatch.setattr(sys.modules["jsgd.sweeps.population"], "_LARGE", 0)
    run = Run(lambda key, hyper: hyper["lr"] + jnp.zeros(5), lambda x: (x + 1, {"loss": x[0]}))
    lr = np.arange(16.0).tolist()
    how = {"epochs": 3, "metric": "loss", "mode": "max", "progress": False}
    result = sweep(run, {"lr": lr}, layout=("chunk", 4), rungs=(1,), **how)
    np.testing.assert_array_equal(np.sort(result.table["mean_score"])[-6:], np.arange(10, 16) + 2)
    np.testing.assert_array_equal(result.best_run().carry, np.full(5, 18.0))
