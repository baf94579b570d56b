"""Fair timing: contenders take turns, compilation is apart, a ratio keeps its spread."""

import hashlib
import json
import os
import platform
import sys
import time
from pathlib import Path

import jax
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PAUSE = 0.3  # s, between turns: OpenMP's threads wait for more work that long, and busily


def compare(title, contenders, ratios, rounds, pause=PAUSE):
    """Time functions of no arguments by turns, and print a table of them and of ratios.

    Args:
        title: printed above the table.
        contenders: name -> function; its result is waited for.
        ratios: name -> (numerator, denominator[, factor]), of contenders.
        rounds: how many turns each gets, after one that compiles.
        pause: seconds before a turn, on CPU; it can be 0 without contenders that have OpenMP
            threads.

    Returns:
        A dict of seconds and ratios, each with median and quartiles.
    """
    print(title, flush=True)
    first = {name: _seconds(run, pause) for name, run in contenders.items()}
    times = {name: [] for name in contenders}
    rng = np.random.default_rng(0)
    for _ in range(rounds):
        for name in rng.permutation(list(contenders)):  # no one always comes after the same one
            times[name].append(_seconds(contenders[name], pause))
    table = {"title": title, "first call, s": first, "seconds": {}, "ratios": {}}
    for name, seconds in times.items():
        table["seconds"][name] = spread = _spread(seconds)
        low, median, high = (1e3 * s for s in spread.values())
        print(f"{name:42s} {median:9.1f} ms  [{low:.1f}, {high:.1f}]  first {first[name]:.1f} s")
    for name, (top, bottom, *factor) in ratios.items():
        each = np.divide(times[top], times[bottom]) * (factor[0] if factor else 1)
        table["ratios"][name] = spread = _spread(each)
        low, median, high = spread.values()
        print(f"{name:42s} {median:9.2f} x   [{low:.2f}, {high:.2f}]", flush=True)
    print()
    return table


def save(name, results, sources):
    """Write results with the versions, the machine and a hash of the sources beside them."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update((ROOT / source).read_bytes())
    record = {
        "results": results,
        "source_sha256": digest.hexdigest(),
        "versions": {"python": platform.python_version(), "jax": jax.__version__},
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "device": jax.devices()[0].device_kind,
        },
        "load_after": os.getloadavg(),
    }
    where = "-gpu" if on_gpu() else ""
    path = ROOT / "benchmarks" / "results" / f"{name}{where}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")
    print(f"written to {path}")


def on_gpu():
    return jax.default_backend() == "gpu"


def _seconds(run, pause):
    time.sleep(0 if on_gpu() else pause)
    start = time.perf_counter()
    jax.block_until_ready(run())
    if on_gpu() and (torch := sys.modules.get("torch")):
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _spread(values):
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"q25": low, "median": median, "q75": high}


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
