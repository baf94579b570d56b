"""The step of an elementwise rule, piece by piece, so that little is decoded at a time."""

from collections.abc import Callable
from math import ceil
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jsgd.core import State, tree
from jsgd.core.hyper import is_special
from jsgd.wrappers.blocks import Compressed, is_compressed, over

PIECE = 2**18  # numbers: few enough for the cores' caches, enough for several cores


def step_in_pieces(step: Callable, params: Any, grads: Any, state: State) -> tuple[Any, State]:
    """`step(params, grads, state)` of an elementwise rule, leaf after leaf.

    XLA would decode all the leaves before it encodes one, and take more memory for a step than the
    codes save.
    """
    leaves, treedef = jax.tree.flatten(params)
    hyper = {
        name: tree.broadcast_prefix(x, params, name, is_special) for name, x in state.hyper.items()
    }
    slots = {name: treedef.flatten_up_to(x) for name, x in state.slots.items()}
    for i, (p, g) in enumerate(zip(leaves, jax.tree.leaves(grads), strict=True)):
        its_hyper = {name: x[i] for name, x in hyper.items()}
        its_slots = {name: x[i] for name, x in slots.items()}
        leaves[i], new = _leaf_step(step, p, g, State(state.t, its_hyper, its_slots))
        for name, x in new.items():
            slots[name][i] = x
    slots = {name: treedef.unflatten(x) for name, x in slots.items()}
    return treedef.unflatten(leaves), State(state.t + 1, state.hyper, slots)


def _leaf_step(step: Callable, p: Any, g: Any, state: State) -> tuple[Any, dict[str, Any]]:
    """The parameter and its slots after the step."""
    held = jax.tree.leaves(state.slots, is_leaf=is_compressed)
    compressed = [x for x in held if is_compressed(x)]
    alike = all(is_compressed(x) or jnp.shape(x) == jnp.shape(p) for x in held)
    block = compressed[0].block_size if compressed else 1
    # two pieces at least, since XLA makes no loop of one, and orders by loops what it does
    size = p.size // max(2, p.size // PIECE) // block * block
    if not compressed or not alike or not size:
        p, state = step(p, g, state)
        return p, state.slots

    def flat(x):
        return jnp.ravel(x) if jnp.shape(x) == jnp.shape(p) else x

    def cut(x: Any, start: Any, n: int) -> Any:
        if is_compressed(x):
            blocks = start // x.block_size, ceil(n / x.block_size)
            scales = lax.dynamic_slice_in_dim(x.scales, *blocks)
            return Compressed(cut(x.codes, start, n), scales, x.block_size)
        return lax.dynamic_slice_in_dim(x, start, n) if jnp.shape(x) == (p.size,) else x

    def put(x: Any, new: Any, start: Any) -> Any:
        if is_compressed(x):
            scales = put(x.scales, new.scales, start // x.block_size)
            return Compressed(put(x.codes, new.codes, start), scales, x.block_size)
        return lax.dynamic_update_slice_in_dim(x, new, start, axis=0)

    grad, hyper = jax.tree.map(flat, (g, state.hyper))

    def move(start, n, carry):
        p, slots = carry
        seen = over(lambda x: cut(x, start, n), (p, grad, State(state.t, hyper, slots)))
        new, moved = step(*seen)
        return over(lambda x, new: put(x, new, start), carry, (new, moved.slots))

    whole, rest = divmod(p.size, size)
    carry = jax.tree.map(flat, (p, state.slots))
    carry = lax.fori_loop(0, whole, lambda i, carry: move(i * size, size, carry), carry)
    if rest:
        carry = move(whole * size, rest, carry)
    return jax.tree.map(lambda x: x.reshape(p.shape) if x.size == p.size else x, carry)
