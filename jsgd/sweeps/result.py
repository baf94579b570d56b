"""The result of a sweep: a table, and the curves that it is from."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import stdtrit

from jsgd.sweeps.conditions import applies
from jsgd.sweeps.dimension import Dimension
from jsgd.sweeps.files import decode, encode, write_all
from jsgd.sweeps.space import Either
from jsgd.train.fit import Fit


class Winner(NamedTuple):
    """Where the best setting ended.

    Attributes:
        row: the setting.
        carry: of its members, stacked.
    """

    row: int
    carry: Any


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found.

    Attributes:
        table: a dict of arrays with one row per setting: `param_<name>`; `mean_score` and
            `std_score` over the seeds, of the metric at the final epoch (NaN where a seed
            diverged), the standard deviation being that of the seeds at hand (`ddof=0`), as in
            scikit-learn's `cv_results_`; `ci_score`, the half-width of the 95 % confidence
            interval of the mean, by Student's t (NaN with one seed); `rank`, 1 = best; `status`,
            "COMPLETED", "DIVERGED" if any seed did, "STOPPED" at a rung, or "RUNNING"; `n_steps`;
            `first_bad_step`, or -1. The longer a setting was let run the higher it ranks, then by
            its score. Ties rank by the smaller spread over the seeds, then by order; diverged
            settings come last, the longest-lived first.
        curves: metric -> array of shape (settings, seeds, epochs). After a setting was stopped,
            floats are NaN, and whole numbers stay what they were.
        space: name -> dimension, as it was swept.
        metric: what the score is.
        mode: "max" or "min".
        info: how it was run: sampler, epochs, seeds, layout, seconds, versions.
        winner: where the setting of rank 1 ended, for `best_run`; `None` while the sweep is
            running, and where nothing is left of it.
    """

    table: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    space: dict[str, Dimension | Either]
    metric: str
    mode: str
    info: dict[str, Any] = field(default_factory=dict)
    winner: Winner | None = field(default=None, repr=False, compare=False)

    @property
    def order(self) -> np.ndarray:
        """The rows of the table from best to worst."""
        return np.argsort(self.table["rank"])

    @property
    def best_params(self) -> dict[str, Any]:
        """The setting of rank 1: the names that apply to it, with numbers and strings.

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

    def best_run(self, copy: int | None = None) -> Fit:
        """The setting of rank 1 as if `jsgd.train.fit` had run it: ready to use, or to go on with.

        Its `params` are those to use, `carry` is where the run is (parameters, the state of the
        optimizer and of the model), `history` what its curves say.

        Args:
            copy: which of its members: a place on the second axis of the curves, where seeds vary
                fastest, then folds. `None` is the one with the best score.

        Raises:
            ValueError: there is no such member, every setting diverged, or its state is not here:
                the sweep still runs, or the result was loaded from files. `sweep` with
                `resume=True` on the directory of a finished sweep gives the result with it.
        """
        if self.winner is None:
            _ = self.best_params  # if there is none at all, it says so
            raise ValueError(
                "the state of the best setting is not here: it is in what `sweep` returns, as from "
                "sweep(..., out=DIR, resume=True) for a finished sweep"
            )
        scores = self.curves[self.metric][self.winner.row].astype(np.float64)
        length = int(np.isfinite(scores).all(axis=0).sum())
        final = scores[:, length - 1] * (1 if self.mode == "max" else -1)
        copy = int(np.argmax(final)) if copy is None else copy
        if not 0 <= copy < len(final):
            raise ValueError(f"copy = {copy}: it must be 0 to {len(final) - 1}")
        carry = jax.tree.map(lambda x: jnp.asarray(x[copy]), self.winner.carry)
        history = {name: x[self.winner.row, copy, :length] for name, x in self.curves.items()}
        return Fit(carry, history, "epochs")

    def params(self, row: int) -> dict[str, Any]:
        """The setting in a row of the table: the names that apply, with numbers and strings."""
        columns = {name: self.table[f"param_{name}"] for name in self.space}
        return {name: x[row].item() for name, x in columns.items() if applies(x[row])}

    def to_pandas(self) -> Any:
        """The table as a `pandas.DataFrame`."""
        import pandas as pd

        return pd.DataFrame(self.table)

    def to_optuna(self) -> Any:
        """The sweep as an `optuna.Study` in memory, which Optuna's plots and dashboard read.

        One trial per setting, in the order of the table. Its value is the mean score, its
        intermediate values are the metric at every epoch where the mean over the seeds is finite;
        `std_score`, `n_steps` and `status` are user attributes. Grids and choices are categorical.
        A setting that diverged is a FAIL and an unfinished one RUNNING, both without a value. Of
        equal scores Optuna takes the first for the best, whatever the spread.

        Raises:
            ImportError: Optuna is not installed.
        """
        from jsgd.sweeps.study import study

        return study(self)

    def save(self, out: str | os.PathLike, pictures: bool = True) -> list[Path]:
        """Write `results.csv`, `sweep.json`, `curves.npz` and the pictures into a directory.

        Each file appears whole or not at all.

        Args:
            out: the directory; it is made if need be.
            pictures: whether to draw, too.

        Returns:
            The files.
        """
        running = "RUNNING" in self.table["status"]
        found = math.isfinite(self.best_score)
        head = {
            "status": "RUNNING" if running else "COMPLETED",
            "metric": self.metric,
            "mode": self.mode,
            "best_params": self.best_params if found else None,
            "best_score": self.best_score if found else None,
        }
        files = encode(self.table, self.curves, self.space, head, self.info)
        return write_all(out, files | (self._pictures() if pictures else {}))

    def save_pictures(self, out: str | os.PathLike) -> list[Path]:
        """Draw the pictures into a directory, each file whole or not at all.

        Args:
            out: the directory; it is made if need be.

        Returns:
            The files.
        """
        return write_all(out, self._pictures())

    @classmethod
    def load(cls, path: str | os.PathLike) -> "SweepResult":
        """The result that was saved into a directory, to the bit.

        It may be of a sweep that is still running, or was stopped: what is not finished has the
        status RUNNING.

        Args:
            path: the directory.

        Raises:
            ValueError: there is no sweep, or a file is missing, cut short or changed.

        >>> import tempfile
        >>> from jsgd.sweeps.space import dimensions
        >>> curves = {"loss": np.array([[[0.5, 0.25]], [[0.75, 0.5]]])}
        >>> table = tabulate({"lr": np.array([0.1, 0.01])}, curves, "loss", "min", True)
        >>> result = SweepResult(table, curves, dimensions({"lr": [0.1, 0.01]}), "loss", "min")
        >>> with tempfile.TemporaryDirectory() as out:
        ...     files = result.save(out, pictures=False)
        ...     SweepResult.load(out).best_params
        {'lr': 0.1}
        """
        table, curves, space, head, info = decode(Path(path))
        return cls(table, curves, space, head["metric"], head["mode"], info)

    def _pictures(self) -> dict[str, bytes]:
        from jsgd.sweeps import plots  # here: matplotlib takes a while to import

        return {f"{name}.png": plots.png(fig) for name, fig in plots.pictures(self).items()}


def tabulate(
    points: dict[str, np.ndarray],
    curves: dict[str, np.ndarray],
    metric: str,
    mode: str,
    done: bool | np.ndarray,
    lengths: np.ndarray | None = None,
    epochs: int | None = None,
) -> dict[str, np.ndarray]:
    """The table of settings, from what their curves say so far.

    Args:
        points: name -> values, one per setting.
        curves: metric -> array of shape (settings, seeds, epochs so far).
        metric, mode: the score, and whether "max" or "min" is best.
        done: whether the sweep is finished, or each setting is.
        lengths: how many epochs each setting has run, where not all there are.
        epochs: how many it would run if it was never stopped, where the curves are shorter.
    """
    scores = curves[metric].astype(np.float64)
    total = scores.shape[-1]
    whole = epochs or total
    lengths = np.full(len(scores), total) if lengths is None else np.minimum(lengths, total)
    each = np.broadcast_to(np.arange(1, total + 1), scores.shape)  # the epoch of each score
    within = each <= lengths[:, None, None]
    last = np.broadcast_to(lengths[:, None, None] - 1, (*scores.shape[:2], 1))
    steps = curves.get("step", each)
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
    freedom = final.shape[1] - 1
    ci = std * stdtrit(freedom, 0.975) / np.sqrt(freedom) if freedom else np.full_like(std, np.nan)
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
        "ci_score": ci,
        "rank": rank,
        "status": np.select(
            [diverged, np.broadcast_to(np.logical_not(done), diverged.shape), lengths < whole],
            ["DIVERGED", "RUNNING", "STOPPED"],
            "COMPLETED",
        ),
        "n_steps": np.take_along_axis(steps, last, axis=-1).max(axis=(1, 2)).astype(np.int64),
        "first_bad_step": np.where(diverged, first, -1),
    }
