r"""Different optimizers for different parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, State, tree
from jsgd.core.bind import bind
from jsgd.core.lift import bare

FROZEN = "frozen"


def partition(optimizers: Mapping[str, Optimizer], labels: Any) -> Optimizer:
    """Gives every leaf to the optimizer of its label; the leaves labelled `"frozen"` stay.

    Each optimizer sees a tree of the whole structure in which the leaves of the others are
    absent, so global norms are norms of its own leaves. Frozen leaves may be of any dtype.

    Args:
        optimizers: label -> optimizer. `"frozen"` needs none.
        labels: static; a function `(path, leaf) -> label`, with a path such as `"dense/kernel"`
            (it sees shapes, not values), or a tree of labels that is a prefix of the parameters.

    Raises:
        ValueError: there is no optimizer for the label of a leaf (it names the path).

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.partition(
    ...     {"fast": jsgd.sgd(1.0), "slow": jsgd.sgd(0.1)},
    ...     lambda path, leaf: {"a": "fast", "b": "slow"}.get(path, "frozen"),
    ... )
    >>> params = {"a": jnp.array(0.0), "b": jnp.array(0.0), "c": jnp.array(0.0)}
    >>> grads = {"a": jnp.array(1.0), "b": jnp.array(1.0), "c": jnp.array(1.0)}
    >>> params, state = opt.step(params, grads, opt.init(params))
    >>> [round(float(x), 2) for x in params.values()]
    [-1.0, -0.1, 0.0]
    >>> sorted(jsgd.get_hyper(state))
    ['fast__lr', 'slow__lr']
    """
    optimizers = dict(optimizers)
    for label, opt in optimizers.items():
        if label == FROZEN or not isinstance(opt, Optimizer):
            raise ValueError(f"{label!r}: {opt!r}; labels other than 'frozen' map to an Optimizer")
    label_of = tree.leaf_choice(labels, "labels")
    steps = tuple((label, opt.step) for label, opt in optimizers.items())
    return Optimizer(PartitionInit(optimizers, label_of), bind(_partition_step, steps, label_of))


@dataclass(frozen=True)
class PartitionInit:
    """The `init` of a partition."""

    inner: dict[str, Optimizer]
    label_of: Callable

    def __call__(self, params: Any) -> State:
        labels = _labels(self.label_of, params, self.inner)
        inner = {label: opt.init(_only(label, labels, params)) for label, opt in self.inner.items()}
        return State(jnp.zeros((), jnp.int32), inner=inner)

    @property
    def needs_params(self) -> bool:
        return any(getattr(opt.init, "needs_params", True) for opt in self.inner.values())

    def bare(self) -> "PartitionInit":
        """This without its numbers."""
        return replace(self, inner={label: bare(opt) for label, opt in self.inner.items()})

    def __hash__(self) -> int:
        return hash((tuple(self.inner.items()), self.label_of))

    def __repr__(self) -> str:
        return f"partition({self.inner!r}, {self.label_of.args[-1]!r})"


def _partition_step(steps, label_of, params, grads, state, *, value_fn=None, **given):
    tree.check_same(grads, params)
    labels = _labels(label_of, params, dict(steps))
    inner, new = {}, params
    for label, step in steps:
        if value_fn is not None:  # the rest of the parameters stand still
            given["value_fn"] = lambda part, label=label: value_fn(
                _merge(label, labels, part, params)
            )
        part, inner[label] = step(
            _only(label, labels, params), _only(label, labels, grads), state.inner[label], **given
        )
        new = _merge(label, labels, part, new)
    return new, State(state.t + 1, state.hyper, state.slots, inner)


def _labels(label_of: Callable, params: Any, optimizers: dict[str, Any]) -> list[str]:
    """The label of every leaf, in the order of the leaves."""
    labels = label_of(params)
    leaves = jax.tree_util.tree_leaves_with_path(params)
    for (path, _), label in zip(leaves, labels, strict=True):
        if label != FROZEN and label not in optimizers:
            raise ValueError(
                f"the label of {tree.path_name(path)!r} is {label!r}; "
                f"there are {', '.join(map(repr, [*optimizers, FROZEN]))}"
            )
    return labels


def _only(label: str, labels: list[str], full: Any) -> Any:
    """`full` with `None`, which is no leaf, in the place of other labels' leaves."""
    leaves, treedef = jax.tree.flatten(full)
    kept = [x if own == label else None for x, own in zip(leaves, labels, strict=True)]
    return jax.tree.unflatten(treedef, kept)


def _merge(label: str, labels: list[str], part: Any, full: Any) -> Any:
    """`full` with the leaves of `label` taken from `part`."""
    leaves, treedef = jax.tree.flatten(full)
    new = iter(jax.tree.leaves(part))
    merged = [next(new) if own == label else x for x, own in zip(leaves, labels, strict=True)]
    return jax.tree.unflatten(treedef, merged)
