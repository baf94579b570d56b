r"""Moments in 8 or 16 bits a number, each block of them with a scale of its own."""

import itertools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import GetAttrKey

from jsgd.core import Optimizer, State, tree
from jsgd.core.bind import bind, call_repr
from jsgd.core.lift import Around, check_wrapped
from jsgd.wrappers.blocks import CODES, centres, decode, encode, is_compressed, over
from jsgd.wrappers.pieces import step_in_pieces

MOMENTS = ("mu", "nu", "trace")


def compress(
    opt: Optimizer, *, bits: int = 8, block_size: int = 256, min_size: float = 4096
) -> Optimizer:
    r"""Keeps the moments of any optimizer in 8 bits a number, or 16, instead of 32.

    Moments are the slots `mu`, `nu` and `trace`, of this optimizer and of those within it. Between
    steps a block of `block_size` numbers is held as a scale, its largest magnitude, and a code for
    every number: the cell that it is in, of those that the dynamic map divides :math:`[0, 1]` into,
    half of them in the first decade below the largest, half of what is left in the next, and so on.
    The step sees the centres of the cells, in float32: with 8 bits numbers of the first decade are
    off by 0.7 % of the largest at most, by half of that in a block without signs, and what is below
    1e-7 of the largest is lost. Adam's state takes 2.03 bytes a parameter, where it took 8. What is
    not float32 is kept as it is, and so are averages of parameters.

    What changes in a step by less than half a cell stays where it is, unless its whole block
    changes so, by the scale. So with 8 bits a slow average (`b2 = 0.999`) does not forget in a
    block whose largest number stays; with 16 bits it does, down to a thousandth of the largest.

    A step takes about four times as long as Adam's alone on a CPU, and longer to compile. An
    elementwise optimizer that is wrapped directly steps piece by piece, and needs next to no memory
    besides; so `compress` goes inside the other wrappers. Around them, or around `lamb` and others
    that see whole leaves, all moments are decoded at once while the step lasts.

    Args:
        opt: the optimizer that takes the step.
        bits: static; 8, or 16.
        block_size: static; how many numbers share a scale, > 0.
        min_size: arrays with fewer numbers are kept as they are.

    Raises:
        ValueError: an argument is not as said.

    >>> import jax, jax.numpy as jnp, jsgd
    >>> opt = jsgd.compress(jsgd.adam(1e-3))
    >>> state = opt.init({"w": jnp.zeros((64, 64)), "b": jnp.zeros(64)})
    >>> state.inner.slots["mu"]["w"].codes.dtype, state.inner.slots["mu"]["b"].dtype
    (dtype('uint8'), dtype('float32'))

    References:
        Dettmers et al., "8-bit Optimizers via Block-wise Quantization", ICLR 2022,
        https://arxiv.org/abs/2110.02861, sections 2 and 3. The map is that of section 2.2, but the
        largest number lies at the centre of its cell, and whether a block has signs is seen from
        its numbers, not from their slot. No number that is not 0 in a block without signs becomes
        0, so that no step is divided by a `nu` that was lost.
    """
    check_wrapped(opt)
    if bits not in CODES:
        raise ValueError(f"bits must be 8 or 16, got {bits!r}")
    if not (isinstance(block_size, int) and block_size > 0):
        raise ValueError(f"block_size must be a positive integer, got {block_size!r}")
    if not min_size >= 0:
        raise ValueError(f"min_size must be >= 0, got {min_size!r}")
    init = CompressInit(opt, bits, block_size, min_size)
    in_pieces = getattr(opt.init, "kind", None) == "elementwise"
    return Optimizer(init, bind(_step, opt.step, in_pieces))


@dataclass(frozen=True)
class CompressInit(Around):
    """The `init` of `compress`."""

    bits: int
    block_size: int
    min_size: float

    def __call__(self, params: Any) -> State:
        def pack(path, x):
            is_small = x.size < max(self.min_size, 1)
            if is_small or x.dtype != jnp.float32 or not _is_moment(path):
                return x
            # the barrier keeps XLA from encoding zeros, half a minute of 20 million, in compiling
            return encode(jax.lax.optimization_barrier(x), self.bits, self.block_size)

        inner = jax.tree_util.tree_map_with_path(pack, self.inner.init(params))
        return State(jnp.zeros((), jnp.int32), inner=inner)

    def __repr__(self) -> str:
        arguments = {name: getattr(self, name) for name in ("bits", "block_size", "min_size")}
        return call_repr(compress, arguments, self.inner)


def _is_moment(path: tuple) -> bool:
    return any(
        slots == GetAttrKey("slots") and getattr(name, "key", None) in MOMENTS
        for slots, name in itertools.pairwise(path)
    )


def _step(inner_step, in_pieces, params, grads, state, **given):
    tree.check_same(grads, params)
    held = jax.tree.leaves(state, is_leaf=is_compressed)
    # one constant of the program for each, however many the leaves
    tables = {x.bits: jnp.asarray(centres(x.bits)) for x in held if is_compressed(x)}

    def step(params, grads, held):
        inner = over(lambda x: decode(x, tables[x.bits]) if is_compressed(x) else x, held)
        params, inner = inner_step(params, grads, inner, **given)
        return params, over(
            lambda x, new: encode(new, x.bits, x.block_size) if is_compressed(x) else new,
            held,
            inner,
        )

    if in_pieces:
        params, inner = step_in_pieces(step, params, grads, state.inner)
    else:
        params, inner = step(params, grads, state.inner)
    return params, State(state.t + 1, state.hyper, state.slots, inner)
