"""Layout: how a population of runs is cut into programs, and the programs that advance it.

A population is cut into chunks of `size` members on each device. One compiled program advances a
chunk, whichever; the members of a chunk on one device are mapped with `jax.vmap`, chunks follow one
another, and a chunk is split over the devices with `jax.shard_map`. The layouts are sizes: `"map"`
is 1, `"vmap"` is everything at once, `("chunk", k)` lies between, and `"auto"` measures.

The last chunk is filled up with copies of member 0. No member sees another, so nothing depends on
where it stands; which size is fastest depends on the model and the machine.
"""

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jsgd.core.numerics import hyper_dtype
from jsgd.train.run import Run

Layout = str | tuple[str, int]

CHUNK = (
    4  # the size to begin with: on 2 CPU cores, the best for a CNN and as good as any for an MLP
)
_FACTOR = 8  # between sizes that are tried
# Another size is tried only if the work left takes so many times longer than trying does.
WORTH_TRYING = 10.0


class Members(NamedTuple):
    """A population, or a part of it: arrays whose leading axis is the member.

    Attributes:
        keys: JAX keys, of shape (members,).
        hyper: name -> float array of shape (members,).
    """

    keys: jax.Array
    hyper: dict[str, np.ndarray]

    def take(self, rows: np.ndarray) -> "Members":
        return Members(self.keys[rows], {name: x[rows] for name, x in self.hyper.items()})

    def numbers(self) -> dict[str, Any]:
        """The hyperparameters as JAX has them."""
        return {name: jnp.asarray(x, hyper_dtype()) for name, x in self.hyper.items()}


