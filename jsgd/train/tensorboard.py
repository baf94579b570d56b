"""TensorBoard: the metrics of a fit as event files, which TensorBoard shows while they grow."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any


@contextlib.contextmanager
def events(folder: str | os.PathLike | None, done: int = 0) -> Iterator[Callable]:
    """A function `write(epoch, metrics)`; every metric is a scalar of its name.

    Args:
        folder: where the file is made, or `None` to write nothing.
        done: the epochs done: what other files of the folder have of later ones is not shown.

    Raises:
        ImportError: tensorboardX is not installed.
    """
    if folder is None:
        yield lambda epoch, metrics: None
        return
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise ImportError(
            "event files need tensorboardX: pip install 'jsgd[tensorboard]'"
        ) from None

    def write(epoch: int, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            writer.add_scalar(name, float(value), epoch)
        writer.flush()

    with SummaryWriter(os.fspath(folder), purge_step=done + 1 if done else None) as writer:
        yield write
