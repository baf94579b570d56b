"""Layout: how a population of runs is cut into chunks for one program.

A population is cut into chunks of `size` members on each device. One compiled program advances a
chunk, whichever; the members of a chunk on one device are mapped with `jax.vmap`, chunks follow one
another, and a chunk is split over the devices with `jax.shard_map`. The layouts are sizes: `"map"`
is 1, `"vmap"` is everything at once, `("chunk", k)` lies between, and `"auto"` guesses one and
measures others where that is worth it. A size for which there is no memory is made smaller.

The last chunk is filled up with copies of member 0. No member sees another, so nothing depends on
where it stands; which size is fastest depends on the model and the machine.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jsgd.sweeps.memory import available, even, fit, free_on_host, largest_in_loops, readable
from jsgd.sweeps.program import Members, Program, carry_bytes, compile_run
from jsgd.train.leaves import shapes
from jsgd.train.run import Run

Layout = str | tuple[str, int]

# Where "auto" begins on CPU: with as many members as have this much together, in their carries or
# in the largest array of a step. Small ones want many members for every operation, large ones have
# them leave the caches. Of 6 models (linear, MLPs, CNNs; SGD, Adam) on 2 cores, none was 15 %
# faster otherwise.
_BYTES = 2**21
_FACTOR = 4  # between sizes that are tried
_GAIN = 0.2  # Another size is tried if it cost less than such a part of the work that is left.


def plan(
    run: Run,
    members: Members,
    epochs: int,
    layout: Layout = "auto",
    memory: int | str | None = None,
) -> Program:
    """The program that a sweep will use.

    Args:
        run: the pair to map.
        members: the whole population.
        epochs: how long it will be advanced; for "auto", which spends little on little work.
        layout: "auto", "vmap", "map" or ("chunk", size).
        memory: bytes on each device, an int or a string such as "4GiB"; `None` for what is free.

    Raises:
        ValueError: no such layout or amount, or too little memory for one member, or for the
            carries of all.
    """
    devices = jax.local_devices()[: len(members.keys)]
    block = math.ceil(len(members.keys) / len(devices))  # members on each device
    limit = available(memory, devices)
    size = chunk_size(layout, block)

    def compiled(size: int) -> Program:
        return compile_run(run, members, size, devices)

    def fitting(size: int, use: Callable) -> Any:
        return fit(compiled, size, block, limit, use)

    if size is None:
        program = _fastest(fitting, _first_size(run, members, block, devices), members, epochs)
    else:
        program = fit(compiled, size, block, limit)
    waiting = program.carry_bytes * len(members.keys)
    if program.offload and waiting > free_on_host():
        raise ValueError(
            f"memory: the carries of {len(members.keys)} members need {readable(waiting)}, which "
            f"neither the devices have nor the host"
        )
    return program


def share(programs: list[Program], parts: list[Members]) -> list[Program]:
    """The programs of populations that are advanced in turns, each planned as if it were alone.

    Where there is no room for the carries of all of them, all wait on the host.
    """
    working = max(program.working_bytes for program in programs)
    resident = sum(
        program.needs(math.ceil(len(members.keys) / program.devices), offload=False)
        - program.working_bytes
        for program, members in zip(programs, parts, strict=True)
    )
    if resident + working <= min(program.memory for program in programs):
        return programs
    return [replace(program, offload=True) for program in programs]


def replan(run: Run, members: Members, program: Program) -> Program:
    """The program for what is left of a population: another only if half the size will do."""
    devices = jax.local_devices()[: min(program.devices, len(members.keys))]
    block = math.ceil(len(members.keys) / len(devices))
    size = even(block, program.size)
    if len(devices) < program.devices or 2 * size <= program.size:
        new = fit(
            lambda size: compile_run(run, members, size, devices), size, block, program.memory
        )
        return replace(new, offload=program.offload)
    return program


def chunk_size(layout: Layout, block: int) -> int | None:
    """The members of a chunk, of `block` on one device; `None` for "auto".

    Raises:
        ValueError: no such layout.
    """
    kind, *rest = (layout,) if isinstance(layout, str) else layout
    if kind == "chunk" and len(rest) == 1 and isinstance(rest[0], int) and rest[0] >= 1:
        return even(block, rest[0])
    sizes = {"auto": None, "map": 1, "vmap": block}
    if kind not in sizes or rest:
        raise ValueError(
            f'layout = {layout!r}: it must be "auto", "vmap", "map" or ("chunk", size), size >= 1'
        )
    return sizes[kind]


def _first_size(run: Run, members: Members, block: int, devices: list) -> int:
    if devices[0].platform != "cpu":
        return block
    carry = shapes(run, members.keys[0], members.hyper)
    step = largest_in_loops(jax.make_jaxpr(run.advance)(carry, *members.data).jaxpr)
    size = max(1, round(_BYTES / max(1, carry_bytes(carry), step)))
    return math.ceil(block / max(1, round(block / size)))


def _fastest(fitting: Callable[..., Any], size: int, members: Members, epochs: int) -> Program:
    """Climb from the first size towards the fastest: upwards, or else downwards."""
    count = len(members.keys)

    def left(program: Program) -> int:
        return epochs * math.ceil(count / program.width)  # chunks to advance

    def alone(program: Program) -> Program:
        # beside a few epochs timing alone would cost too much
        return _race(members, program)[0] if _GAIN * left(program) > 2 else program

    best = fitting(size, alone)
    block = math.ceil(count / best.devices)
    for factor in (_FACTOR, 1 / _FACTOR):
        improved = False
        while (size := even(block, min(block, max(1, int(best.size * factor))))) != best.size:
            seconds = best.epoch_seconds or 0.0
            trying = best.compile_seconds + seconds * (1 + size / best.size)
            if _GAIN * left(best) * seconds < trying:
                break
            best, other = fitting(size, lambda program, best=best: _race(members, best, program))
            if other.seconds_each > 0.95 * best.seconds_each:
                break
            best, improved = other, True
        if improved:
            break
    return best


def _race(members: Members, *programs: Program) -> list[Program]:
    """The programs with the time of an epoch of a chunk: the best of a few turns where quick.

    They take turns, so that a machine that is busy for a while does not favour one.
    """
    rows = [np.arange(program.width) % len(members.keys) for program in programs]
    carries = [program.start(members.take(x)) for program, x in zip(programs, rows)]
    data = [program.share(members.data) for program in programs]
    best = [math.inf] * len(programs)
    total = 0.0
    while total < 0.5 * programs[-1].compile_seconds and total < 20 * sum(best):
        for i, program in enumerate(programs):
            start = time.perf_counter()
            carries[i], metrics = program.advance(carries[i], *data[i])
            jax.block_until_ready(metrics)
            seconds = time.perf_counter() - start
            best[i], total = min(best[i], seconds), total + seconds
    return [replace(p, epoch_seconds=x) for p, x in zip(programs, best)]


def chunks(count: int, width: int) -> list[np.ndarray]:
    """The members of every chunk; what is missing at the end is member 0."""
    rows = np.arange(math.ceil(count / width) * width)
    return list(np.where(rows < count, rows, 0).reshape(-1, width))
