"""Populations: the members of a sweep on their way, chunk by chunk."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.sweeps.layout import Members, Program, chunks


@dataclass
class Population:
    """Members of a sweep, on their way.

    Attributes:
        program: the compiled pair.
        ids: who they are, of all members.
        carries: one for every chunk.
    """

    program: Program
    ids: np.ndarray
    carries: list[Any]

    @classmethod
    def start(cls, program: Program, members: Members) -> "Population":
        """All members, at their start."""
        ids = np.arange(len(members.keys))
        parts = chunks(len(ids), program.width)
        return cls(program, ids, [program.start(members.take(rows)) for rows in parts])

    def keep(self, program: Program, places: np.ndarray) -> "Population":
        """Those at these places alone, where they are, in chunks of a program again full."""
        whole = jax.tree.map(lambda *xs: jnp.concatenate(xs), *self.carries)

        def gathered(rows):
            return jax.device_put(jax.tree.map(lambda x: x[places[rows]], whole), program.sharding)

        carries = [gathered(rows) for rows in chunks(len(places), program.width)]
        return Population(program, self.ids[places], carries)

    def advance(self) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """One epoch of everyone: yields (ids, their metrics) chunk by chunk.

        While the caller looks at one chunk the devices work on the next.
        """
        waiting: list[tuple[int, Any]] = []
        for i in range(len(self.carries)):
            self.carries[i], metrics = self.program.advance(self.carries[i])
            waiting.append((i, metrics))
            if i:
                yield self._fetch(*waiting.pop(0))
        yield self._fetch(*waiting.pop(0))

    def _fetch(self, i: int, metrics: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        width = self.program.width
        ids = self.ids[i * width : (i + 1) * width]  # less the filling
        return ids, {n: np.asarray(x)[: len(ids)] for n, x in jax.device_get(metrics).items()}
