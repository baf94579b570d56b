"""Kills a fit with SIGKILL, in an epoch and while it saves, each time going on with it.

Run by test_checkpoint.py in a process of its own, which forks a child for every session: it has JAX
imported, but not started. It prints, for every kill, what checkpoints there were.
"""

import os
import signal
import sys
import time
from pathlib import Path

import orbax.checkpoint  # noqa: F401 (here, and not once a session)
import sklearn.datasets  # noqa: F401
from sessions import session, share_programs

import jsgd
from jsgd.train import fit, make_run, regression

EPOCHS = 14


def train(out):
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    opt = jsgd.sgd(jsgd.schedules.cosine(0.01, 1800), momentum=0.9)
    run = make_run(regression(model, data), opt, batch_size=2)
    how = {"epochs": EPOCHS, "save_every": 2, "keep": 2, "patience": 9}
    return fit(run, out=out, resume=True, progress=False, **how)


def main(folder):
    share_programs(folder / "cache")
    assert os.waitpid(session(train, folder / "whole"), 0)[1] == 0
    there = folder / "killed" / "checkpoints"

    def in_an_epoch():
        return (there / "4").exists() and time.sleep(0.002) is None

    def while_it_saves():
        return (there / "6").exists() and len(list(there.glob("*orbax*")))

    for moment in (in_an_epoch, while_it_saves):
        child, status = session(train, folder / "killed"), (0, 0)
        while not moment() and status == (0, 0):
            status = os.waitpid(child, os.WNOHANG)
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        print(*sorted(x.name for x in there.iterdir()))
    assert os.waitpid(session(train, folder / "killed"), 0)[1] == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
