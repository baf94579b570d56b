"""Float32 arrays in 8 or 16 bits a number: blocks with scales, and the dynamic map of codes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial, reduce
from math import ceil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

CODES = {8: jnp.uint8, 16: jnp.uint16}
# Of a block's range, [0, 1], the decade 0.1 to 1 has half of the cells, 0.01 to 0.1 half as many,
# and so on. So in every decade the place among the cells is a line, less steep than that of the
# decade below, and the least of these lines in all of them; the way back is their inverses' most.
LINES = [(10.0**j / (1.8 * 2.0**j), 1 / (2.25 * 2.0**j)) for j in range(8)]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Compressed:
    """An array of float32 in fewer bits (see `jsgd.compress`); `encode` makes it.

    Attributes:
        codes: the cell of every number, an array of the same shape; two's complement in a block
            with signs.
        scales: the largest magnitude of every block; negative for a block without signs.
        block_size: static; how many numbers, in C order, are a block. The last may have fewer.
    """

    codes: jax.Array
    scales: jax.Array
    block_size: int = field(metadata={"static": True})

    @property
    def bits(self) -> int:
        return 8 * self.codes.dtype.itemsize


@partial(jax.jit, static_argnames=("bits", "block_size"))
def encode(x: jax.Array, bits: int, block_size: int) -> Compressed:
    """Every number by the cell that it is in.

    >>> import jax.numpy as jnp
    >>> held = encode(jnp.array([-1.0, 0.0, 0.25, 1.0]), bits=8, block_size=2)
    >>> held.codes.tolist(), held.scales.tolist()
    ([129, 0, 149, 255], [1.0, -1.0])
    >>> print(decode(held, centres(8)).round(3))
    [-1.     0.     0.252  1.   ]
    """
    blocks = _blocks(x, block_size)
    low, high = jnp.min(blocks, axis=1, keepdims=True), jnp.max(blocks, axis=1, keepdims=True)
    top = jnp.maximum(high, -low)
    top = jnp.where(top < jnp.finfo(top.dtype).tiny, 0, top)  # of less the inverse is infinite
    signless = low >= 0
    cells = jnp.where(signless, 2.0**bits, 2.0 ** (bits - 1))  # with signs, one bit is theirs
    y = jnp.abs(blocks) * ((1 - 0.9 / cells) / jnp.where(top == 0, 1, top))
    place = reduce(jnp.minimum, [slope * y + start for slope, start in LINES])
    cell = jnp.floor(place * cells)
    lowest = jnp.ceil(LINES[-1][1] * cells)  # the first that begins at 0, or above
    cell = jnp.where(cell < lowest, jnp.where(signless, lowest, 0), cell)
    cell = jnp.where(blocks == 0, 0, jnp.sign(blocks) * cell)
    codes = cell.astype(jnp.int32).astype(CODES[bits])
    return Compressed(_shaped(codes, x), jnp.where(signless, -top, top)[:, 0], block_size)


@jax.jit
def decode(held: Compressed, table: Any) -> jax.Array:
    """The centres of the cells, in float32; `table` is `centres(held.bits)`."""
    codes = _blocks(held.codes, held.block_size).astype(jnp.int32)
    scales = held.scales[:, None]
    y = jnp.asarray(table)[jnp.where(scales <= 0, codes + 2**held.bits, codes)]
    return _shaped(y * jnp.abs(scales), held.codes)


@cache
def centres(bits: int) -> np.ndarray:
    """Of the cells of all codes, with signs and then without, if that of the largest is at 1.

    A table, for on CPU the lines would take several times as long.
    """
    codes = np.arange(2**bits)

    def of(cell, cells):
        place = (np.abs(cell) + 0.5) / cells
        y = np.max([(place - start) / slope for slope, start in LINES], axis=0)
        return np.sign(cell) * y / (1 - 0.9 / cells)

    cells = 2 ** (bits - 1)
    both = of(np.where(codes < cells, codes, codes - 2 * cells), cells), of(codes, 2 * cells)
    return np.concatenate(both).astype(np.float32)


def is_compressed(x: Any) -> bool:
    """Whether it is a `Compressed`."""
    return isinstance(x, Compressed)


def over(fn: Callable, *trees: Any) -> Any:
    """`jax.tree.map` that takes every `Compressed` of the first tree for a leaf."""
    return jax.tree.map(fn, *trees, is_leaf=is_compressed)


def _blocks(x: jax.Array, block_size: int) -> jax.Array:
    n = ceil(x.size / block_size)
    return jnp.pad(x.ravel(), (0, n * block_size - x.size)).reshape(n, block_size)


def _shaped(blocks: jax.Array, like: jax.Array) -> jax.Array:
    return blocks.ravel()[: like.size].reshape(like.shape)
