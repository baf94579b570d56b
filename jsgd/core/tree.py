"""Small functions on pytrees: paths, structure checks, prefixes, norms."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jsgd.core.bind import bind
from jsgd.core.flat import has_flat, refuse_flat
from jsgd.core.numerics import abs_sq, hyper_dtype, promotion, real_dtype, working_dtype


def path_name(path: tuple) -> str:
    """A key path as people write it: `dense/kernel`; the root is `(the root)`."""
    return jax.tree_util.keystr(path, simple=True, separator="/") or "(the root)"


def leaves_by_path(tree: Any) -> dict[str, Any]:
    """`{path: leaf}` in the order of the leaves."""
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def map_with_path(fn: Callable, tree: Any) -> Any:
    """`fn(path, leaf)` for every leaf, with the path as a string."""
    return jax.tree_util.tree_map_with_path(lambda path, leaf: fn(path_name(path), leaf), tree)


def check_same(grads: Any, params: Any, per_example: bool = False) -> None:
    """Raises `ValueError`, naming the path, unless `grads` is a tree like `params`.

    With `per_example`, unless every leaf has one more axis in front, of one length for all.
    """
    if jax.tree.structure(grads) != jax.tree.structure(params):
        theirs, ours = leaves_by_path(grads), leaves_by_path(params)
        wrong = [f"{path!r} is missing" for path in ours if path not in theirs]
        wrong += [f"{path!r} is not in the parameters" for path in theirs if path not in ours]
        where = "; ".join(wrong[:4]) or (
            f"{jax.tree.structure(grads)} is not {jax.tree.structure(params)}"
        )
        raise ValueError(f"the gradients do not have the structure of the parameters: {where}")
    leaves = jax.tree.leaves(grads)
    examples = (jnp.shape(leaves[0]) or (0,))[:1] if per_example and leaves else ()
    more = ": one more axis goes in front, of the examples, as long in all" if per_example else ""
    for (path, p), g in zip(jax.tree_util.tree_leaves_with_path(params), leaves, strict=True):
        if jnp.shape(g) != (*examples, *jnp.shape(p)):
            raise ValueError(
                f"the gradient of {path_name(path)!r} has shape {jnp.shape(g)}, "
                f"the parameter has {jnp.shape(p)}{more}"
            )
        trains = jnp.issubdtype(jnp.result_type(p), jnp.inexact)
        if trains and not jnp.issubdtype(jnp.result_type(g), jnp.inexact):
            raise ValueError(
                f"the gradient of {path_name(path)!r} has dtype {jnp.result_type(g)}; "
                "a gradient is floating or complex"
            )


def check_trainable(params: Any) -> None:
    """Raises `ValueError`, naming the path, unless every leaf is floating or complex."""
    for path, leaf in leaves_by_path(params).items():
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.inexact):
            raise ValueError(
                f"parameter {path!r} has dtype {jnp.result_type(leaf)}; an optimizer moves "
                "floating and complex leaves: label the others 'frozen' in jsgd.partition"
            )


def trainable(tree: Any, params: Any = None) -> Any:
    """`tree` with `None` for the leaves whose parameter is neither floating nor complex."""
    return jax.tree.map(
        lambda x, p: x if jnp.issubdtype(jnp.result_type(p), jnp.inexact) else None,
        tree,
        tree if params is None else params,
    )


def restore(part: Any, full: Any) -> Any:
    """`full` with the leaves that `part` has."""
    return jax.tree.map(lambda x, y: y if x is None else x, part, full, is_leaf=lambda x: x is None)


class Parts(NamedTuple):
    """A complex leaf as two real ones."""

    real: Any
    imag: Any


def split(tree: Any, params: Any) -> Any:
    """`tree` with `Parts` for the leaves whose parameter is complex."""
    return jax.tree.map(
        lambda x, p: Parts(jnp.real(x), jnp.imag(x)) if jnp.iscomplexobj(p) else x, tree, params
    )


def join(tree: Any) -> Any:
    """`tree` with complex leaves for `Parts`."""
    return jax.tree.map(
        lambda x: jax.lax.complex(*x) if isinstance(x, Parts) else x,
        tree,
        is_leaf=lambda x: isinstance(x, Parts),
    )


def broadcast_prefix(prefix: Any, tree: Any, name: str, is_leaf: Callable | None = None) -> list:
    """The leaves of `prefix`, one for every leaf of `tree`; `name` is for the error message."""
    out: list = []
    try:
        jax.tree.map(
            lambda x, sub: out.extend([x] * len(jax.tree.leaves(sub))),
            prefix,
            tree,
            is_leaf=is_leaf,
        )
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} is a tree that is no prefix of the parameters: it has "
            f"{list(leaves_by_path(prefix))}, the parameters have {list(leaves_by_path(tree))}"
            + "; for a Flat it is flat.fill(...)"
            * has_flat(tree)
        ) from error
    return out


def fill(prefix: Any, tree: Any, name: str) -> Any:
    """`prefix` spread out to the structure of `tree`; `name` is for the error message."""
    return jax.tree.unflatten(jax.tree.structure(tree), broadcast_prefix(prefix, tree, name))


def leaf_choice(choice: Any, name: str) -> Callable:
    """A static choice for every leaf, as a hashable function `tree -> [choice of every leaf]`.

    Args:
        choice: a function `(path, leaf) -> choice`, or a tree of choices that is a prefix.
        name: for the error message.
    """
    if callable(choice):
        return bind(_asked, choice)
    leaves, treedef = jax.tree.flatten(choice)
    return bind(_spread, name, treedef, tuple(leaves))


def _asked(choice: Callable, tree: Any) -> list:
    refuse_flat(tree, "a choice by path")
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [choice(path_name(path), leaf) for path, leaf in leaves]


def _spread(name: str, treedef: Any, leaves: tuple, tree: Any) -> list:
    return broadcast_prefix(jax.tree.unflatten(treedef, leaves), tree, name)


def scale(factor: Any, tree: Any) -> Any:
    """`factor * leaf` for every leaf, in the working dtype."""

    def one(leaf):
        work = working_dtype(leaf)
        with promotion(work):
            return jnp.asarray(factor, real_dtype(work)) * jnp.asarray(leaf, work)

    return jax.tree.map(one, tree)


def mix(a: Any, b: Any, weight: Any) -> Any:
    """`(1 - weight) * a + weight * b`, leaf by leaf, in the working dtype; at weight 1 just `b`."""
    return jax.tree.map(jnp.add, scale(1 - weight, a), scale(weight, b))


def widen(tree: Any) -> Any:
    """Every leaf in its working dtype: what a small step is taken in, so that it is not lost."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, working_dtype(leaf)), tree)


