"""Populations: the members of a sweep that one program advances, on their way, chunk by chunk."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.sweeps.layout import chunks, replan
from jsgd.sweeps.program import Members, Program
from jsgd.train.run import Run


@dataclass(frozen=True)
class Population:
    """Members of a sweep, where they are now.

    Attributes:
        run: what they are runs of.
        program: the compiled pair.
        members: their keys and hyperparameters.
        ids: who they are, of all members of the sweep.
        carries: one for every chunk; the list is kept up to date, and nothing else changes. They
            are on the devices, or on the host if the program says so.
    """

    run: Run
    program: Program
    members: Members
    ids: np.ndarray
    carries: list[Any]

    @classmethod
    def start(cls, run: Run, program: Program, members: Members, ids: np.ndarray) -> "Population":
        """All of them, at their start."""
        parts = chunks(len(ids), program.width)
        carries = [_home(program, program.start(members.take(rows))) for rows in parts]
        return cls(run, program, members, ids, carries)

    def advance(self) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """One epoch of everyone: yields (ids, their metrics) chunk by chunk.

        While the caller looks at one chunk the devices work on the next.
        """
        waiting: list[tuple[int, Any]] = []
        for i, carry in enumerate(self.carries):
            here = self.program.put(carry) if self.program.offload else carry
            self.carries[i], metrics = self.program.advance(here)
            waiting.append((i, metrics))
            if i:
                yield self._fetch(*waiting.pop(0))
        yield self._fetch(*waiting.pop(0))

    def keep(self, places: np.ndarray) -> "Population":
        """Those at these places alone, where they are, in chunks again full."""
        members = self.members.take(places)
        program = replan(self.run, members, self.program)
        carries = _cut(self._whole(), places, program)
        return Population(self.run, program, members, self.ids[places], carries)

    def take_over(self, places: np.ndarray, hyper: dict[str, np.ndarray]) -> "Population":
        """Everyone goes on from the state of the member at a place, with these hyperparameters.

        Args:
            places: for each member, the place of the one whose state it takes; its own, or another.
            hyper: name -> values, one for each member.
        """
        members = Members(self.members.keys, hyper)
        carries, home = _cut(self._whole(), places, self.program), self.program.home
        assert self.run.set_hyper  # `sweep` sees to it
        set_hyper = jax.jit(jax.vmap(self.run.set_hyper), donate_argnums=0)
        for i, rows in enumerate(chunks(len(places), self.program.width)):
            hyper = jax.device_put(members.take(rows).numbers(), home)
            carries[i] = jax.device_put(set_hyper(carries[i], hyper), home)
        return replace(self, members=members, carries=carries)

    def state(self, places: np.ndarray) -> Any:
        """Where those at these places are: their carries, stacked."""
        return jax.tree.map(lambda x: x[places], self._whole())

    @classmethod
    def restore(
        cls, run: Run, program: Program, members: Members, ids: np.ndarray, state: Any
    ) -> "Population":
        """The population of which this is the state of everyone."""
        return cls(run, program, members, ids, _cut(state, np.arange(len(ids)), program))

    def _whole(self) -> Any:
        """The carries of everyone, joined; on the host if the devices have no room to gather."""
        program, carries = self.program, self.carries
        resident = len(carries) * program.size * program.carry_bytes
        if 3 * resident > program.memory:  # theirs, joined, and what is made of them
            carries = [_home(replace(program, offload=True), x) for x in carries]
        return jax.tree.map(lambda *xs: jnp.concatenate(xs), *carries)

    def _fetch(self, i: int, metrics: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        width = self.program.width
        self.carries[i] = _home(self.program, self.carries[i])
        ids = self.ids[i * width : (i + 1) * width]  # less the filling
        return ids, {n: np.asarray(x)[: len(ids)] for n, x in jax.device_get(metrics).items()}


def _home(program: Program, carry: Any) -> Any:
    """A chunk's carry where it waits for its turn, and nowhere else."""
    return jax.block_until_ready(jax.device_put(carry, program.home)) if program.offload else carry


def _cut(whole: Any, places: np.ndarray, program: Program) -> list[Any]:
    """What stands at these places, in the chunks of a program."""

    def gathered(rows):
        return jax.device_put(jax.tree.map(lambda x: x[places[rows]], whole), program.home)

    return [gathered(rows) for rows in chunks(len(places), program.width)]
