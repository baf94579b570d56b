"""The median rule: a setting stops when even its best is worse than what is usual by then."""

from dataclasses import dataclass

import numpy as np

from jsgd.sweeps.scheduler import Standing, Verdict, check_whole


def median_stopping(grace_period: int = 1, min_settings: int = 3) -> "MedianStopping":
    """Stop a setting whose best so far is strictly worse than the median of the others' averages.

    An average is that of the metric over all epochs up to now. The others are all settings that
    came this far, those that still run, those that finished, and those of earlier batches. The one
    with the best value of all is never stopped. A setting that diverged stops at once.

    Args:
        grace_period: none is stopped before so many epochs, unless it diverged; >= 1.
        min_settings: nor while fewer others than this came as far; >= 1.

    Raises:
        ValueError: a number is out of range.

    >>> median_stopping(grace_period=5)
    MedianStopping(grace_period=5, min_settings=3)

    References:
        Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017,
        https://doi.org/10.1145/3097983.3098043, section 3.2.2, the median stopping rule. There the
        others are those that finished; here settings advance together, so none would have.
    """
    check_whole("grace_period", grace_period)
    check_whole("min_settings", min_settings)
    return MedianStopping(int(grace_period), int(min_settings))


@dataclass(frozen=True)
class MedianStopping:
    """The scheduler that `median_stopping` makes."""

    grace_period: int
    min_settings: int

    def __call__(self, standing: Standing) -> Verdict:
        running = standing.running[~standing.diverged[standing.running]]
        seen = np.isfinite(standing.losses)
        rows = np.flatnonzero(seen[:, -1] & ~standing.diverged)  # that came this far
        early = standing.epoch < self.grace_period or standing.epoch == standing.epochs
        if early or len(rows) <= self.min_settings:
            return Verdict(running)
        losses, seen = standing.losses[rows], seen[rows]
        so_far = np.where(seen, losses, np.inf).min(axis=1)
        averages = np.where(seen, losses, 0).sum(axis=1) / seen.sum(axis=1)
        return Verdict(np.setdiff1d(running, rows[so_far > _median_of_others(averages)]))


def _median_of_others(x: np.ndarray) -> np.ndarray:
    """For each element the median of the others, of one sorting for all of them."""
    n, place, ordered = len(x) - 1, np.argsort(np.argsort(x)), np.sort(x)

    def other(i):
        """The i-th of the others."""
        return ordered[i + (i >= place)]

    return (other((n - 1) // 2) + other(n // 2)) / 2
