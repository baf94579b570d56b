"""Parameters of many small leaves, held in one buffer a dtype, so that a step is one loop."""

import functools
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core.numerics import hyper_dtype


class Layout:
    """Which leaf of a tree lies where; equal ones are one object.

    So the call of a jitted step, which compares them, need not look at the leaves again.
    """

    def __init__(self, treedef: Any, kinds: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]):
        self.treedef, self.kinds, self.shapes = treedef, kinds, shapes

    def __reduce__(self):
        return _layout, (self.treedef, self.kinds, self.shapes)

    def __repr__(self) -> str:
        return f"<{len(self.shapes)} leaves>"

    def places(self) -> dict[str, list[int]]:
        """The leaves of every dtype, by position."""
        kinds = dict.fromkeys(self.kinds)
        return {kind: [i for i, k in enumerate(self.kinds) if k == kind] for kind in kinds}

    def join(self, tree: Any) -> "Flat":
        """A tree like this one, flat."""
        leaves = self.treedef.flatten_up_to(tree)
        buffers = {
            kind: jnp.concatenate([jnp.ravel(leaves[i]) for i in places])
            for kind, places in self.places().items()
        }
        return Flat(buffers, self)


@functools.cache
def _layout(treedef, kinds, shapes) -> Layout:
    return Layout(treedef, kinds, shapes)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Flat:
    """A tree of arrays in one buffer a dtype; `jsgd.flatten` makes it.

    Attributes:
        buffers: dtype -> the numbers of all leaves of that dtype, an array of one axis.
        layout: static; the structure of the tree, the dtypes and the shapes of its leaves.
    """

    buffers: dict[str, Any]
    layout: Layout = field(metadata={"static": True})

    def fill(self, prefix: Any) -> "Flat":
        """Numbers by leaf, written out for every number of the leaf: a hyperparameter for a `Flat`.

        Args:
            prefix: a tree of numbers, or of arrays, that is a prefix of the tree of parameters.

        Raises:
            ValueError: it is no such prefix.

        >>> import jax.numpy as jnp, jsgd
        >>> flat = jsgd.flatten({"encoder": jnp.zeros((2, 2)), "head": jnp.zeros(1)})
        >>> opt = jsgd.sgd(lr=flat.fill({"encoder": 0.25, "head": 1.0}))
        >>> flat, state = opt.step(flat, flat.fill(1.0), opt.init(flat))
        >>> flat.buffers["float32"].tolist()
        [-0.25, -0.25, -0.25, -0.25, -1.0]
        """
        shapes = self.layout.treedef.unflatten(map(_Shape, self.layout.shapes))

        def full(x, like):
            return jax.tree.map(lambda s: jnp.full(s.shape, x, hyper_dtype()), like)

        try:
            return self.layout.join(jax.tree.map(full, prefix, shapes))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"fill: it takes numbers in a tree that is a prefix of the parameters: {error}"
            ) from error


@dataclass(frozen=True)
class _Shape:
    """Shapes are tuples, and a tuple would be a tree."""

    shape: tuple[int, ...]


def flatten(params: Any) -> Flat:
    r"""Parameters in one buffer a dtype, for the whole of a training: for many small leaves.

    A `Flat` is a pytree whose leaves are the buffers. The optimizers take it as they take every
    tree, and a step is then one loop a buffer instead of one a leaf; the loss reads the leaves by
    `jsgd.unflatten`, through which the gradient comes back flat. The numbers are those of the tree.
    What goes flat should stay flat: to write the buffers anew at every step costs more than it
    saves.

    On 2 CPU cores Adam's step on 500 leaves of 1,000 numbers takes a tenth of the time, and
    compiles in 0.1 s instead of 2 s. Of a whole training step, jitted, of a network of 240 leaves
    of 32x32 it saves half, a third where that step is within a `lax.scan`; but
    the program of such a network takes longer to compile. It saves nothing with leaves of 100,000
    numbers and more, and under `vmap` over many members, as in a sweep, it costs more time than it
    saves. `python benchmarks/step.py` measures all of it.

    An optimizer that tells leaves apart, by norm, shape or path, refuses a `Flat` (`lamb`, `muon`,
    `clip_by_norm`, masks and labels). Hyperparameters by leaf are written `flat.fill({...})`.

    Args:
        params: any pytree of arrays.

    >>> import jax, jax.numpy as jnp, jsgd
    >>> def loss(flat):
    ...     params = jsgd.unflatten(flat)
    ...     return jnp.sum(params["w"] ** 2) + params["b"] ** 2
    >>> flat, opt = jsgd.flatten({"w": jnp.ones((2, 2)), "b": jnp.float32(3.0)}), jsgd.sgd(0.25)
    >>> flat, state = opt.step(flat, jax.grad(loss)(flat), opt.init(flat))
    >>> jsgd.unflatten(flat)["w"].tolist(), float(jsgd.unflatten(flat)["b"])
    ([[0.5, 0.5], [0.5, 0.5]], 1.5)
    """
    leaves, treedef = jax.tree.flatten(params)
    kinds = tuple(jnp.result_type(x).name for x in leaves)
    return _layout(treedef, kinds, tuple(map(jnp.shape, leaves))).join(params)


def unflatten(tree: Any) -> Any:
    """Any pytree, a state as well, with the trees of parameters for every `Flat` in it.

    Axes in front of a buffer's own, those of a population, stay in front of every leaf.

    >>> import jax.numpy as jnp, jsgd
    >>> flat = jsgd.flatten({"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)})
    >>> {name: mu.shape for name, mu in jsgd.unflatten(jsgd.adam().init(flat)).slots["mu"].items()}
    {'b': (2,), 'w': (3, 2)}
    """
    return jax.tree.map(lambda x: _split(x) if is_flat(x) else x, tree, is_leaf=is_flat)


def _split(flat: Flat) -> Any:
    layout = flat.layout
    leaves: list = [None] * len(layout.shapes)
    for kind, places in layout.places().items():
        shapes = [layout.shapes[i] for i in places]
        # most often one array; but a slot may keep nothing here, or two of them (`tree.Parts`)
        arrays, held = jax.tree.flatten(flat.buffers[kind])
        pieces = [_pieces(array, shapes) for array in arrays]
        for j, i in enumerate(places):
            leaves[i] = held.unflatten(piece[j] for piece in pieces)
    return layout.treedef.unflatten(leaves)


def _pieces(buffer: Any, shapes: list[tuple[int, ...]]) -> list:
    sizes = [prod(shape) for shape in shapes]
    if jnp.shape(buffer)[-1:] != (sum(sizes),):
        return [buffer] * len(shapes)  # a slot with one number for each leaf that its rule sees
    *front, _ = jnp.shape(buffer)
    # the gradient of `lax.split` is one concatenation; that of a slice is a whole padded buffer
    pieces = jax.lax.split(buffer, sizes, axis=len(front))
    return [x.reshape(*front, *shape) for x, shape in zip(pieces, shapes, strict=True)]


def is_flat(x: Any) -> bool:
    """Whether it is a `Flat`."""
    return isinstance(x, Flat)


def has_flat(tree: Any) -> bool:
    """Whether there is a `Flat` in a tree."""
    return any(map(is_flat, jax.tree.leaves(tree, is_leaf=is_flat)))


def refuse_flat(tree: Any, what: str) -> None:
    """Raises `ValueError` if there is a `Flat` in the tree: for `what` tells leaves apart."""
    if has_flat(tree):
        raise ValueError(f"{what} tells leaves apart, and a Flat has none: give it the tree itself")
