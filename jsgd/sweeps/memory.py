"""Memory: how much of it a device has, and how many members of a population fit into it.

The carries of a whole population stay on their device, and one chunk at a time is worked on. What
that takes the compiler says of every program it compiles, before anything runs. So the size that is
wanted is compiled first: where it fits, as it mostly does, there is nothing more to pay for. Where
it does not, the next size is what fits if working memory grows in proportion, or, once two sizes
are known, along the line through them.
"""

import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jax.errors import JaxRuntimeError

_SAFETY = 0.8  # of what is free: allocators lose some to fragments, and we are not alone
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_PROC, _CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
_CGROUPS = (  # of a container: limit, what is used, and how the part that can be given up is called
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)


def available(memory: int | str | None, devices: Sequence[Any]) -> int:
    """Bytes on each device that a population may take.

    Args:
        memory: bytes on each device, at least 1, or a string such as "4GiB" or "500 MB"; `None`
            asks: an accelerator for what is free on it, the machine for what CPU devices share.
        devices: all of one kind.

    Raises:
        ValueError: no such amount.

    >>> import jax
    >>> available("1.5GiB", jax.local_devices())
    1610612736
    """
    if memory is None:
        if devices[0].platform == "cpu":
            return int(_SAFETY * free_on_host() / len(devices))
        return int(_SAFETY * min(_free_on(device) for device in devices))
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(\w*)", str(memory))
    amount = int(float(found[1]) * _UNITS.get(found[2].upper(), 0)) if found else 0
    if isinstance(memory, bool | float) or amount < 1:
        raise ValueError(
            f'memory = {memory!r}: it must be bytes (>= 1), a string such as "4GiB", or None'
        )
    return amount


def free_on_host() -> float:
    """Bytes that the machine, or the container that we are in, can give without swapping."""
    free = [sys.maxsize]
    try:
        lines = (_PROC / "meminfo").read_text().splitlines()
        free += [1024 * int(x.split()[1]) for x in lines if x.startswith("MemAvailable")]
    except OSError:  # not Linux: JAX says nothing, and neither can we
        return sys.maxsize
    for limit, used, idle in _CGROUPS:
        try:
            at = _CGROUP / limit
            stat = dict(x.split() for x in (at.parent / "memory.stat").read_text().splitlines())
            held = int((_CGROUP / used).read_text()) - int(stat[idle])
            free.append(int(at.read_text()) - held)
        except (OSError, ValueError, KeyError):  # not there, or "max", which is no limit
            continue
    return max(0, min(free))


def _free_on(device: Any) -> float:
    stats = device.memory_stats() or {}
    return stats.get("bytes_limit", sys.maxsize) - stats.get("bytes_in_use", 0)


def working_bytes(init: Any, advance: Any) -> int:
    """What a chunk's compiled programs take on a device besides the carries; 0 if nobody says."""
    beginning, going = init.memory_analysis(), advance.memory_analysis()
    if beginning is None or going is None:
        return 0
    return max(
        _all_bytes(beginning) - beginning.output_size_in_bytes,
        _all_bytes(going) - going.argument_size_in_bytes,
    )


def _all_bytes(x: Any) -> int:
    """Arguments, results, temporaries and constants; the peak may leave temporaries out (on CPU)"""
    own = x.argument_size_in_bytes + x.output_size_in_bytes - x.alias_size_in_bytes
    both = own + x.temp_size_in_bytes + x.generated_code_size_in_bytes
    return max(both, x.peak_memory_in_bytes + x.temp_size_in_bytes)


def largest_in_loops(jaxpr: Any, inside: bool = False) -> int:
    """The bytes of the largest array that is computed in a loop of a program, as it was traced."""
    most = 0
    for eqn in jaxpr.eqns:
        loop = inside or eqn.primitive.name in ("scan", "while")
        parts = [part for value in eqn.params.values() for part in _programs(value)]
        most = max([most, *(largest_in_loops(part, loop) for part in parts)])
        if inside and not parts:
            most = max(most, *(x.aval.size * x.aval.dtype.itemsize for x in eqn.outvars))
    return most


def _programs(value: Any) -> list[Any]:
    """The programs in a parameter of an operation, such as the body of a loop."""
    values = value if isinstance(value, tuple | list) else [value]
    return [getattr(x, "jaxpr", x) for x in values if hasattr(getattr(x, "jaxpr", x), "eqns")]


def fit(
    compile: Callable[[int], Any],
    size: int,
    block: int,
    limit: int,
    use: Callable[[Any], Any] = lambda program: program,
) -> Any:
    """The program for chunks of `size` members on each device, or of as many as there is room for.

    Args:
        compile: from a size to its `layout.Program`.
        size: what is wanted, 1 to block.
        block: members of the whole population on each device.
        limit: bytes on each device.
        use: what to do with the program once there is one. Where the device runs out of memory all
            the same, in compiling or in this, half the size is next.

    Returns:
        What `use` returns of the program, whose `wanted` and `memory` are set. Where not even the
        carries that wait fit on the device, `offload` is true, and there is room for two chunks:
        the one that comes and the one that goes.

    Raises:
        ValueError: there is no room for one member.
    """
    wanted, offload, seen, least = size, False, [], math.inf
    while True:
        try:
            program = compile(size)
            need = program.needs(block, offload)
            if need <= limit:
                return use(replace(program, wanted=wanted, memory=limit, offload=offload))
        except JaxRuntimeError as error:
            if not is_exhausted(error):
                raise
            most = size // 2
        else:
            seen, least = [*seen, program], min(least, need)
            most = min(size - 1, _most(seen[-2:], block, limit, offload))
        if most < 1 and seen and not offload:
            offload, most, seen = True, wanted, []
        if most < 1 and size == 1:
            needs = "more" if least == math.inf else readable(least)
            raise ValueError(
                f"memory: one member needs {needs} on a device that has {readable(limit)} for it"
            )
        size = even(block, max(1, most))


def is_exhausted(error: Exception) -> bool:
    """Whether a device ran out of memory."""
    return "RESOURCE_EXHAUSTED" in str(error)


def _most(seen: list, block: int, limit: int, offload: bool) -> int:
    """How many members a chunk may have: working memory is a line through the programs seen."""
    fixed, slope = 0.0, seen[-1].working_bytes / seen[-1].size
    if len(seen) == 2 and seen[0].size != seen[1].size:
        one, two = seen
        slope = (one.working_bytes - two.working_bytes) / (one.size - two.size)
        fixed = two.working_bytes - slope * two.size
    carry = seen[-1].carry_bytes
    room = limit - fixed - (0 if offload else carry * block)
    slope += 2 * carry if offload else 0
    if room <= 0:
        return 0
    return int(room / slope) if slope > 0 else seen[-1].size


def even(block: int, size: int) -> int:
    """The size, not above `size`, that cuts `block` into as few but even chunks."""
    return math.ceil(block / math.ceil(block / size))


def readable(count: float) -> str:
    """Bytes, for people.

    >>> readable(512), readable(1_234_567)
    ('512 B', '1.2 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
