"""The ledger: what a sweep knows so far of every setting that it has begun with."""

from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np


@dataclass
class Ledger:
    """What is known; it grows as the sweep goes on.

    Attributes:
        epochs: of a setting that is never stopped.
        copies: members of a setting, one for every seed and fold.
        points: name -> values, one for each setting, as they are now.
        drawn: the same as they were at first, where a scheduler changes them.
        curves: metric -> array of shape (members, epochs). What has not come to pass is NaN; whole
            numbers stay what they were last.
        lengths: the epochs that each setting has done, of shape (settings,).
        running: the settings that go on.
        batches: the first setting of every batch.
        epoch: the epochs that the running ones have done.
    """

    epochs: int
    copies: int
    points: dict[str, np.ndarray] = field(default_factory=dict)
    drawn: dict[str, np.ndarray] = field(default_factory=dict)
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    running: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    batches: list[int] = field(default_factory=list)
    epoch: int = 0

    def begin(self, points: dict[str, np.ndarray]) -> None:
        """Another batch of settings."""
        first, count = len(self.lengths), len(next(iter(points.values())))
        self.points, self.drawn = (_longer(old, points) for old in (self.points, self.drawn))
        self.curves = {
            name: np.concatenate([x, _unknown(count * self.copies, self.epochs, x.dtype)])
            for name, x in self.curves.items()
        }
        self.lengths = np.concatenate([self.lengths, np.zeros(count, int)])
        self.batches.append(first)
        self.running, self.epoch = np.arange(first, first + count), 0

    def record(self, epoch: int, ids: np.ndarray, metrics: dict[str, Any]) -> None:
        """What members say of an epoch, counted from 1."""
        for name, x in metrics.items():
            if name not in self.curves:
                size = len(self.lengths) * self.copies
                self.curves[name] = _unknown(size, self.epochs, x.dtype)
            if jnp.issubdtype(x.dtype, jnp.inexact):
                self.curves[name][ids, epoch - 1] = x
            else:
                self.curves[name][ids, epoch - 1 :] = x[:, None]

    def end_epoch(self) -> None:
        """All that run have done another epoch."""
        self.epoch += 1
        self.lengths[self.running] = self.epoch

    def change(self, rows: np.ndarray, source: np.ndarray, params: dict[str, np.ndarray]) -> None:
        """Settings have other values from now on; whose state they took over becomes a curve."""
        for name, x in params.items():
            self.points[name] = self.points[name].copy()
            self.points[name][rows] = x
        for copy in range(self.copies):
            self.record(self.epoch, rows * self.copies + copy, {"source": source})

    def steps(self) -> float:
        """Steps of a member in an epoch."""
        return (
            float(self.curves["step"].max()) / self.lengths.max() if "step" in self.curves else 1.0
        )

    def seen(self) -> dict[str, np.ndarray]:
        """The curves as far as anyone has come, of shape (settings, copies, epochs so far).

        They are views, since they are looked at after every epoch.
        """
        far = int(self.lengths.max())
        return {name: x[:, :far].reshape(-1, self.copies, far) for name, x in self.curves.items()}

    def members(self, rows: np.ndarray) -> np.ndarray:
        """The members of settings."""
        return (rows[:, None] * self.copies + np.arange(self.copies)).ravel()


def _longer(old: dict[str, np.ndarray], more: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([old[name], x]) if old else x for name, x in more.items()}


def _unknown(size: int, epochs: int, dtype: Any) -> np.ndarray:
    fill = np.nan if jnp.issubdtype(dtype, jnp.inexact) else 0
    return np.full((size, epochs), fill, dtype)
