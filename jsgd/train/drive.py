"""The drive: a fit on its way, from one epoch to the next."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import State
from jsgd.train.checkpoint import Snapshot
from jsgd.train.history import History, learning_rates
from jsgd.train.run import Carry, Run
from jsgd.train.stopping import Stopping


class Drive:
    """A fit under way.

    Args:
        run: the pair `(init, advance)`.
        stopping: new; it is told the history.
        now, best, history: where the fit stands. What `now` carries is consumed.
        keep_best: whether to keep a copy of the best carry.
        stream: gives the chunks that the run is given, or `None`; it goes on where `now` was.
    """

    def __init__(
        self,
        run: Run,
        stopping: Stopping,
        now: Snapshot,
        best: Snapshot | None,
        history: History,
        *,
        keep_best: bool,
        stream: Any = None,
    ):
        self.stopping, self.now, self.best, self.history = stopping, now, best, history
        self.keep_best, self.stream = keep_best, stream
        self.program = program(run)
        for row in history.rows():
            stopping.update(row)
        if now.stream is not None:
            stream.set_state(now.stream)

    @property
    def epoch(self) -> int:
        """The epochs done."""
        return self.now.epoch

    def advance(self) -> dict[str, Any] | None:
        """One more epoch; its metrics, or `None` if the stream has no more chunks."""
        chunk = ()
        if self.stream is not None:
            chunk = tuple(itertools.islice(self.stream, 1))
            if not chunk:
                self.stopping.reason = "stream"
                return None
        carry, metrics = self.program(self.now.carry, *chunk)
        metrics = jax.device_get({**metrics, **_rates(carry), **metrics})
        at = getattr(self.stream, "get_state", lambda: None)()
        self.now = Snapshot(self.epoch + 1, carry, at)
        self.history.add(metrics)
        self.stopping.update(metrics)
        if self.keep_best and self.stopping.best_epoch == self.epoch:
            self.best = self.now._replace(carry=jax.tree.map(jnp.copy, carry))
        return metrics


def program(run: Run) -> Callable:
    """`advance` of a run, jitted; it consumes the carry.

    On CPU XLA's own order of operations begins early whatever waits for nothing, such as the zeros
    that a loop writes its results over, and holds them all. In the order that saves memory a step
    of ResNet-18 needs 350 MiB instead of 503, in the same time (`benchmarks/resnet.py`).
    """
    lean = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
    options = lean if jax.default_backend() == "cpu" else None
    return jax.jit(run.advance, donate_argnums=0, compiler_options=options)


def strong(carry: Any) -> Any:
    """Without weak types, so that one program serves all epochs, and those after a save, too."""
    return jax.tree.map(
        lambda x: (
            jax.ShapeDtypeStruct(x.shape, x.dtype)
            if isinstance(x, jax.ShapeDtypeStruct)
            else jnp.asarray(x, x.dtype)
        ),
        carry,
    )


def peek(stream: Any, saved: bool) -> tuple[tuple, Iterator | None]:
    """The shapes of the first chunk of a stream, if it is one, and the stream, which still has it.

    Args:
        stream: an iterator, or `None`.
        saved: whether the fit is.

    Raises:
        ValueError: there is none, or the stream cannot be saved and must be.
    """
    if stream is None:
        return (), None
    can = hasattr(stream, "get_state") and hasattr(stream, "set_state")
    if saved and not can:
        raise ValueError("stream: to be saved it must have get_state and set_state")
    start = stream.get_state() if can else None
    chunk = tuple(itertools.islice(stream, 1))
    if not chunk:
        raise ValueError("stream: it has no chunks")
    if can:
        stream.set_state(start)
    else:
        stream = itertools.chain(chunk, stream)
    return jax.eval_shape(lambda *chunk: chunk, *chunk), stream


def _rates(carry: Any) -> dict[str, jax.Array]:
    has = isinstance(carry, Carry) and isinstance(carry.opt_state, State)
    return learning_rates(carry.opt_state) if has else {}
