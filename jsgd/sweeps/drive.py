"""The drive: a sweep on its way, from its first batch of settings to the last epoch of the last."""

import contextlib
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from jax.errors import JaxRuntimeError

from jsgd.sweeps import checkpoint
from jsgd.sweeps.groups import Group, static_columns
from jsgd.sweeps.job import Job
from jsgd.sweeps.layout import plan, share
from jsgd.sweeps.ledger import Ledger
from jsgd.sweeps.memory import is_exhausted
from jsgd.sweeps.population import Population
from jsgd.sweeps.program import Members, Program, compilations
from jsgd.sweeps.result import SweepResult, Winner, tabulate
from jsgd.sweeps.scheduler import Standing, Verdict
from jsgd.train.leaves import numbers
from jsgd.train.progress import Progress
from jsgd.train.record import fingerprint

_SAVE_EVERY = 0.5  # seconds: quick epochs are not slowed down by saving each
_SAVE_SHARE = 0.05  # of the time, at most, goes into saving


class Drive:
    """A sweep under way.

    Args:
        job: what is to be done.
        proposals: yields batches of settings; it is sent what became of each, as `told` has
            it.
        bar: where progress is shown.
        folder: where to save, or `None`.
    """

    def __init__(
        self, job: Job, proposals: Generator[Any, Any, None], bar: Progress, folder: Path | None
    ):
        self.job, self.proposals, self.bar, self.folder = job, proposals, bar, folder
        self.ledger = Ledger(job.epochs, job.copies)
        self.populations: list[Population] = []
        self.sizes: dict[str, int] = {}  # of the chunks of each group
        self.winner: Winner | None = None
        self.done = 0  # epochs of members
        self.compiled = 0  # programs
        self.compiling = self.spent = 0.0  # seconds; `spent` by sessions before this one
        self.start = self.saved = time.perf_counter()
        self.saving = 0.0  # seconds that a save took
        self.news = ""
        self.prints: dict[str, Any] = {}  # what the run of each group is, where it is saved

    def run(self, timeout: float | None = None) -> SweepResult:
        """From where it stands to the end, or until so many seconds have passed."""
        while self.populations or self._begin():
            while len(self.ledger.running) and self.ledger.epoch < self.job.epochs:
                try:
                    self._advance()
                except JaxRuntimeError as error:
                    self._begin_smaller(error)
                    continue
                now = time.perf_counter()
                if timeout is not None and now > self.start + timeout:
                    self.bar.say(f"time is up after epoch {self.ledger.epoch}")
                    return self._stop()
                if now > self.saved + max(_SAVE_EVERY, self.saving / _SAVE_SHARE):
                    self._save()
            self._end_batch()
        result = self.result()
        if self.folder:
            checkpoint.save(self.folder, self)
            result.save(self.folder)
        return result

    def result(self) -> SweepResult:
        """What is known so far."""
        job, table = self.job, self._table()
        curves = {name: x.copy() for name, x in self.ledger.seen().items()}
        spent = {
            "compilations": self.compiled,
            "compile_seconds": self.compiling,
            "seconds": self.seconds,
        }
        info = job.info | {"members_per_device": self.sizes} | spent
        return SweepResult(table, curves, job.space, job.metric, job.mode, info, self.winner)

    @property
    def seconds(self) -> float:
        """What all of it took so far."""
        return self.spent + time.perf_counter() - self.start

    def told(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """What became of a batch: its scores, and when each was stopped, if it was."""
        table = self._table()
        stopped = np.where(table["status"] == "STOPPED", self.ledger.lengths, 0)
        return table["mean_score"][first:last], stopped[first:last]

    def identify(self, groups: list[Group]) -> None:
        """Note what the runs of these groups are."""
        for group in groups:
            if str(group) not in self.prints:
                names = self.job.names(group)
                self.prints[str(group)] = fingerprint(group.run, self.job.key, numbers(names))

    def _begin(self) -> bool:
        """Begin with the next batch of settings; whether there is one."""
        job, ledger = self.job, self.ledger
        try:
            if ledger.batches:
                points = self.proposals.send(self.told(ledger.batches[-1], len(ledger.lengths)))
            else:
                points = next(self.proposals)
        except StopIteration:
            return False
        self.bar.update(self.done, "compiling")
        ledger.begin(points)
        groups = job.groups.of(ledger.points, ledger.running)
        with self._compiling() as spent:
            self._start(groups)
        if self.folder:
            self.identify(groups)
        self.bar.say(
            f"{_count(len(groups), 'group')}, {_count(spent.compiled, 'compilation')}; planned and "
            f"compiled in {spent.seconds:.1f} s"
        )
        return True

    def _start(self, groups: list[Group]) -> None:
        job, ledger = self.job, self.ledger
        parts = [job.members(group, ledger.points, ledger.members(group.rows)) for group in groups]
        planned = [self._program(*pair) for pair in zip(groups, parts, strict=True)]
        programs = share(planned, parts)
        for group, program, members in zip(groups, programs, parts, strict=True):
            ids = ledger.members(group.rows)
            self.populations.append(Population.start(group.run, program, members, ids))
            name = f"{group}: " if len(groups) > 1 else ""
            self.bar.say(f"{name}{job.size_line(len(group.rows))}: {program.describe(len(ids))}")

    def _begin_smaller(self, error: Exception) -> None:
        """Begin the batch again with half as many members at a time, if that may help.

        The compiler foresees what a device has no memory for; this is for where it is wrong.
        """
        job, ledger = self.job, self.ledger
        if not is_exhausted(error) or ledger.epoch or max(self.sizes.values()) == 1:
            raise error
        self.sizes = {name: max(1, size // 2) for name, size in self.sizes.items()}
        self.populations = []
        self.done = sum(ledger.lengths) * job.copies
        self.bar.say("out of memory: once more, with half as many at a time")
        with self._compiling():
            self._start(job.groups.of(ledger.points, ledger.running))

    @contextlib.contextmanager
    def _compiling(self) -> Iterator[SimpleNamespace]:
        """Note what is compiled in here, and how long that takes."""
        start, before, spent = time.perf_counter(), compilations(), SimpleNamespace()
        yield spent
        spent.compiled, spent.seconds = compilations() - before, time.perf_counter() - start
        self.compiled += spent.compiled
        self.compiling += spent.seconds

    def _program(self, group: Group, members: Members) -> Program:
        """The program of a group: planned once, and of one size in every later batch."""
        size = self.sizes.get(str(group))
        layout = self.job.layout if size is None else ("chunk", size)
        program = plan(group.run, members, self.job.epochs, layout, self.job.memory)
        self.sizes.setdefault(str(group), program.size)
        return program

    def _advance(self) -> None:
        """One epoch of everyone, and what the scheduler says to it."""
        job, ledger = self.job, self.ledger
        alive, done, start = 0, self.done, time.perf_counter()
        for population in self.populations:
            for ids, metrics in population.advance():
                ledger.record(ledger.epoch + 1, ids, metrics)
                at = metrics.get("diverged_at", np.full(len(ids), -1))
                alive += int(np.sum(np.isfinite(metrics[job.metric]) & (at < 0)))
                self.done += len(ids)
                self.bar.update(self.done, f"{alive} alive{self.news}")
        ledger.end_epoch()
        table = self._table()
        best = table["mean_score"][np.argmin(table["rank"])]
        pace = (self.done - done) * ledger.steps() / (time.perf_counter() - start)
        self.news = f"  best {best:.4g}  {pace:,.0f} steps/s"
        if job.scheduler and ledger.epoch < job.epochs:
            self._obey(job.scheduler(self._standing(table)))

    def _standing(self, table: dict[str, np.ndarray]) -> Standing:
        job, ledger = self.job, self.ledger
        losses = ledger.seen()[job.metric][..., : ledger.epoch].astype(np.float64).mean(axis=1)
        fixed, first = {*job.groups.static, *job.groups.labels}, ledger.batches[-1]
        return Standing(
            epoch=ledger.epoch,
            epochs=job.epochs,
            losses=-losses if job.mode == "max" else losses,
            rank=table["rank"],
            diverged=table["status"] == "DIVERGED",
            running=ledger.running,
            params={n: x.astype(str) if n in fixed else x for n, x in ledger.points.items()},
            space=job.space,
            first=first,
            count=len(ledger.lengths) - first,
            rng=np.random.default_rng([*job.draw, first, ledger.epoch]),
        )

    def _obey(self, verdict: Verdict) -> None:
        ledger, copies = self.ledger, self.job.copies
        if verdict.source is not None:
            source = np.arange(len(ledger.lengths))
            source[verdict.keep] = verdict.source
            ledger.change(verdict.keep, verdict.source, verdict.params or {})
            self.populations = [self._taken_over(p, source) for p in self.populations]
        stopped = len(ledger.running) - len(verdict.keep)
        if stopped:
            ledger.running = verdict.keep
            places = [
                np.flatnonzero(np.isin(p.ids // copies, verdict.keep)) for p in self.populations
            ]
            with self._compiling() as spent:
                self.populations = [
                    p if len(at) == len(p.ids) else p.keep(at)
                    for p, at in zip(self.populations, places, strict=True)
                    if len(at)
                ]
            self.bar.total -= stopped * copies * (self.job.epochs - ledger.epoch)
            left, before = len(verdict.keep), len(verdict.keep) + stopped
            self.bar.say(
                f"after epoch {ledger.epoch}: {left} of {_count(before, 'setting')} left, "
                f"{_count(spent.compiled, 'compilation')}"
            )

    def _taken_over(self, population: Population, source: np.ndarray) -> Population:
        """The population with the states of other settings, and with the hyperparameters of now."""
        copies = self.job.copies
        settings, copy = np.divmod(population.ids, copies)
        order = np.argsort(population.ids)
        wanted = source[settings] * copies + copy
        places = order[np.searchsorted(population.ids, wanted, sorter=order)]
        hyper = population.members.hyper
        now = {name: x[settings] for name, x in self.ledger.points.items() if name in hyper}
        return population.take_over(places, hyper | now)

    def _end_batch(self) -> None:
        """Nothing runs any more; where the best setting ended is kept, if that was now."""
        self.ledger.running = self.ledger.running[:0]
        table = self._table()
        row = int(np.argmin(table["rank"]))
        for population in self.populations:
            places = np.flatnonzero(population.ids // self.job.copies == row)
            if len(places) and table["status"][row] != "DIVERGED":
                self.winner = Winner(row, population.state(places))
        self.populations = []

    def _stop(self) -> SweepResult:
        """End early: what runs is STOPPED, and can be gone on with."""
        self._save()
        self._end_batch()
        result = self.result()
        if self.folder:
            result.save(self.folder)
        return result

    def _save(self) -> None:
        """Save all that there is, so that a kill loses nothing of it."""
        if self.folder:
            start = time.perf_counter()
            checkpoint.save(self.folder, self)  # first: where there are results, there is this
            self.result().save(self.folder, pictures=False)
            self.saved = time.perf_counter()
            self.saving = self.saved - start

    def _table(self) -> dict[str, np.ndarray]:
        job, ledger = self.job, self.ledger
        done = ~np.isin(np.arange(len(ledger.lengths)), ledger.running)
        points = static_columns(ledger.points, job.groups.static)
        curves = ledger.seen()
        return tabulate(points, curves, job.metric, job.mode, done, ledger.lengths, job.epochs)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
