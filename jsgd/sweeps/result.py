"""The result of a sweep: a table, curves, and how they are saved."""

import contextlib
import csv
import io
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jsgd.sweeps.dimension import Dimension
from jsgd.sweeps.space import Either


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found.

    Attributes:
        table: a dict of arrays with one row per setting: `param_<name>`; `mean_score` and
            `std_score` over the seeds, of the metric at the final epoch (NaN where a seed
            diverged); `rank`, 1 = best; `status`, "COMPLETED", "DIVERGED" if any seed did,
            "STOPPED" at a rung, or "RUNNING"; `n_steps`; `first_bad_step`, or -1. The longer a
            setting was let run the higher it ranks, then by its score. Ties rank by the smaller
            spread over the seeds, then by order; diverged settings come last, the longest-lived
            first.
        curves: metric -> array of shape (settings, seeds, epochs). After a setting was stopped,
            floats are NaN, and whole numbers stay what they were.
        space: name -> dimension, as it was swept.
        metric: what the score is.
        mode: "max" or "min".
        info: how it was run: sampler, epochs, seeds, layout, seconds, versions.
    """

    table: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    space: dict[str, Dimension | Either]
    metric: str
    mode: str
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def order(self) -> np.ndarray:
        """The rows of the table from best to worst."""
        return np.argsort(self.table["rank"])

    @property
    def best_params(self) -> dict[str, float]:
        """The setting of rank 1.

        Raises:
            ValueError: every setting diverged.
        """
        if self.table["status"][self.order[0]] == "DIVERGED":
            raise ValueError("every setting diverged: there is no best one; try smaller steps")
        return self.params(int(self.order[0]))

    @property
    def best_score(self) -> float:
        """The mean score of rank 1; NaN if every setting diverged."""
        return float(self.table["mean_score"][self.order[0]])

    def params(self, row: int) -> dict[str, float]:
        """The setting in a row of the table."""
        return {name: float(self.table[f"param_{name}"][row]) for name in self.space}

    def to_pandas(self) -> Any:
        """The table as a `pandas.DataFrame`."""
        import pandas as pd

        return pd.DataFrame(self.table)

    def save(self, out: str | os.PathLike, pictures: bool = True) -> list[Path]:
        """Write `results.csv`, `sweep.json`, `curves.npz` and the pictures into a directory.

        Each file appears whole or not at all.

        Args:
            out: the directory; it is made if need be.
            pictures: whether to draw, too.

        Returns:
            The files.
        """
        out = Path(out)
        out.mkdir(parents=True, exist_ok=True)
        files = {
            "results.csv": _csv(self.table),
            "sweep.json": _json(self),
            "curves.npz": _npz(self.curves),
        }
        if pictures:
            from jsgd.sweeps import plots  # here: matplotlib takes a while to import

            files |= {f"{name}.png": plots.png(fig) for name, fig in plots.pictures(self).items()}
        for name, data in files.items():
            write(out / name, data)
        return [out / name for name in files]


def tabulate(
    points: dict[str, np.ndarray],
    curves: dict[str, np.ndarray],
    metric: str,
    mode: str,
    done: bool,
    lengths: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The table of settings, from what their curves say so far.

    Args:
        points: name -> values, one per setting.
        curves: metric -> array of shape (settings, seeds, epochs so far).
        metric, mode: the score, and whether "max" or "min" is best.
        done: whether the sweep is finished.
        lengths: how many epochs each setting was let run, where not all of them.
    """
    scores = curves[metric].astype(np.float64)
    total = scores.shape[-1]
    lengths = np.full(len(scores), total) if lengths is None else np.minimum(lengths, total)
    epochs = np.broadcast_to(np.arange(1, total + 1), scores.shape)
    within = epochs <= lengths[:, None, None]
    last = np.broadcast_to(lengths[:, None, None] - 1, (*scores.shape[:2], 1))
    steps = curves.get("step", epochs)
    at = np.full(scores.shape[:2], -1)  # the first bad step of each seed
    if "diverged_at" in curves:
        at = curves["diverged_at"][..., -1].astype(np.int64)
    # a run that does not say when it diverged shows it by its score
    bad = ~np.isfinite(scores) & within
    final = np.take_along_axis(scores, last, axis=-1)[..., 0]
    seen = np.take_along_axis(steps, np.argmax(bad, axis=-1)[..., None], axis=-1)[..., 0]
    at = np.where((at < 0) & ~np.isfinite(final), seen, at)
    diverged = np.any(at >= 0, axis=1)
    first = np.where(at >= 0, at, np.iinfo(np.int64).max).min(axis=1)
    final = np.where(diverged[:, None], np.nan, final)
    mean, std = final.mean(axis=1), final.std(axis=1)
    loss = -mean if mode == "max" else mean
    # the last key counts most: diverged or not, how far it was let run, the score, the spread;
    # for the diverged, how long they lived
    ran = np.where(diverged, 0, -lengths)
    order = np.lexsort((np.where(diverged, -first, std), np.nan_to_num(loss), ran, diverged))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return {f"param_{name}": x for name, x in points.items()} | {
        "mean_score": mean,
        "std_score": std,
        "rank": rank,
        "status": np.select(
            [diverged, lengths < total], ["DIVERGED", "STOPPED"], "COMPLETED" if done else "RUNNING"
        ),
        "n_steps": np.take_along_axis(steps, last, axis=-1).max(axis=(1, 2)).astype(np.int64),
        "first_bad_step": np.where(diverged, first, -1),
    }


def write(path: Path, data: bytes) -> None:
    """Put a file in its place whole: write it beside, then rename."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def claimed(out: str | os.PathLike | None) -> Iterator[Path | None]:
    """The directory, made sure to be writable; it goes again if nothing was written there.

    Raises:
        ValueError: it cannot be written, or holds the results of a sweep.
    """
    if out is None:
        yield None
        return
    path = Path(out)
    if (path / "results.csv").exists():
        raise ValueError(f"{path} holds the results of a sweep: name another directory")
    try:
        path.mkdir(parents=True, exist_ok=True)
        write(path / ".writable", b"")
        (path / ".writable").unlink()
    except OSError as error:
        raise ValueError(f"cannot write into {path}: {error.strerror or error}") from None
    try:
        yield path
    finally:
        if not any(path.iterdir()):
            path.rmdir()


def _csv(table: dict[str, np.ndarray]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(table)
    rows.writerows(zip(*(x.tolist() for x in table.values()), strict=True))
    return text.getvalue().encode()


def _json(result: SweepResult) -> bytes:
    running = "RUNNING" in result.table["status"]
    row = int(result.order[0])
    page = {
        "status": "RUNNING" if running else "COMPLETED",
        "metric": result.metric,
        "mode": result.mode,
        "best_params": result.params(row) if math.isfinite(result.best_score) else None,
        "best_score": result.best_score if math.isfinite(result.best_score) else None,
        "space": {name: asdict(x) for name, x in result.space.items()},
        **result.info,
    }
    return (json.dumps(page, indent=2, allow_nan=False) + "\n").encode()


def _npz(curves: dict[str, np.ndarray]) -> bytes:
    data = io.BytesIO()
    arrays: dict[str, Any] = dict(curves)
    np.savez_compressed(data, **arrays)
    return data.getvalue()
