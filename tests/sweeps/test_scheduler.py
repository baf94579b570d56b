"""Schedulers, driven over tables of curves: they decide as the papers' pseudocode does."""

import dataclasses
import json
import math

import numpy as np
import pytest

from jsgd.sweeps.evolution import population_based
from jsgd.sweeps.halving import Halving, halving
from jsgd.sweeps.hyperband import hyperband
from jsgd.sweeps.median import median_stopping
from jsgd.sweeps.scheduler import Standing


def standing(losses, epochs=100, *, running=None, first=0, seed=0, **how):
    """Where settings with these curves stand; those that are not finite at the end diverged."""
    losses = np.asarray(losses, np.float64)
    diverged = ~np.isfinite(losses[:, -1])
    order = np.lexsort((np.nan_to_num(losses[:, -1]), diverged))
    running = np.arange(first, len(losses)) if running is None else np.asarray(running)
    values = {
        "epoch": losses.shape[1],
        "epochs": epochs,
        "losses": losses,
        "rank": np.argsort(order) + 1,
        "diverged": diverged,
        "running": running,
        "params": {},
        "space": {},
        "first": first,
        "count": len(losses) - first,
        "rng": np.random.default_rng(seed),
    }
    return Standing(**(values | how))


def drive(scheduler, curves, first=0):
    """How many epochs each row of the batch runs, where rows before `first` are done."""
    epochs = curves.shape[1]
    ran = np.full(len(curves), epochs)
    running = np.arange(first, len(curves))
    for epoch in range(1, epochs):
        within = np.arange(epoch) < ran[:, None]
        losses = np.where(within, curves[:, :epoch], np.nan)
        diverged = np.isnan(curves[:, epoch - 1])
        now = standing(losses, epochs, running=running, first=first, diverged=diverged)
        keep = scheduler(now).keep
        assert (np.diff(keep) > 0).all()
        ran[np.setdiff1d(running, keep)] = epoch
        running = keep
    return ran[first:]


def curves(rows, epochs, seed=0, diverging=0.2):
    """Random curves, each about a level of its own, of which some are NaN from some epoch on."""
    rng = np.random.default_rng(seed)
    out = rng.random((rows, epochs)) + rng.random((rows, 1))
    at = rng.integers(1, epochs, rows)
    bad = (rng.random(rows) < diverging)[:, None] & (np.arange(epochs) >= at[:, None])
    return np.where(bad, np.nan, out)


def successive_halving(table, rows, rungs):
    """Row -> epochs, in plain Python; `rungs` are (epoch, how many go on)."""
    ran = dict.fromkeys(rows, table.shape[1])
    for epoch, keep in rungs:
        scores = {row: table[row][epoch - 1] for row in rows}
        best = sorted((x, row) for row, x in scores.items() if not math.isnan(x))[:keep]
        on = [row for _, row in best]
        ran |= {row: epoch for row in rows if row not in on}
        rows = on
    return ran


@pytest.mark.parametrize(("first", "diverging"), [(0, 0.2), (7, 0.2), (0, 0.95)])
def test_halving_is_successive_halving(first, diverging):
    table = curves(37, 20, diverging=diverging)
    rungs = halving(20, grace_period=2, reduction_factor=2.5)
    numbers, n = [], len(table) - first
    for rung in rungs:
        n = math.ceil(n / 2.5)
        numbers.append((rung, n))
    expected = successive_halving(table, range(first, len(table)), numbers)
    assert drive(Halving(rungs, 2.5), table, first).tolist() == list(expected.values())


