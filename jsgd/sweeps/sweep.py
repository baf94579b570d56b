"""`sweep`: a population of runs over a space of hyperparameters, advanced together."""

import math
import os
from collections.abc import Callable, Generator, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core.numerics import hyper_dtype
from jsgd.core.tree import leaves_by_path
from jsgd.sweeps import checkpoint
from jsgd.sweeps.drive import Drive
from jsgd.sweeps.evolution import PopulationBased
from jsgd.sweeps.files import claimed
from jsgd.sweeps.groups import Group, Groups, static_names
from jsgd.sweeps.halving import Halving, check_rungs
from jsgd.sweeps.job import Job
from jsgd.sweeps.layout import Layout, chunk_size
from jsgd.sweeps.memory import available
from jsgd.sweeps.propose import Proposer
from jsgd.sweeps.result import SweepResult
from jsgd.sweeps.sample import is_optuna
from jsgd.sweeps.scheduler import Scheduler
from jsgd.sweeps.space import (
    Space,
    dimensions,
    is_product,
    picks,
    sampler_name,
    settings,
    spaces,
)
from jsgd.train.names import unknown
from jsgd.train.progress import Progress
from jsgd.train.run import Run
from jsgd.train.stopping import higher_is_better

_PROBES = 64  # random settings, to find every kind that a sampler may propose


