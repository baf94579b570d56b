"""Kills a sweep with SIGKILL at random moments, each time going on with it, until it is done.

Run by test_resume.py in a process of its own, which forks a child for every session: it has JAX
imported, but not started. It prints, for every kill, what the directory held.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import orbax.checkpoint  # noqa: F401 (here, and not once a session)
from sessions import session, share_programs

import jsgd.sweeps.plots  # noqa: F401
from jsgd.sweeps import drive, sweep, uniform
from jsgd.train import Run

KILLS, EPOCHS = 20, 12


def train(out):
    def init(key, hyper):
        return {"key": key, "x": jnp.zeros(100), "t": jnp.int32(0), "speed": hyper["speed"]}

    def advance(carry):
        key, noise_key = jax.random.split(carry["key"])
        x = carry["x"] + carry["speed"] + 0.01 * jax.random.normal(noise_key, (100,))
        t = carry["t"] + 1
        return carry | {"key": key, "x": x, "t": t}, {"score": jnp.mean(x), "step": t}

    drive._SAVE_EVERY, drive._SAVE_SHARE = 0.0, float("inf")
    how = {"n": 9, "epochs": EPOCHS, "rungs": (4, 8), "layout": ("chunk", 2), "metric": "score"}
    sweep(Run(init, advance), {"speed": uniform(0, 1)}, out=out, resume=True, progress=False, **how)


def main(folder):
    rng, kills, sweeps = random.Random(0), 0, 0
    share_programs(folder / "cache")
    for name in ("first", "whole"):  # the first one compiles
        start = time.monotonic()
        assert os.waitpid(session(train, folder / name), 0)[1] == 0
    seconds, finished = time.monotonic() - start, False
    while kills < KILLS or not finished:
        out, finished = folder / f"killed{sweeps}", False
        child = session(train, out)
        if kills < KILLS:
            time.sleep(rng.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            kills += 1
            print("killed", sorted(x.name for x in out.iterdir()) if out.exists() else [])
        else:
            assert status == 0
            sweeps, finished = sweeps + 1, True
    print("finished", sweeps)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
