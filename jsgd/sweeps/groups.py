"""Groups: the settings of a sweep that one program can serve, since they differ in numbers alone.

A hyperparameter that changes shapes (batch size, width, the optimizer itself) is static: it is an
argument of the function that makes the run. Settings with equal static values, and with values
for the same other names, are a group.
"""

import inspect
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from jsgd.train.run import Run


class Group(NamedTuple):
    """Settings that one program serves.

    Attributes:
        run: what they are runs of.
        static: name -> value, the arguments that made it.
        names: the names that `run.init` is given a number for.
        rows: which settings.
    """

    run: Run
    static: dict[str, Any]
    names: tuple[str, ...]
    rows: np.ndarray

    def __str__(self) -> str:
        words = [f"{name}={x}" for name, x in self.static.items()]
        return ", ".join([*words, *self.names])


def static_names(run: Run | Callable[..., Run], names: Collection[str]) -> tuple[str, ...]:
    """The names that are arguments of the function that makes the run; none of a run itself.

    Args:
        run: a run, or a function that makes one.
        names: what the space names.

    Raises:
        ValueError: the function has an argument without a default that the space does not name.
    """
    if not callable(run):
        return ()
    parameters = inspect.signature(run).parameters
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in names:
            raise ValueError(
                f"the function that makes the run needs {name!r}: name it in the space, or give it "
                "a default"
            )
    return tuple(name for name in names if name in parameters)


class Groups:
    """Sorts settings into groups; a run is made once for all that share it.

    Args:
        run: a run, or a function of static names that makes one.
        static: those names.
        labels: names that are columns and nothing else, such as which branch was drawn.
    """

    def __init__(
        self, run: Run | Callable[..., Run], static: Collection[str], labels: Collection[str]
    ):
        self.run, self.static, self.labels = run, static, labels
        self.made: dict[tuple, Run] = {}

    def of(self, points: dict[str, np.ndarray], rows: np.ndarray) -> list[Group]:
        """The groups of these settings, in the order in which they first come.

        Args:
            points: name -> values, one for each setting of the sweep; NaN and "" where the name
                does not apply.
            rows: which settings.

        Raises:
            ValueError: something that is not static is a string; or what the function that makes
                the run raises.
        """
        self._check(points)
        found: dict[tuple, list[int]] = {}
        for row in rows.tolist():
            there = [name for name, x in points.items() if x[row] != "" and x[row] == x[row]]
            static = tuple(
                (name, whole(points[name][row].item())) for name in there if name in self.static
            )
            names = (n for n in there if n not in self.static and n not in self.labels)
            found.setdefault((static, tuple(names)), []).append(row)
        return [
            Group(self._run(static), dict(static), names, np.array(rows))
            for (static, names), rows in found.items()
        ]

    def _run(self, static: tuple) -> Run:
        if not callable(self.run):
            return self.run
        if static not in self.made:
            self.made[static] = self.run(**dict(static))
        return self.made[static]

    def _check(self, points: dict[str, np.ndarray]) -> None:
        for name, x in points.items():
            if x.dtype.kind == "U" and name not in self.static and name not in self.labels:
                value = next(x for x in x.tolist() if x)
                takes = ", ".join(self.static) or "nothing"
                raise ValueError(
                    f"{name} = {value!r}: it is no number, and only static names may be strings: "
                    f"those that the function which makes the run takes ({takes})"
                )


def whole(x: Any) -> Any:
    """A whole number as an `int`: batch sizes and widths are; all else as it is."""
    return int(x) if isinstance(x, float) and x == int(x) else x


def static_columns(points: dict[str, np.ndarray], static: Collection[str]) -> dict[str, np.ndarray]:
    """The columns of settings; of static names, those that are all whole numbers as integers."""

    def column(name, x):
        whole = name in static and x.dtype.kind == "f" and np.all(x == np.round(x))
        return x.astype(np.int64) if whole else x

    return {name: column(name, x) for name, x in points.items()}