def sweep(
    run: Run | Callable[..., Run],
    space: Space,
    *,
    n: int | None = None,
    sampler: Any = "random",
    at_once: int | None = None,
    seeds: int | Iterable[int] = 1,
    folds: int | None = None,
    epochs: int,
    rungs: Iterable[int] = (),
    reduction_factor: float = 3,
    scheduler: Scheduler | None = None,
    timeout: float | None = None,
    layout: Layout = "auto",
    memory: int | str | None = None,
    key: Any = 0,
    metric: str = "test_accuracy",
    mode: str | None = None,
    out: str | os.PathLike | None = None,
    resume: bool = False,
    progress: bool = True,
) -> SweepResult:
    """Run every setting of a space with every seed, all in one population.

    The run is any pair `init(key, hyper) -> carry`, `advance(carry) -> (carry, metrics)`; nothing
    else of it is known. The member with setting `hyper` and seed `s` is the run
    `run.init(jax.random.fold_in(key, s), hyper)`, whatever else is in the population: settings
    share initial parameters and batches seed by seed, and no member sees another. One that
    diverges is marked and ranked last.

    What changes shapes is static (batch size, width, the optimizer): give a function that makes the
    run, `make(batch_size, optimizer) -> Run`. The names of its arguments are static where the space
    has them, and may be strings; settings that differ in them are groups, with a program each, in
    one population and one table. So are settings that lack a name which others have: the run's
    own default holds for them.

    With `rungs` it is successive halving: after each of these epochs only the best settings go on,
    one in `reduction_factor`, gathered into a smaller population. The others are STOPPED.

    Args:
        run: the pair, or a function of static names that makes it.
        space: name -> `grid`, `loggrid`, `choice`, `uniform`, `loguniform`, `quniform`, `randint`,
            `normal`, a list, a number or a string; or a list of such dicts (see
            `jsgd.sweeps.settings`).
        n: how many settings to draw; `None` for the product of grids.
        sampler: of the draws: "random", "sobol", "halton", a `scipy.stats.qmc.QMCEngine`; or
            "tpe", or a sampler of Optuna's, which proposes settings, is told how they did, and
            proposes more.
        at_once: how many settings a sampler of Optuna's proposes at a time, 1 to n; `None` for the
            root of n, rounded up.
        seeds: how many (0, 1, ...), or which.
        folds: K >= 2 for a cross-validation: every setting and seed runs K times, with `fold` = 0
            to K - 1 in its `hyper`, and the score is the mean. `make_run(..., folds=K)` makes such
            a run.
        epochs: how often each member is advanced, >= 1, unless it is stopped.
        rungs: the epochs after which settings are stopped, rising, each below `epochs`
            (`jsgd.sweeps.halving` makes them).
        reduction_factor: > 1; of n settings, n / reduction_factor go on, rounded up.
        scheduler: what stops settings, in place of rungs: `jsgd.sweeps.hyperband`,
            `jsgd.sweeps.median_stopping` or `jsgd.sweeps.population_based`; or a function of your
            own, `scheduler(standing) -> verdict` (see `jsgd.sweeps.scheduler`).
        timeout: seconds after which the sweep ends with the epoch that it is in; what runs then is
            STOPPED, and `resume` goes on with it.
        layout: "vmap" (all at once on each device), "map" (one by one), ("chunk", k) (k at a time
            on each device) or "auto" (a brief timed trial picks k).
        memory: bytes on each device that the sweep may take, an int or a string such as "4GiB";
            `None` for what is free. A layout that needs more is made smaller.
        key: an int seed or a JAX key, for the members and for the draws from the space.
        metric: the score, one of the metrics of `advance`. The final epoch's counts.
        mode: "max" or "min"; `None` guesses from the metric's name.
        out: a directory to save to, as it goes and at the end. A kill loses at most one epoch, or
            half a second of them, or, where saving takes long, 20 times what it takes.
        resume: go on with what is in `out`, if it holds something: exactly, so that the table is
            the one that an uninterrupted sweep makes. Of a finished sweep it returns the result.
        progress: show it: a bar on a terminal, plain lines elsewhere.

    Raises:
        ValueError: before anything is trained: the space is empty or malformed, a name unknown, a
            number out of its range, the metric unknown, `out` not writable or taken; or what is to
            be resumed is another sweep, in which case it says what differs.

    >>> import jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> run = jsgd.train.make_run(jsgd.train.regression(model, data), jsgd.sgd())
    >>> result = sweep(run, {"lr": [0.001, 0.1, 10]}, epochs=20, metric="test_loss", progress=False)
    >>> result.best_params, result.table["status"].tolist()
    ({'lr': 0.1}, ['COMPLETED', 'COMPLETED', 'DIVERGED'])
    >>> result.best_run().params["linear"]["bias"].round(1).tolist()
    [3.0]
    """
    if mode not in (None, "max", "min"):
        raise ValueError(f'mode = {mode!r}: it must be "max" or "min"')
    if not epochs >= 1:
        raise ValueError(f"epochs = {epochs}: it must be at least 1")
    if folds is not None and not folds >= 2:
        raise ValueError(f"folds = {folds}: it must be at least 2, or None")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout = {timeout}: it must be above 0 seconds, or None")
    if resume and out is None:
        raise ValueError("resume: name the directory to go on with, out=DIR")
    rungs = check_rungs(rungs, reduction_factor, epochs)
    scheduler = _scheduler(scheduler, rungs, reduction_factor, epochs)
    chunk_size(layout, block=1)  # it refuses what is no layout
    available(memory, jax.local_devices())  # and this what is no amount
    seeds = _seeds(seeds)
    key = jax.random.key(key) if isinstance(key, int) else key
    draw = np.asarray(jax.random.key_data(key) if _is_typed(key) else key).tolist()
    mode = mode or ("max" if higher_is_better(metric) else "min")
    batches, probes, count = _batches(space, n, draw, sampler, at_once, mode)
    groups = Groups(run, static_names(run, probes), picks(space))
    for group in groups.of(probes, np.arange(len(next(iter(probes.values()))))):
        _check(group, probes, key, folds, metric, scheduler)
    job = Job(
        groups=groups,
        space=dimensions(space),
        sampler=sampler_name(space, sampler),
        count=count,
        epochs=epochs,
        seeds=seeds,
        folds=folds or 0,
        key=key,
        draw=draw,
        metric=metric,
        mode=mode,
        scheduler=scheduler,
        layout=layout,
        memory=memory,
    )
    total = count * job.copies * epochs
    with claimed(out, resume) as folder, Progress("sweep", total, progress) as bar:
        drive = Drive(job, batches, bar, folder)
        saved = checkpoint.load(folder) if folder and resume else None
        if saved:
            checkpoint.restore(drive, *saved)
        return drive.run(timeout)