@pytest.mark.parametrize(
    ("max_t", "grace", "eta", "count"), [(27, 1, 3, 60), (20, 3, 2, 17), (16, 1, 4, 3)]
)
def test_hyperband_is_its_brackets_one_after_another(max_t, grace, eta, count):
    """Algorithm 1, with the brackets' settings dealt."""
    scheduler = hyperband(max_t, grace, eta)
    table, dealt = curves(5 + count, max_t), scheduler.deal(count)
    s_max = int(math.log(max_t / grace, eta) + 1e-9)
    expected = {}
    for s in range(s_max, -1, -1):
        rows = (5 + np.flatnonzero(dealt == s_max - s)).tolist()
        n, r = len(rows), max_t * eta**-s
        rungs = [(int(r * eta**i + 1e-9), max(1, n // eta**i // eta)) for i in range(s)]
        expected |= successive_halving(table, rows, rungs)
    ran = drive(scheduler, table, first=5)
    assert ran.tolist() == [expected[row] for row in range(5, 5 + count)]


def test_hyperband_has_the_papers_table():
    """Table 1: R = 81, eta = 3."""
    scheduler = hyperband(81)
    table = np.random.default_rng(0).random((scheduler.settings, 81))
    ran, dealt = drive(scheduler, table), scheduler.deal(scheduler.settings)
    went_on = [[int((ran[dealt == i] > r).sum()) for r in (0, 1, 3, 9, 27)] for i in range(5)]
    assert went_on == [
        [81, 27, 9, 3, 1],
        [34, 34, 11, 3, 1],
        [15, 15, 15, 5, 1],
        [8, 8, 8, 8, 2],
        [5, 5, 5, 5, 5],
    ]


@pytest.mark.parametrize("period", [2, 3, 5, 8, 10])
def test_every_bracket_sees_every_value_of_a_grid(period):
    """3 settings of 5 are in the first bracket, and so of the 20 that share a value about 12."""
    first = hyperband(3).deal(20 * period) == 0
    assert first.sum() == 12 * period
    for shared in (first.reshape(20, period).T, first.reshape(period, 20)):
        assert (abs(shared.sum(axis=1) - 12) <= 6).all()


def test_the_median_rule():
    finished = [[1.0, 1.0], [3.0, 3.0]]
    #        bests 2.5 and 2.0; averages 3.25 and 5.5; a stopped one, and one that diverged
    now = [[4.0, 2.5], [9.0, 2.0], [9.0, np.nan], [0.5, np.nan]]
    at = standing(finished + now, running=[2, 3, 5], first=2)
    # against 2.5 is the median of 1, 3 and 5.5; against 2.0 that of 1, 3 and 3.25
    assert median_stopping()(at).keep.tolist() == [2, 3]
    worse = at._replace(losses=np.where(at.losses == 2.5, 3.5, at.losses))
    assert median_stopping()(worse).keep.tolist() == [3]
    as_bad = at._replace(losses=np.where(at.losses == 2.5, 3.0, at.losses))
    assert median_stopping()(as_bad).keep.tolist() == [2, 3]  # 3.0 against 1, 3 and 5.5
    # an epoch without a value is no part of an average: 1.5 against 1, 2 and 3
    gap = at.losses.copy()
    gap[2, 1], gap[3, 0] = 1.5, np.nan
    assert median_stopping()(at._replace(losses=gap)).keep.tolist() == [2, 3]
    assert median_stopping()(worse._replace(epochs=2)).keep.tolist() == [2, 3]
    # diverged ones stop whatever else holds
    for lenient in (median_stopping(grace_period=3), median_stopping(min_settings=4)):
        assert lenient(worse).keep.tolist() == [2, 3]


@pytest.mark.parametrize("seed", range(6))
def test_the_median_rule_on_tables(seed):
    rows = 20 + seed
    table = curves(rows, 12, seed)
    running, ran = list(range(rows)), [12] * rows
    for epoch in range(1, 12):
        here = [i for i in running if not np.isnan(table[i, epoch - 1])]
        mean = {i: table[i, :epoch].mean() for i in here}
        for i in running:
            others = [mean[j] for j in here if j != i]
            slow = len(others) >= 3 and table[i, :epoch].min() > np.median(others)
            if i not in here or slow:
                ran[i] = epoch
        running = [i for i in running if ran[i] == 12]
    assert drive(median_stopping(), table).tolist() == ran
    assert len(set(ran)) > 2


@pytest.mark.parametrize(
    "made",
    [Halving((1, 3), 3), hyperband(9), median_stopping(), population_based(names=["lr"])],
    ids=lambda x: type(x).__name__,
)
def test_a_scheduler_is_its_record(made):
    record = json.loads(json.dumps(dataclasses.asdict(made)))
    lists = {name: tuple(x) if isinstance(x, list) else x for name, x in record.items()}
    assert type(made)(**lists) == made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hyperband(2.5), r"max_t = 2.5: it must be a whole number, 1 or more"),
        (lambda: hyperband(9, 10), r"grace_period = 10: .* 1 to max_t = 9"),
        (lambda: hyperband(9, reduction_factor=1), r"reduction_factor = 1: it must be above 1"),
        (lambda: median_stopping(0), r"grace_period = 0"),
        (lambda: median_stopping(min_settings=math.nan), r"min_settings = nan"),
        (lambda: population_based(0), r"every = 0"),
        (lambda: population_based(quantile=0.6), r"quantile = 0.6: it must be in \(0, 0.5\]"),
        (lambda: population_based(resample_probability=-1), r"resample_probability = -1"),
        (lambda: population_based(factors=[0.0]), r"factors = \(0.0,\): .* each positive"),
        (lambda: population_based(factors=[]), r"factors = \(\)"),
        (lambda: population_based(names="lr"), r"names = 'lr': give a list"),
    ],
)
def test_bad_numbers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
