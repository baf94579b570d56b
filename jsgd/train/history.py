"""The history of a fit: a column for every metric and a row for every epoch."""

import csv
import io
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core import State
from jsgd.core.hyper import resolve
from jsgd.core.nest import nested, qualified


class History:
    """The metrics of one epoch after another.

    >>> history = History()
    >>> history.add({"loss": np.float32(0.1)})
    >>> history.add({"loss": np.float32(0.05)})
    >>> history.arrays(epochs=1)
    {'loss': array([0.1], dtype=float32)}
    """

    def __init__(self, arrays: Mapping[str, np.ndarray] | None = None):
        self.columns = {name: list(x) for name, x in (arrays or {}).items()}

    def add(self, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            self.columns.setdefault(name, []).append(value)

    def rows(self) -> list[dict[str, Any]]:
        """The metrics of every epoch."""
        columns = self.columns.values()
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*columns, strict=True)]

    def arrays(self, epochs: int | None = None) -> dict[str, np.ndarray]:
        """Metric -> array of shape (epochs,), those of the first so many, or of all."""
        return {name: np.asarray(x[:epochs]) for name, x in self.columns.items()}

    def csv(self) -> bytes:
        """As a file; numbers are as short as can be without being others."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["epoch", *self.columns])
        for epoch, row in enumerate(self.rows(), 1):
            lines.writerow([epoch, *(str(x) for x in row.values())])
        return text.getvalue().encode()


@jax.jit
def learning_rates(state: State) -> dict[str, jax.Array]:
    """The learning rates that the last step used, those that are one number: `{"lr": ...}`.

    Where several optimizers of a nest hold one, they are qualified as in `jsgd.get_hyper`. The
    scale that `jsgd.reduce_on_plateau` multiplies them by is not in them.

    >>> import jsgd
    >>> opt = jsgd.adam(jsgd.schedules.linear(1.0, 0.0, 10))
    >>> _, state = opt.step({"w": jnp.zeros(1)}, {"w": jnp.ones(1)}, opt.init({"w": jnp.zeros(1)}))
    >>> {name: float(x) for name, x in learning_rates(state).items()}
    {'lr': 1.0}
    """
    found = {}
    for path, inner in nested(state):
        if "lr" in inner.hyper:
            last = jnp.maximum(inner.t - 1, 0)
            found[path] = resolve({"lr": inner.hyper["lr"]}, last)["lr"]
    one = {path: x for path, x in found.items() if isinstance(x, jax.Array) and x.ndim == 0}
    names = qualified(("lr", path) for path in found)
    return {name: one[path] for name, (path, _) in names.items() if path in one}
