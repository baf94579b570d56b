"""The values of schedules at many steps at once: one compiled program for every structure."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd import Schedule
from jsgd.schedules import REGISTRY

STEPS = 10_000
VARIANTS = [(name, variant) for name, row in REGISTRY.items() for variant in row.variants]
TRACES: Counter = Counter()


def label(name: str, variant: dict[str, Any]) -> str:
    choices = [x for x in variant.values() if isinstance(x, str)]
    return "-".join([name, *choices, *(k for k in OPTIONAL if k in variant)])


OPTIONAL = ("staircase", "end_value", "down_steps", "timescale", "pct_final")
LABELS = [label(*x) for x in VARIANTS]


def data(schedule: Schedule) -> Schedule:
    """With arrays for numbers, as in a state."""
    return jax.tree.map(lambda x: jnp.asarray(x, float), schedule)


def program(schedule: Schedule) -> Any:
    """All that the compiled program may depend on: structure, shapes, dtypes."""
    return jax.tree.structure(schedule), *(jax.typeof(x) for x in jax.tree.leaves(data(schedule)))


@jax.jit
def _values(schedule, t):
    TRACES[program(schedule)] += 1
    return jax.vmap(schedule)(t)


def values(schedule: Schedule, t: Any = range(STEPS)) -> np.ndarray:
    assert len(t) == STEPS
    return np.asarray(_values(data(schedule), jnp.asarray(t, float)))
