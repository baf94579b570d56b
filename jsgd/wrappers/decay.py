r"""Parameters drawn towards zero: weight decay in its three forms, and L1."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.bind import bind
from jsgd.core.nest import hyper_now
from jsgd.core.numerics import working_dtype

_MODES = ("decoupled", "independent", "l2")


def weight_decay(
    opt: Optimizer, weight_decay: Any = 1e-2, *, mode: str = "decoupled", mask: Any = None
) -> Optimizer:
    r"""Weight decay, decoupled from the gradient or not.

    .. math::
        \text{decoupled:}\quad \theta \leftarrow (1 - \eta\lambda)\,\theta \qquad
        \text{independent:}\quad \theta \leftarrow (1 - \lambda)\,\theta \qquad
        \text{l2:}\quad g \leftarrow g + \lambda\theta

    and then the step of `opt`. `decoupled` follows the inner learning rate, read from the state,
    schedule and all; with it `weight_decay(adam(lr), x)` is `adamw(lr, weight_decay=x)`.

    Args:
        opt: the optimizer that takes the step.
        weight_decay: :math:`\lambda` >= 0, one number or a tree that is a prefix of the parameters.
        mode: static; `"decoupled"`, `"independent"` or `"l2"`.
        mask: static; which leaves decay. A tree of booleans that is a prefix of the parameters, or
            a function `(path, leaf) -> bool`, with a path such as `"dense/kernel"`.

    Raises:
        ValueError: the mode is unknown, a number is out of range, or `decoupled` finds no inner
            `lr` or several.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.weight_decay(jsgd.sgd(0.5), 0.1, mask=lambda path, leaf: leaf.ndim > 1)
    >>> params = {"kernel": jnp.ones((1, 1)), "bias": jnp.ones(1)}
    >>> zero = {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}
    >>> params, state = opt.step(params, zero, opt.init(params))
    >>> float(params["kernel"][0, 0]), float(params["bias"][0])
    (0.949999988079071, 1.0)

    References:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
        https://arxiv.org/abs/1711.05101, Algorithms 1 and 2. Wortsman et al., "Small-scale proxies
        for large-scale Transformer training instabilities", 2023,
        https://arxiv.org/abs/2309.14322, section 3.2.2 (independent).
    """
    if mode not in _MODES:
        raise ValueError(f"mode = {mode!r}: it must be one of {', '.join(map(repr, _MODES))}")
    choice = None if mask is None else tree.leaf_choice(mask, "mask")
    return wrapper(
        bind(_weight_decay, choice),
        opt,
        needs_params=True,
        per_leaf=("weight_decay",),
        weight_decay=weight_decay,
        mode=mode,
    )


def _weight_decay(mask, step, params, grads, inner, s, h):
    """Algorithms 1 (l2) and 2 (decoupled)."""
    rates = tree.broadcast_prefix(h.weight_decay, params, "weight_decay")
    if h.mode == "decoupled":
        lrs = tree.broadcast_prefix(hyper_now(inner, "lr"), params, "lr")
        rates = [lr * rate for lr, rate in zip(lrs, rates, strict=True)]
    decays = mask(params) if mask else [True] * len(rates)
    leaves, treedef = jax.tree.flatten(params)
    moved = jax.tree.leaves(grads) if h.mode == "l2" else leaves
    sign = 1 if h.mode == "l2" else -1
    moved = [
        _add(x, sign * rate, p) if decay else x
        for x, rate, p, decay in zip(moved, rates, leaves, decays, strict=True)
    ]
    if h.mode == "l2":
        grads = treedef.unflatten(moved)
    else:
        params = treedef.unflatten(moved)
    return *step(params, grads, inner), {}


def _add(x, rate, y):
    """`x + rate * y` in the working dtype of `y`."""
    return jnp.asarray(x, working_dtype(y)) + tree.scale(rate, y)


def l1(opt: Optimizer, l1: Any = 1e-4) -> Optimizer:
    r"""Adds the gradient of an L1 penalty.

    .. math::
        g \leftarrow g + \lambda\,\mathrm{sign}(\theta)

    Args:
        opt: the optimizer that takes the step.
        l1: :math:`\lambda` >= 0, one number or a tree that is a prefix of the parameters.

    Raises:
        ValueError: `l1` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.l1(jsgd.sgd(1.0), 0.25)
    >>> params = jnp.array([1.0, -1.0, 0.0])
    >>> params, state = opt.step(params, jnp.zeros(3), opt.init(params))
    >>> params.tolist()
    [0.75, -0.75, 0.0]

    References:
        Tibshirani, "Regression Shrinkage and Selection via the Lasso", JRSS B 58, 1996; this is
        its subgradient, which is 0 at 0.
    """
    return wrapper(_l1, opt, needs_params=True, per_leaf=("l1",), l1=l1)


def _l1(step, params, grads, inner, s, h):
    rates = tree.fill(h.l1, params, "l1")
    grads = jax.tree.map(lambda g, rate, p: _add(g, rate, jnp.sign(p)), grads, rates, params)
    return *step(params, grads, inner), {}
