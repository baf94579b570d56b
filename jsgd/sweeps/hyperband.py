"""Hyperband: successive halving at several rates of stopping, side by side in one population."""

import math
from dataclasses import dataclass

import numpy as np

from jsgd.sweeps.halving import best, check_factor
from jsgd.sweeps.scheduler import Standing, Verdict, check_whole


def hyperband(max_t: int, grace_period: int = 1, reduction_factor: float = 3) -> "Hyperband":
    r"""Hedge between many settings that are cut early and few that are let run.

    With :math:`R` = `max_t` and :math:`\eta` = `reduction_factor`, bracket
    :math:`s = s_{max}, ..., 0` begins with a share :math:`n_s` of the settings and is a successive
    halving of its own, cut after :math:`r_s, \eta r_s, ...` epochs (rounded down) to one in
    :math:`\eta` (rounded down, but never to none):

    .. math::
        n_s = \left\lceil \frac{s_{max} + 1}{s + 1} \eta^s \right\rceil, \qquad
        r_s = R \eta^{-s} \ge \text{grace\_period}

    The paper's brackets come one after another; here all advance together. The paper's number of
    settings is `hyperband(...).settings`; whatever number a sweep has is dealt in proportion.

    Args:
        max_t: the epochs of a setting that is never stopped, >= 1: the sweep's `epochs`.
        grace_period: epochs before the first cut, at least, 1 to `max_t`.
        reduction_factor: > 1.

    Raises:
        ValueError: a number is out of range.

    >>> hyperband(81).brackets, hyperband(81).settings
    (((81, 1), (34, 3), (15, 9), (8, 27), (5, 81)), 143)

    References:
        Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based Approach
        to Hyperparameter Optimization", JMLR 2018, https://jmlr.org/papers/v18/16-558.html,
        Algorithm 1.
    """
    check_whole("max_t", max_t)
    check_whole("grace_period", grace_period, max_t, f"to max_t = {max_t}")
    check_factor(reduction_factor)
    return Hyperband(int(max_t), int(grace_period), reduction_factor)


@dataclass(frozen=True)
class Hyperband:
    """The scheduler that `hyperband` makes."""

    max_t: int
    grace_period: int
    reduction_factor: float

    @property
    def brackets(self) -> tuple[tuple[int, int], ...]:
        """(settings, epochs before the first cut) of each bracket, as in the paper's Table 1."""
        eta, s_max = self.reduction_factor, 0
        while self.grace_period * eta ** (s_max + 1) <= self.max_t:
            s_max += 1
        return tuple(
            (math.ceil((s_max + 1) * eta**s / (s + 1)), int(self.max_t / eta**s))
            for s in range(s_max, -1, -1)
        )

    @property
    def settings(self) -> int:
        """How many settings the paper begins with, in all brackets."""
        return sum(n for n, _ in self.brackets)

    def deal(self, count: int) -> np.ndarray:
        """The bracket of each of `count` rows: its place in `brackets`.

        The brackets' sizes are in proportion to the paper's, rounded; then the rows are shuffled,
        always in the same way. (Dealt in turn instead, the values of a grid could come round just
        as the brackets do, and one bracket see only some of them.)
        """
        ends = np.cumsum([n for n, _ in self.brackets])
        sizes = np.diff(np.round(ends * count / ends[-1]).astype(int), prepend=0)
        return np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))

    def __call__(self, standing: Standing) -> Verdict:
        dealt = self.deal(standing.count)
        bracket = dealt[standing.running - standing.first]
        kept = []
        for place, n in enumerate(np.bincount(dealt, minlength=len(self.brackets))):
            rows = standing.running[bracket == place]
            keep = self._cuts(len(self.brackets) - 1 - place, int(n)).get(standing.epoch)
            if keep is not None:
                rows = best(standing.rank, standing.diverged, rows, keep)
            kept.append(rows)
        return Verdict(np.sort(np.concatenate(kept)))

    def _cuts(self, s: int, n: int) -> dict[int, int]:
        """Epoch -> how many go on after it, in bracket `s` when it began with `n` settings."""
        eta = self.reduction_factor
        return {  # of rungs that fall on one epoch the last counts
            int(self.max_t / eta ** (s - i)): max(1, int(n // eta**i // eta)) for i in range(s)
        }
