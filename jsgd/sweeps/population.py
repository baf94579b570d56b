"""Populations: the members of a sweep that one program advances, on their way, chunk by chunk."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jsgd.sweeps.layout import chunks, replan
from jsgd.sweeps.program import Members, Program
from jsgd.train.leaves import from_leaves, to_leaves
from jsgd.train.run import Run

_LARGE = 2**28  # bytes of a chunk: the devices pick from it, and a smaller one is fetched whole


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
        members = members._replace(data=program.share(members.data))
        carries = [_home(program, program.start(members.take(rows))) for rows in parts]
        return cls(run, program, members, ids, carries)

    def advance(self) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """One epoch of everyone: yields (ids, their metrics) chunk by chunk.

        While the caller looks at one chunk the devices work on the next.
        """
        waiting: list[tuple[int, Any]] = []
        data = self.program.share(self.members.data)  # they are there, but for another program
        for i, carry in enumerate(self.carries):
            here = self.program.put(carry) if self.program.offload else carry
            self.carries[i], metrics = self.program.advance(here, *data)
            waiting.append((i, metrics))
            if i:
                yield self._fetch(*waiting.pop(0))
        yield self._fetch(*waiting.pop(0))

    def keep(self, places: np.ndarray) -> "Population":
        """Those at these places alone, where they are, in chunks again full; it replaces `self`."""
        members = self.members.take(places)
        program = replan(self.run, members, self.program)
        return self._again(program, members, self.ids[places], places)

    def take_over(self, places: np.ndarray, hyper: dict[str, np.ndarray]) -> "Population":
        """Everyone goes on from the state of the member at a place; it replaces `self`.

        Args:
            places: for each member, the place of the one whose state it takes; its own, or another.
            hyper: name -> values, one for each member, from now on.
        """
        members, home = self.members._replace(hyper=hyper), self.program.home
        new = self._again(self.program, members, self.ids, places)
        for i, rows in enumerate(chunks(len(places), self.program.width)):
            here = self.program.put((new.carries[i], members.take(rows).numbers()))
            new.carries[i] = jax.device_put(_setter(self.run)(*here), home)
        return new

    def leaves(self, places: np.ndarray) -> list[np.ndarray]:
        """Where those at these places are: the leaves of their carries, on the host.

        What is gathered is gathered there: it takes no program, and no room on the devices.
        """
        width, parts, order = self.program.width, [], []
        for i, carry in enumerate(self.carries):
            there = np.flatnonzero(places // width == i)
            if len(there):
                rows = places[there] - i * width
                large = width * self.program.carry_bytes > _LARGE
                some = len(there) < width and large and not self.program.offload
                leaves = to_leaves(_pick(carry, rows)) if some else to_leaves(carry)
                parts.append(leaves if some else [x[rows] for x in leaves])
                order.append(there)
        back = np.argsort(np.concatenate(order))
        return [np.concatenate(xs)[back] for xs in zip(*parts, strict=True)]

    def state(self, places: np.ndarray) -> Any:
        """The same as a carry whose arrays have a row for each."""
        return from_leaves(self.carries[0], self.leaves(places))

    @classmethod
    def restore(
        cls,
        run: Run,
        program: Program,
        members: Members,
        ids: np.ndarray,
        like: Any,
        leaves: list[np.ndarray],
    ) -> "Population":
        """The population of which these are the leaves of everyone; `like` is any such carry."""
        parts = chunks(len(ids), program.width)
        trees = [from_leaves(like, [x[rows] for x in leaves]) for rows in parts]
        return cls(run, program, members, ids, [jax.device_put(x, program.home) for x in trees])

    def _again(
        self, program: Program, members: Members, ids: np.ndarray, places: np.ndarray
    ) -> "Population":
        like, leaves = jax.eval_shape(lambda x: x, self.carries[0]), self.leaves(places)
        self.carries.clear()  # the devices need not have room for both
        return Population.restore(self.run, program, members, ids, like, leaves)

    def _fetch(self, i: int, metrics: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        width = self.program.width
        self.carries[i] = _home(self.program, self.carries[i])
        ids = self.ids[i * width : (i + 1) * width]  # less the filling
        return ids, {name: np.asarray(x)[: len(ids)] for name, x in metrics.items()}


def _home(program: Program, carry: Any) -> Any:
    """A chunk's carry where it waits for its turn, and nowhere else."""
    return jax.block_until_ready(jax.device_put(carry, program.home)) if program.offload else carry


@jax.jit
def _pick(carry: Any, rows: np.ndarray) -> Any:
    return jax.tree.map(lambda x: x[rows], carry)


@functools.lru_cache(maxsize=64)
def _setter(run: Run) -> Callable:
    """`set_hyper` for a chunk, compiled once."""
    assert run.set_hyper  # `sweep` sees to it
    return jax.jit(jax.vmap(run.set_hyper), donate_argnums=0)