def _scheduler(
    scheduler: Scheduler | None, rungs: tuple[int, ...], reduction_factor: float, epochs: int
) -> Scheduler | None:
    if scheduler is None:
        return Halving(rungs, reduction_factor) if rungs else None
    if rungs:
        raise ValueError("give rungs or a scheduler, not both")
    max_t = getattr(scheduler, "max_t", epochs)
    if max_t != epochs:
        raise ValueError(f"the scheduler's max_t = {max_t} is not epochs = {epochs}")
    return scheduler


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    out = list(range(seeds)) if isinstance(seeds, int) else [int(s) for s in seeds]
    if not out or min(out) < 0:
        raise ValueError(f"seeds = {seeds}: one seed or more, each at least 0")
    return out


def _is_typed(key: jax.Array) -> bool:
    return jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


def _batches(
    space: Space, n: int | None, draw: list[int], sampler: Any, at_once: int | None, mode: str
) -> tuple[Generator[Any, Any, None], dict[str, np.ndarray], int]:
    """What proposes settings, settings to check what they are of, and how many there will be."""
    if not is_optuna(sampler):
        if at_once is not None:
            raise ValueError(f"at_once = {at_once}: only a sampler of Optuna's proposes by and by")
        points = settings(space, n, draw, sampler)
        return _once(points), points, len(next(iter(points.values())))
    if n is None or not int(n) == n >= 1:
        raise ValueError(f"n = {n}: give the number of settings that the sampler is to propose")
    at_once = math.ceil(math.sqrt(n)) if at_once is None else at_once
    if not 1 <= at_once <= n:
        raise ValueError(f"at_once = {at_once}: it must be 1 to n = {n}")
    proposer = Proposer(space, sampler, mode, draw)
    probes = settings(space, None if all(map(is_product, spaces(space))) else _PROBES, draw)
    return proposer.batches(n, at_once), probes, n


def _once(points: dict[str, np.ndarray]) -> Generator[Any, Any, None]:
    """All settings are one batch."""
    yield points


def _check(
    group: Group,
    points: dict[str, np.ndarray],
    key: jax.Array,
    folds: int | None,
    metric: str,
    scheduler: Scheduler | None,
) -> None:
    """Trace the run once with the least and once with the greatest of all values.

    Traced, not run: a name or a number that the run refuses is refused before anything starts.
    """
    run = group.run
    for extreme in (np.max, np.min):
        hyper = {name: extreme(points[name][group.rows]) for name in group.names}
        hyper |= {} if folds is None else {"fold": extreme([0, folds - 1])}
        hyper = {name: np.asarray(x, hyper_dtype()) for name, x in hyper.items()}
        carry = jax.eval_shape(lambda key, hyper=hyper: run.init(key, hyper), key)
    after, metrics = jax.eval_shape(run.advance, carry)
    if metric not in metrics:
        raise ValueError(unknown("metric", metric, metrics))
    wrong = [name for name, x in metrics.items() if x.shape != ()]
    if wrong:
        raise ValueError(
            f"metrics are scalars, and {wrong[0]!r} has shape {metrics[wrong[0]].shape}"
        )
    was, now = (
        {name: (x.shape, x.dtype) for name, x in leaves_by_path(tree).items()}
        for tree in (carry, after)
    )
    if was != now:
        at = next(name for name in was | now if was.get(name) != now.get(name))
        raise ValueError(f"advance turned {at!r} of the carry from {was.get(at)} to {now.get(at)}")
    if isinstance(scheduler, PopulationBased) and run.set_hyper is None:
        raise ValueError(
            "population-based training changes hyperparameters on the way: the run needs set_hyper"
        )
