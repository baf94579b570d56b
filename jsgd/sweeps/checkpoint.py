"""Checkpoints: a whole sweep, saved between epochs with Orbax, so that a kill loses little.

A checkpoint holds what is known of every setting, the state of every member that runs, and what the
sweep is of. Everything else follows: what proposes and what stops settings are functions of that.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jsgd.sweeps.files import CHECKPOINT
from jsgd.sweeps.population import Population
from jsgd.sweeps.program import Program, compile_run
from jsgd.sweeps.result import Winner
from jsgd.train import store
from jsgd.train.leaves import from_leaves, shapes, to_leaves
from jsgd.train.record import difference

if TYPE_CHECKING:
    from jsgd.sweeps.drive import Drive


def save(out: Path, drive: "Drive") -> None:
    """Put a checkpoint in the place of the one before; at any moment one of them is whole.

    Args:
        out: the directory of the sweep.
        drive: the sweep.
    """
    ledger, populations, winner = drive.ledger, drive.populations, drive.winner
    notes = {
        "record": drive.job.record,
        "prints": drive.prints,
        "points": _texts(ledger.points),
        "drawn": _texts(ledger.drawn),
        "batches": ledger.batches,
        "epoch": ledger.epoch,
        "sizes": drive.sizes,
        "programs": [_chosen(x.program) for x in populations],
        "winner": winner.row if winner else None,
        "progress": (drive.done, drive.bar.total),
        "spent": (drive.compiled, drive.compiling, drive.seconds),
    }
    arrays = {
        "curves": ledger.curves,
        "lengths": ledger.lengths,
        "running": np.isin(np.arange(len(ledger.lengths)), ledger.running),
    }
    for i, x in enumerate(populations):
        arrays[f"ids{i}"] = x.ids
        arrays[f"population{i}"] = store.numbered(x.leaves(np.arange(len(x.ids))))
    if winner:
        arrays["winner"] = store.numbered(to_leaves(winner.carry))
    folder = out / CHECKPOINT
    number = max(store.whole(folder), default=0) + 1
    store.save(folder, number, notes, arrays)
    store.tidy(folder, [number])


def load(out: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The notes and the arrays of the last checkpoint; `None` if there is none."""
    folder = out / CHECKPOINT
    last = store.whole(folder)[-1:]
    store.tidy(folder, last)
    return store.load(folder, last[0]) if last else None


def restore(drive: "Drive", notes: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Have a drive that has not begun stand where one stood when it was saved.

    Raises:
        ValueError: that was another sweep; it says in what.
    """
    job, ledger = drive.job, drive.ledger
    _refuse(difference(notes["record"], job.record))
    ledger.points, ledger.drawn = _columns(notes["points"]), _columns(notes["drawn"])
    ledger.batches, ledger.epoch = notes["batches"], notes["epoch"]
    ledger.curves, ledger.lengths = arrays["curves"], arrays["lengths"]
    ledger.running = np.flatnonzero(arrays["running"])
    groups = job.groups.of(ledger.points, np.arange(len(ledger.lengths)))
    drive.identify(groups)
    _refuse(difference(notes["prints"], drive.prints))
    _refuse(_replay(drive))
    drive.sizes = notes["sizes"]
    drive.done, drive.bar.total = notes["progress"]
    drive.compiled, drive.compiling, drive.spent = notes["spent"]
    for i, (size, devices, chosen) in enumerate(notes["programs"]):
        ids = arrays[f"ids{i}"]
        (group,) = job.groups.of(ledger.points, np.unique(ids // job.copies))
        members = job.members(group, ledger.points, ids)
        program = compile_run(group.run, members, size, jax.local_devices()[:devices])
        program = dataclasses.replace(program, **chosen)
        like = shapes(group.run, job.key, job.names(group))
        leaves = store.listed(arrays[f"population{i}"])
        drive.populations.append(Population.restore(group.run, program, members, ids, like, leaves))
    if "winner" in arrays:
        (group,) = job.groups.of(ledger.points, np.array([notes["winner"]]))
        like = shapes(group.run, job.key, job.names(group))
        drive.winner = Winner(notes["winner"], from_leaves(like, store.listed(arrays["winner"])))


def _chosen(program: Program) -> tuple[int, int, dict[str, Any]]:
    memory = {name: getattr(program, name) for name in ("memory", "wanted", "offload")}
    return program.size, program.devices, memory


def _replay(drive: "Drive") -> str | None:
    """Have the proposals say again what they said; what is wrong if they do not."""
    ledger, told = drive.ledger, None
    for first, last in zip(ledger.batches, [*ledger.batches[1:], len(ledger.lengths)], strict=True):
        points = next(drive.proposals) if told is None else drive.proposals.send(told)
        for name, x in points.items():
            was = ledger.drawn[name][first:last]
            if not np.array_equal(x, was, equal_nan=x.dtype.kind == "f"):
                return f"its sampler proposed other values of {name}: give it a seed"
        told = drive.told(first, last)
    return None


def _refuse(difference: str | None) -> None:
    if difference:
        raise ValueError(f"this is another sweep than the one to resume: {difference}")


def _texts(columns: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: (x.dtype.str, x.tolist()) for name, x in columns.items()}


def _columns(texts: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array(x, kind) for name, (kind, x) in texts.items()}
