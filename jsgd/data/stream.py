"""Sets larger than memory: chunks of samples, shuffled and read ahead by grain."""

from typing import Any

import numpy as np


def stream(source: Any, size: int, *, seed: int = 0, epochs: int | None = 1) -> Any:
    """Iterate over chunks of a set that stays where it is: on disk, say.

    Every epoch has a fresh order, one chunk may be of two epochs, and what is left over at the end
    of the last is left out, so all chunks have one shape. Samples are read ahead by threads.

    Args:
        source: an object with `len(source)` and `source[i] -> (x, y)`, arrays of one shape each; or
            a pair of arrays with one row per sample, such as `numpy.memmap`s.
        size: samples a chunk, 1 to the number of samples.
        seed: of the orders.
        epochs: how often to go through the set, >= 1, or `None` for ever.

    Returns:
        grain's iterator over `(x, y)`, NumPy arrays of shape (size, ...); its `get_state()` and
        `set_state(...)` serve checkpoints.

    Raises:
        ValueError: a number is out of range.
        ImportError: grain is not installed.

    References:
        "Grain - Feeding JAX Models", https://google-grain.readthedocs.io
    """
    try:
        import grain
    except ImportError:
        raise ImportError("streams need grain: pip install 'jsgd[stream]'") from None

    source = _Rows(source) if isinstance(source, tuple) else source
    if not 1 <= size <= len(source):
        raise ValueError(f"size = {size}: it must be 1 to {len(source)} samples")
    if epochs is not None and epochs < 1:
        raise ValueError(f"epochs = {epochs}: it must be at least 1, or None")
    samples = grain.MapDataset.source(source).seed(seed).shuffle().repeat(epochs)
    ahead = grain.ReadOptions(prefetch_buffer_size=max(2 * size, 16))  # 16 threads, by default
    return iter(samples.to_iter_dataset(ahead).batch(size, drop_remainder=True))


class _Rows:
    """Arrays of equal length as one array of tuples; rows are read when they are asked for."""

    def __init__(self, arrays: tuple):
        self.arrays = arrays
        if len({len(x) for x in arrays}) != 1:
            raise ValueError(f"source: its arrays have {[len(x) for x in arrays]} rows")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, row: Any) -> tuple:
        return tuple(np.asarray(x[row]) for x in self.arrays)
