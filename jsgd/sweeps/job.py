"""The job of a sweep: what is to be done, once everything has been checked."""

import dataclasses
import json
import platform
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import jsgd
from jsgd.sweeps.dimension import Dimension
from jsgd.sweeps.groups import Group, Groups
from jsgd.sweeps.layout import Layout
from jsgd.sweeps.program import Members
from jsgd.sweeps.scheduler import Scheduler
from jsgd.sweeps.space import Either


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
        groups: sorts settings into programs.
        space: name -> dimension.
        sampler: what it is called.
        count: settings in all.
        epochs: of a setting that is never stopped.
        seeds, folds: of every setting; folds is 0 for none.
        key: of all members.
        draw: the numbers that everything drawn on the host is drawn from.
        metric, mode: the score.
        scheduler: what stops settings, or `None`.
        layout, memory: as `sweep` takes them.
    """

    groups: Groups
    space: dict[str, Dimension | Either]
    sampler: str
    count: int
    epochs: int
    seeds: list[int]
    folds: int
    key: jax.Array
    draw: list[int]
    metric: str
    mode: str
    scheduler: Scheduler | None
    layout: Layout
    memory: int | str | None

    @property
    def info(self) -> dict[str, Any]:
        """What the result says of how it was run."""
        return {
            "sampler": self.sampler,
            "epochs": self.epochs,
            "seeds": self.seeds,
            "folds": self.folds,
            "scheduler": self.scheduler and _name(self.scheduler),
            "devices": jax.local_device_count(),
            "platform": jax.default_backend(),
            "versions": {
                "jsgd": jsgd.__version__,
                "jax": jax.__version__,
                "python": platform.python_version(),
            },
        }

    @property
    def record(self) -> dict[str, Any]:
        """What tells the sweep from another, as JSON has it."""
        record = {
            "space": {name: dataclasses.asdict(x) for name, x in self.space.items()},
            "sampler": self.sampler,
            "settings": self.count,
            "epochs": self.epochs,
            "seeds": self.seeds,
            "folds": self.folds,
            "scheduler": self.scheduler and _name(self.scheduler),
            "key": self.draw,
            "metric": f"{self.metric}, {self.mode}",
            "layout": self.layout,
            "platform": jax.default_backend(),
            "jax": jax.__version__,
        }
        return json.loads(json.dumps(record))

    @property
    def copies(self) -> int:
        """Members of a setting."""
        return len(self.seeds) * max(self.folds, 1)

    def size_line(self, settings: int) -> str:
        """How many members so many settings have, in words."""
        axes = [f"{settings} settings", f"{self.folds} folds", f"{len(self.seeds)} seeds"]
        product = " x ".join(axes if self.folds else axes[::2])
        return f"{product} = {settings * self.copies} members"

    def names(self, group: Group) -> tuple[str, ...]:
        """What the runs of a group are given numbers for."""
        return (*group.names, "fold") if self.folds else group.names

    def members(self, group: Group, points: dict[str, np.ndarray], ids: np.ndarray) -> Members:
        """The members with these numbers: setting by setting, fold by fold, seed by seed."""
        settings, copies = np.divmod(ids, self.copies)
        folds, seeds = np.divmod(copies, len(self.seeds))
        numbers = np.asarray(self.seeds, np.uint32)
        keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(self.key, numbers)
        hyper = {name: points[name][settings] for name in group.names}
        if self.folds:
            hyper["fold"] = folds.astype(np.float64)
        return Members(keys[seeds], hyper)


def _name(scheduler: Scheduler) -> str:
    """Ours print themselves whole."""
    if dataclasses.is_dataclass(scheduler):
        return repr(scheduler)
    return getattr(scheduler, "__qualname__", type(scheduler).__qualname__)
