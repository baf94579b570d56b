"""`sweep`: a population of runs over a space of hyperparameters, advanced together."""

import functools
import os
import platform
import time
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jsgd
from jsgd.core.numerics import hyper_dtype
from jsgd.core.tree import leaves_by_path
from jsgd.sweeps.files import claimed
from jsgd.sweeps.halving import check_rungs, counts, survivors
from jsgd.sweeps.layout import Layout, Members, Program, chunk_size, plan, replan
from jsgd.sweeps.population import Population
from jsgd.sweeps.result import SweepResult, tabulate
from jsgd.sweeps.space import Space, dimensions, sampler_name, settings
from jsgd.train.fit import higher_is_better
from jsgd.train.names import unknown
from jsgd.train.progress import Progress
from jsgd.train.run import Run

_SAVE_EVERY = 0.5  # seconds: quick epochs are not slowed down by saving each


def sweep(
    run: Run,
    space: Space,
    *,
    n: int | None = None,
    sampler: Any = "random",
    seeds: int | Iterable[int] = 1,
    epochs: int,
    rungs: Iterable[int] = (),
    reduction_factor: float = 3,
    layout: Layout = "auto",
    memory: int | str | None = None,
    key: Any = 0,
    metric: str = "test_accuracy",
    mode: str | None = None,
    out: str | os.PathLike | None = None,
    progress: bool = True,
) -> SweepResult:
    """Run every setting of a space with every seed, all in one population.

    The run is any pair `init(key, hyper) -> carry`, `advance(carry) -> (carry, metrics)`; nothing
    else of it is known. The member with setting `hyper` and seed `s` is the run
    `run.init(jax.random.fold_in(key, s), hyper)`, whatever else is in the population: settings
    share initial parameters and batches seed by seed, and no member sees another. One that
    diverges is marked and ranked last.

    With `rungs` it is successive halving: after each of these epochs only the best settings go on,
    one in `reduction_factor`, gathered into a smaller population. The others are STOPPED.

    Args:
        run: the pair.
        space: name -> `grid`, `loggrid`, `choice`, `uniform`, `loguniform`, `quniform`, `randint`,
            `normal`, a list or a number; or a list of such dicts (see `jsgd.sweeps.settings`).
        n: how many settings to draw; `None` for the product of grids.
        sampler: of the draws: "random", "sobol", "halton" or a `scipy.stats.qmc.QMCEngine`.
        seeds: how many (0, 1, ...), or which.
        epochs: how often each member is advanced, >= 1, unless a rung stops it.
        rungs: the epochs after which settings are stopped, rising, each below `epochs`
            (`jsgd.sweeps.halving` makes them).
        reduction_factor: > 1; of n settings, n / reduction_factor go on, rounded up.
        layout: "vmap" (all at once on each device), "map" (one by one), ("chunk", k) (k at a time
            on each device) or "auto" (a brief timed trial picks k).
        memory: bytes on each device that the sweep may take, an int or a string such as "4GiB";
            `None` for what is free. A layout that needs more is made smaller.
        key: an int seed or a JAX key, for the members and for the draws from the space.
        metric: the score, one of the metrics of `advance`. The final epoch's counts.
        mode: "max" or "min"; `None` guesses from the metric's name.
        out: a directory to save to, as it goes and at the end. A kill loses at most one epoch, or
            half a second of them.
        progress: show it: a bar on a terminal, plain lines elsewhere.

    Raises:
        ValueError: before anything is trained: the space is empty or malformed, a name unknown, a
            number out of its range, the metric unknown, or `out` not writable or taken.

    >>> import jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> run = jsgd.train.make_run(jsgd.train.regression(model, data), jsgd.sgd())
    >>> result = sweep(run, {"lr": [0.001, 0.1, 10]}, epochs=20, metric="test_loss", progress=False)
    >>> result.best_params, result.table["status"].tolist()
    ({'lr': 0.1}, ['COMPLETED', 'COMPLETED', 'DIVERGED'])
    """
    if mode not in (None, "max", "min"):
        raise ValueError(f'mode = {mode!r}: it must be "max" or "min"')
    if not epochs >= 1:
        raise ValueError(f"epochs = {epochs}: it must be at least 1")
    rungs = check_rungs(rungs, reduction_factor, epochs)
    chunk_size(layout, block=1)  # it refuses what is no layout
    seeds = _seeds(seeds)
    key = jax.random.key(key) if isinstance(key, int) else key
    draw = np.asarray(jax.random.key_data(key) if _is_typed(key) else key).tolist()
    points = settings(space, n, draw, sampler)
    mode = mode or ("max" if higher_is_better(metric) else "min")
    _check(run, key, points, metric)
    shape = len(next(iter(points.values()))), len(seeds)
    kept = counts(shape[0], rungs, reduction_factor)
    lengths = np.full(shape[0], epochs)  # how far each setting is let run
    members = _members(key, points, seeds)
    curves: dict[str, np.ndarray] = {}
    start = time.perf_counter()

    def result(epoch: int) -> SweepResult:
        so_far = {name: x[:epoch].T.reshape(*shape, epoch) for name, x in curves.items()}
        done = epoch == epochs or not len(running)
        table = tabulate(points, so_far, metric, mode, done, lengths)
        spent = {"compile_seconds": planned, "seconds": time.perf_counter() - start}
        how = {"sampler": sampler_name(space, sampler), "epochs": epoch, "seeds": seeds}
        info = how | {"rungs": list(rungs)} | _facts(program) | spent
        return SweepResult(table, so_far, dimensions(space), metric, mode, info)

    running = np.arange(shape[0])
    total = len(seeds) * int(np.dot(kept, np.diff([0, *rungs, epochs])))
    with claimed(out) as folder, Progress("sweep", total, progress) as bar:
        bar.update(0, "compiling")
        program = plan(run, members, epochs, layout, memory)
        planned = time.perf_counter() - start
        bar.say(_plan_line(program, shape, planned))
        population = Population.start(program, members)
        done, best, saved = 0, "", time.perf_counter()
        begun = saved
        alive = np.ones(len(members.keys), bool)
        for epoch in range(1, epochs + 1):
            stopped = np.setdiff1d(np.arange(len(members.keys)), population.ids)
            for ids, metrics in population.advance():
                for name, x in metrics.items():
                    new = np.zeros((epochs, len(members.keys)), x.dtype)
                    curves.setdefault(name, new)[epoch - 1, ids] = x
                alive[ids] = metrics.get("diverged_at", -1) < 0
                alive[ids] &= np.isfinite(metrics[metric])
                done += len(ids)
                pace = done * _steps(curves, epoch) / (time.perf_counter() - begun)
                bar.update(done, f"{alive[population.ids].sum()} alive{best}  {pace:,.0f} steps/s")
            for x in curves.values():
                is_float = jnp.issubdtype(x.dtype, jnp.inexact)
                x[epoch - 1, stopped] = np.nan if is_float else x[epoch - 2, stopped]
            now = result(epoch)
            best = f"  best {now.best_score:.4g}"
            if folder and epoch < epochs and time.perf_counter() > saved + _SAVE_EVERY:
                now.save(folder, pictures=False)
                saved = time.perf_counter()
            if epoch in rungs:
                best_ones = survivors(now.table, running, kept[rungs.index(epoch) + 1])
                lengths[np.setdiff1d(running, best_ones)] = epoch
                running = best_ones
                if not len(running):  # all diverged
                    now = result(epoch)
                    break
                places = np.flatnonzero(np.isin(population.ids // len(seeds), running))
                program = replan(run, members.take(population.ids[places]), program)
                population = population.keep(program, places)
                bar.say(f"after epoch {epoch} {len(running)} settings go on")
        if folder:
            now.save(folder)
    return now


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    out = list(range(seeds)) if isinstance(seeds, int) else [int(s) for s in seeds]
    if not out or min(out) < 0:
        raise ValueError(f"seeds = {seeds}: one seed or more, each at least 0")
    return out


def _is_typed(key: jax.Array) -> bool:
    return jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


def _members(key: jax.Array, points: dict[str, np.ndarray], seeds: list[int]) -> Members:
    """Setting by setting, each with every seed."""
    count = len(next(iter(points.values())))
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, np.asarray(seeds, np.uint32))
    hyper = {name: np.repeat(x, len(seeds)) for name, x in points.items()}
    return Members(keys[np.tile(np.arange(len(seeds)), count)], hyper)


def _check(run: Run, key: jax.Array, points: dict[str, np.ndarray], metric: str) -> None:
    """Trace the run once with the least and once with the greatest of all values.

    Traced, not run: a name or a number that the run refuses is refused before anything starts.
    """
    for extreme in (np.max, np.min):
        hyper = {name: np.asarray(extreme(x), hyper_dtype()) for name, x in points.items()}
        carry = jax.eval_shape(functools.partial(run.init, hyper=hyper), key)
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


def _steps(curves: dict[str, np.ndarray], epoch: int) -> float:
    """Steps of one member in one epoch."""
    return float(curves["step"][:epoch].max()) / epoch if "step" in curves else 1.0


def _plan_line(program: Program, shape: tuple[int, int], planned: float) -> str:
    members = shape[0] * shape[1]
    chunks = -(-members // program.width)
    line = (
        f"{shape[0]} settings x {shape[1]} seeds = {members} members: {chunks} chunk"
        f"{'s' if chunks > 1 else ''} of {program.size} on each of {program.devices} "
        f"{jax.default_backend().upper()} devices; planned and compiled in {planned:.1f} s"
    )
    if program.epoch_seconds is None:
        return line
    return f"{line}; about {program.epoch_seconds * chunks:.2g} s an epoch"


def _facts(program: Program) -> dict[str, Any]:
    return {
        "members_per_device": program.size,
        "devices": program.devices,
        "platform": jax.default_backend(),
        "versions": {
            "jsgd": jsgd.__version__,
            "jax": jax.__version__,
            "python": platform.python_version(),
        },
    }
