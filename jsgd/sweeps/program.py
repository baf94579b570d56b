"""Program: a run compiled for chunks of a population, mapped on each device and split over them."""

import functools
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jsgd.core.numerics import hyper_dtype
from jsgd.sweeps.memory import readable, working_bytes
from jsgd.train.run import Run


class Members(NamedTuple):
    """A population, or a part of it: arrays whose leading axis is the member.

    Attributes:
        keys: JAX keys, of shape (members,).
        hyper: name -> float array of shape (members,).
        data: what `advance` is given beside the carry, one for all: arguments, pytrees of arrays.
    """

    keys: jax.Array
    hyper: dict[str, np.ndarray]
    data: tuple = ()

    def take(self, rows: np.ndarray) -> "Members":
        hyper = {name: x[rows] for name, x in self.hyper.items()}
        return self._replace(keys=self.keys[rows], hyper=hyper)

    def numbers(self) -> dict[str, Any]:
        """The hyperparameters as JAX has them."""
        return {name: jnp.asarray(x, hyper_dtype()) for name, x in self.hyper.items()}


@dataclass(frozen=True)
class Program:
    """The compiled pair for a chunk: `size` members on each of `devices`.

    Attributes:
        init: `init(keys, hyper) -> carry`, compiled, for size * devices members.
        advance: `advance(carry, *data) -> (carry, metrics)`, compiled; it consumes the carry.
        compile_seconds: what compiling both took.
        carry_bytes: what the carry of a member takes.
        working_bytes: what a chunk takes on a device besides the carries, while it is advanced.
        epoch_seconds: what an epoch of one chunk takes, where it was measured.
        memory: the bytes that each device has for the population.
        wanted: the size that was asked for; there was no memory for it if `size` is less.
        offload: there is no memory for all carries: those that wait must do so on the host.
    """

    init: Callable
    advance: Callable
    size: int
    devices: int
    sharding: Any
    compile_seconds: float
    carry_bytes: int = 0
    working_bytes: int = 0
    epoch_seconds: float | None = None
    memory: int = sys.maxsize
    wanted: int = 0
    offload: bool = False

    @property
    def width(self) -> int:
        """Members of a chunk on all devices together."""
        return self.size * self.devices

    @property
    def seconds_each(self) -> float:
        """The time of an epoch, by members."""
        return (self.epoch_seconds or 0.0) / self.size

    def start(self, members: Members) -> Any:
        """The carry of `width` members."""
        return self.init(*self.put((members.keys, members.numbers())))

    def put(self, tree: Any) -> Any:
        """Arrays of `width` rows, spread over the devices."""
        return jax.device_put(tree, self.sharding)

    def share(self, data: tuple) -> tuple:
        """What is one for all members, whole on each device."""
        if not data:
            return data
        return jax.device_put(data, NamedSharding(self.sharding.mesh, PartitionSpec()))

    @property
    def home(self) -> Any:
        """Where the carries of chunks wait for their turn."""
        return self.sharding.with_memory_kind("pinned_host") if self.offload else self.sharding

    def needs(self, block: int, offload: bool) -> int:
        """Bytes on each device that a population of `block` members on it takes."""
        resident = math.ceil(block / self.size) * self.size
        if offload:  # one comes while another goes
            resident = min(resident, 2 * self.size)
        return resident * self.carry_bytes + self.working_bytes

    def describe(self, count: int) -> str:
        """How it cuts `count` members, for people."""
        chunks = math.ceil(count / self.width)
        platform = self.sharding.mesh.devices.flat[0].platform.upper()
        member = readable(self.carry_bytes + self.working_bytes / self.size)
        line = (
            f"{chunks} chunk{'s' * (chunks > 1)} of {self.size} on "
            + (f"each of {self.devices} {platform} devices" if self.devices > 1 else platform)
            + f" ({member} a member of {readable(self.memory)})"
        )
        if self.size < self.wanted:
            line += f"; {self.wanted} at a time do not fit"
        return line + "; those that wait are in host memory" * self.offload


def compile_run(run: Run, members: Members, size: int, devices: list) -> Program:
    """Both programs of a run for chunks of `size` members on each device; the last few are kept."""
    names, key_dtype = tuple(members.hyper), members.keys.dtype
    leaves, structure = jax.tree.flatten(members.data)
    shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves)
    own = structure, shapes
    return _compiled(run, names, key_dtype, hyper_dtype(), size, tuple(devices), own)


@functools.lru_cache(maxsize=64)
def _compiled(
    run: Run,
    names: tuple[str, ...],
    key_dtype: Any,
    dtype: Any,
    size: int,
    devices: tuple,
    own: tuple[Any, tuple],
) -> Program:
    spread, data = PartitionSpec("members"), own[0].unflatten(own[1])
    mesh = Mesh(np.array(devices), ("members",))
    sharding = NamedSharding(mesh, spread)

    def over_devices(fn, mapped, shared=0):
        axes = (0,) * mapped + (None,) * shared
        fn = jax.vmap(fn, axes) if size > 1 else _one(fn, mapped)
        specs = (spread,) * mapped + (PartitionSpec(),) * shared
        return jax.shard_map(fn, mesh=mesh, in_specs=specs, out_specs=spread, check_vma=False)

    def array(dtype):
        return jax.ShapeDtypeStruct((size * len(devices),), dtype, sharding=sharding)

    options: dict[str, str | bool] = {}
    if devices[0].platform == "cpu":
        # without LLVM's costly passes programs compile about 1.5 times faster, and run no slower
        options["xla_backend_optimization_level"] = "1"
    start = time.perf_counter()
    hyper = {name: array(dtype) for name in names}
    init = jax.jit(over_devices(run.init, 2)).lower(array(key_dtype), hyper)
    carry = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), init.out_info
    )
    advance = jax.jit(over_devices(run.advance, 1, len(data)), donate_argnums=0)
    advance = advance.lower(carry, *data)
    init, advance = init.compile(options), advance.compile(options)
    seconds = time.perf_counter() - start
    ours = carry_bytes(carry) // (size * len(devices)), working_bytes(init, advance)
    return Program(init, advance, size, len(devices), sharding, seconds, *ours)


def compilations() -> int:
    """How many programs of runs this process has compiled."""
    return _compiled.cache_info().misses


def _one(fn: Callable, mapped: int) -> Callable:
    """`fn` for a chunk of one: not `vmap`, which would make batched operations of plain ones."""

    def chunk(*args):
        out = fn(*jax.tree.map(lambda x: x[0], args[:mapped]), *args[mapped:])
        return jax.tree.map(lambda x: x[None], out)

    return chunk


def carry_bytes(carry: Any) -> int:
    """What the arrays of a carry take."""
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(carry))