def zeros_like(tree: Any) -> Any:
    """Zeros of every leaf's shape in its working dtype."""
    return jax.tree.map(lambda leaf: jnp.zeros_like(leaf, working_dtype(leaf)), tree)


def choose(condition: jax.Array, a: Any, b: Any) -> Any:
    """The leaves of `a` where the condition, one boolean, holds, else those of `b`."""
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), a, b)


def zero_where(mask: Any, tree: Any) -> Any:
    """The tree with zeros where the mask, a tree of booleans like it, is true."""
    return jax.tree.map(lambda m, leaf: jnp.where(m, 0, leaf), mask, tree)


def dot(a: Any, b: Any) -> jax.Array:
    """The real inner product of all leaves together, `sum Re(conj(a) b)`, of `hyper_dtype()`."""
    total = jnp.zeros((), hyper_dtype())
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        total += jnp.sum((jnp.conj(x) * y).real).astype(total.dtype)
    return total


def sum_abs(tree: Any) -> jax.Array:
    """The sum of `|x|` over all leaves together, of `hyper_dtype()`."""
    total = jnp.zeros((), hyper_dtype())
    for leaf in jax.tree.leaves(tree):
        total += jnp.sum(jnp.abs(leaf)).astype(total.dtype)
    return total


def value_and_grad(value_fn: Callable, params: Any) -> tuple[jax.Array, Any]:
    """A loss and its gradient, conjugated where complex, so that steps against it descend.

    JAX differentiates a real function of complex numbers into the conjugate of its direction of
    steepest ascent. The `grads` of every step are such directions, and so is what this returns.
    """
    value, grads = jax.value_and_grad(value_fn)(params)
    return value, jax.tree.map(jnp.conj, grads)


def norm(tree: Any) -> jax.Array:
    """The Euclidean norm of all leaves together, `sqrt(sum |x|**2)`, of `hyper_dtype()`."""
    total = jnp.zeros((), hyper_dtype())
    for leaf in jax.tree.leaves(widen(tree)):
        total += jnp.sum(abs_sq(leaf)).astype(total.dtype)
    return jnp.sqrt(total)


def all_finite(tree: Any) -> jax.Array:
    """One boolean: no leaf holds an infinity or a NaN."""
    ok = jnp.asarray(True)
    for leaf in jax.tree.leaves(tree):
        # 0 times either is NaN; on CPU a sum of floats is several times as fast as one of booleans
        ok = ok & (jnp.sum(leaf * 0) == 0)
    return ok


def any_nan(tree: Any) -> jax.Array:
    """One boolean: some leaf holds a NaN."""
    found = jnp.asarray(False)
    for leaf in jax.tree.leaves(tree):
        found = found | jnp.any(jnp.isnan(leaf))
    return found
