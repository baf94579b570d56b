r"""An optimizer for some of the parameters, while the others stay."""

from collections.abc import Callable
from typing import Any

import jax

from jsgd.core import Optimizer, tree
from jsgd.core.bind import bind
from jsgd.wrappers.view import view


def masked(opt: Optimizer, mask: Any) -> Optimizer:
    """Moves only the leaves where the mask is true.

    The others stay exactly as they are, whatever their gradients and dtypes, and the state has
    no slots for them (in optax's `masked` their raw gradients are added to them). Global norms
    inside are norms of the leaves that move.

    Args:
        opt: the optimizer that takes the step.
        mask: static; a tree of booleans that is a prefix of the parameters, or a function
            `(path, leaf) -> bool`, with a path such as `"dense/kernel"`. `True` changes nothing.

    Raises:
        ValueError: at `init`, the mask is no prefix of the parameters.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.masked(jsgd.sgd(1.0), lambda path, leaf: path.startswith("head"))
    >>> params = {"body": jnp.ones(1), "head": {"bias": jnp.ones(1)}}
    >>> params, state = opt.step(params, params, opt.init(params))
    >>> float(params["body"][0]), float(params["head"]["bias"][0])
    (1.0, 0.0)
    """
    there = bind(_where, tree.leaf_choice(mask, "mask"), True)
    return view(masked, opt, there, tree.restore, mask=mask)


def freeze(opt: Optimizer, mask: Any) -> Optimizer:
    """Keeps the leaves where the mask is true exactly as they are: `masked`, the other way round.

    Args:
        opt: the optimizer that moves the others.
        mask: static; which leaves are frozen, as for `masked`. `False` changes nothing.

    Raises:
        ValueError: at `init`, the mask is no prefix of the parameters.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.freeze(jsgd.sgd(1.0), {"body": True, "head": False})
    >>> params = {"body": jnp.ones(1), "head": {"bias": jnp.ones(1)}}
    >>> params, state = opt.step(params, params, opt.init(params))
    >>> float(params["body"][0]), float(params["head"]["bias"][0])
    (1.0, 0.0)
    """
    there = bind(_where, tree.leaf_choice(mask, "mask"), False)
    return view(freeze, opt, there, tree.restore, mask=mask)


def _where(mask: Callable, wanted: bool, full: Any, params: Any) -> Any:
    """`full` with `None`, which is no leaf, wherever the mask is not as wanted."""
    leaves, treedef = jax.tree.flatten(full)
    kept = [x if bool(m) is wanted else None for x, m in zip(leaves, mask(params), strict=True)]
    return treedef.unflatten(kept)
