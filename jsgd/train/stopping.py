"""Stopping: which epoch was the best so far, and whether there is a reason to stop."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from jsgd.train.names import unknown


class Stopping:
    """Told the metrics of one epoch after another, it knows the best one and why to stop.

    All of it follows from the metrics, so one that is told those of a history stands where another
    stood.

    Args:
        monitor: the metric that decides which epoch is the best; `None` if there is none.
        tol: stop once `loss` changed by less from one epoch to the next, or `None`.
        patience: stop once so many epochs have not been better than the best, or `None`.

    Attributes:
        best_epoch: from 1; `None` while there is none.
        reason: why to stop: `"diverged"`, `"tol"` or `"patience"`; `None` while there is none.

    >>> stopping = Stopping("test_loss", patience=2)
    >>> for loss in 3.0, 2.0, 2.5, 2.1:
    ...     stopping.update({"test_loss": loss})
    >>> stopping.best_epoch, stopping.reason
    (2, 'patience')
    """

    def __init__(self, monitor: str | None, tol: float | None = None, patience: int | None = None):
        self.monitor, self.tol, self.patience = monitor, tol, patience
        self.epoch = 0
        self.best_epoch: int | None = None
        self.reason: str | None = None
        self._best, self._loss = np.inf, np.nan

    def update(self, metrics: Mapping[str, Any]) -> None:
        """Tell it the metrics of the next epoch."""
        self.epoch += 1
        if self.monitor is not None:
            value = float(metrics[self.monitor])
            value = -value if higher_is_better(self.monitor) else value
            if value < self._best:  # never, if it is NaN
                self._best, self.best_epoch = value, self.epoch
        before, self._loss = self._loss, float(metrics.get("loss", np.nan))
        if metrics.get("diverged_at", -1) >= 0:
            self.reason = "diverged"
        elif self.tol is not None and abs(self._loss - before) < self.tol:
            self.reason = "tol"
        elif self.patience is not None and self.epoch - (self.best_epoch or 0) >= self.patience:
            self.reason = "patience"


def higher_is_better(metric: str) -> bool:
    """A guess from the name: an accuracy, a score, a reward; not a loss or an error."""
    words = ("accuracy", "score", "reward", "return", "r2", "auc")
    return any(word in metric.lower() for word in words)


def pick_monitor(name: str | None, metrics: Collection[str]) -> str | None:
    """The metric of this name; by default the loss of the test, else that of the training, if any.

    Raises:
        ValueError: the run has no such metric.
    """
    if name is None:
        return next((x for x in ("test_loss", "loss") if x in metrics), None)
    if name not in metrics:
        raise ValueError(unknown("metric", name, metrics))
    return name