@dataclass(frozen=True)
class Program:
    """The compiled pair for a chunk: `size` members on each of `devices`.

    Attributes:
        init: `init(keys, hyper) -> carry`, compiled, for size * devices members.
        advance: `advance(carry) -> (carry, metrics)`, compiled; it consumes the carry.
        compile_seconds: what compiling both took.
        epoch_seconds: what an epoch of one chunk takes, where it was measured.
    """

    init: Callable
    advance: Callable
    size: int
    devices: int
    sharding: Any
    compile_seconds: float
    epoch_seconds: float | None = None

    @property
    def width(self) -> int:
        """Members of a chunk on all devices together."""
        return self.size * self.devices

    def describe(self, members: int) -> str:
        return f"chunks of {self.size} on each of {self.devices}"

    def start(self, members: Members) -> Any:
        """The carry of `width` members."""
        return self.init(*self.put((members.keys, members.numbers())))

    def put(self, tree: Any) -> Any:
        """Arrays of `width` rows, spread over the devices."""
        return jax.device_put(tree, self.sharding)


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
        layout: "auto", "vmap", "map", "chunk" or ("chunk", size).

    Raises:
        ValueError: no such layout.
    """
    devices = jax.local_devices()[: len(members.keys)]
    block = math.ceil(len(members.keys) / len(devices))  # members on each device
    size = chunk_size(layout, block)
    if size is not None:
        return compile_run(run, members, size, devices)
    return _fastest(run, members, epochs, block, devices)


def replan(run: Run, members: Members, program: Program) -> Program:
    """The program for what is left of a population: another only if half the size will do."""
    devices = jax.local_devices()[: min(program.devices, len(members.keys))]
    size = _even(math.ceil(len(members.keys) / len(devices)), program.size)
    if len(devices) == program.devices and 2 * size > program.size:
        return program
    return compile_run(run, members, size, devices)


def compile_run(run: Run, members: Members, size: int, devices: list) -> Program:
    """Both programs of a run for chunks of `size` members on each device; the last few are kept."""
    names, key_dtype = tuple(members.hyper), members.keys.dtype
    return _compiled(run, names, key_dtype, hyper_dtype(), size, tuple(devices))


@functools.lru_cache(maxsize=8)
def _compiled(
    run: Run, names: tuple[str, ...], key_dtype: Any, dtype: Any, size: int, devices: tuple
) -> Program:
    spread = PartitionSpec("members")
    mesh = Mesh(np.array(devices), ("members",))
    sharding = NamedSharding(mesh, spread)

    def over_devices(fn):
        fn = jax.vmap(fn) if size > 1 else _one(fn)
        return jax.shard_map(fn, mesh=mesh, in_specs=spread, out_specs=spread, check_vma=False)

    def array(dtype):
        return jax.ShapeDtypeStruct((size * len(devices),), dtype, sharding=sharding)

    options: dict[str, str | bool] = {}
    if devices[0].platform == "cpu":
        # without LLVM's costly passes programs compile about 1.5 times faster, and run no slower
        options["xla_backend_optimization_level"] = "1"
    start = time.perf_counter()
    init = jax.jit(over_devices(run.init)).lower(array(key_dtype), {n: array(dtype) for n in names})
    carry = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), init.out_info
    )
    advance = jax.jit(over_devices(run.advance), donate_argnums=0).lower(carry)
    init, advance = init.compile(options), advance.compile(options)
    seconds = time.perf_counter() - start
    return Program(init, advance, size, len(devices), sharding, seconds)


def compilations() -> int:
    """How many programs of runs this process has compiled."""
    return _compiled.cache_info().misses


def _one(fn: Callable) -> Callable:
    """`fn` for a chunk of one: not `vmap`, which would make batched operations of plain ones."""

    def chunk(*args):
        out = fn(*jax.tree.map(lambda x: x[0], args))
        return jax.tree.map(lambda x: x[None], out)

    return chunk


def chunk_size(layout: Layout, block: int) -> int | None:
    """The members of a chunk, of `block` on one device; `None` for "auto".

    Raises:
        ValueError: no such layout.
    """
    kind, *rest = (layout,) if isinstance(layout, str) else layout
    sizes = {"auto": None, "map": 1, "vmap": block, "chunk": CHUNK}
    if kind == "chunk" and len(rest) == 1 and isinstance(rest[0], int) and rest[0] >= 1:
        return _even(block, rest[0])
    if kind not in sizes or rest:
        raise ValueError(
            f'layout = {layout!r}: it must be "auto", "vmap", "map", "chunk" or ("chunk", size)'
        )
    size = sizes[kind]
    return size if size is None else _even(block, size)


def _even(block: int, size: int) -> int:
    """The size, not above `size`, that cuts `block` into as few but even chunks."""
    return math.ceil(block / math.ceil(block / size))


def _fastest(run: Run, members: Members, epochs: int, block: int, devices: list) -> Program:
    """Climb from the first size towards the fastest: upwards, or else downwards."""
    steps = (CHUNK * _FACTOR**i for i in range(5))
    sizes = sorted({1, block, *(_even(block, size) for size in steps)})
    at = sizes.index(_even(block, CHUNK))
    best = _timed(compile_run(run, members, sizes[at], devices), members)
    for way in (sizes[at + 1 :], sizes[:at][::-1]):
        improved = False
        for size in way:
            chunks = math.ceil(len(members.keys) / best.width)
            left = epochs * chunks * _seconds(best)
            trying = 1.5 * best.compile_seconds + _seconds(best) * size / best.size
            if left < WORTH_TRYING * trying:
                break
            other = _timed(compile_run(run, members, size, devices), members)
            if _seconds(other) / other.size > 0.95 * _seconds(best) / best.size:
                break
            best, improved = other, True
        if improved:
            break
    return best


def _timed(program: Program, members: Members) -> Program:
    """The program with the time of an epoch of a chunk, the best of a few where that is quick."""
    rows = np.arange(program.width) % len(members.keys)
    carry, best, total = program.start(members.take(rows)), math.inf, 0.0
    while total < 0.5 * program.compile_seconds and total < 20 * best:
        start = time.perf_counter()
        carry, metrics = program.advance(carry)
        jax.block_until_ready(metrics)
        seconds = time.perf_counter() - start
        best, total = min(best, seconds), total + seconds
    return Program(**{**vars(program), "epoch_seconds": best})


def _seconds(program: Program) -> float:
    return program.epoch_seconds or 0.0


def chunks(count: int, width: int) -> list[np.ndarray]:
    """The members of every chunk; what is missing at the end is member 0."""
    rows = np.arange(math.ceil(count / width) * width)
    return list(np.where(rows < count, rows, 0).reshape(-1, width))
