r"""Layerwise adaptive steps: every leaf moves by a fraction of its own length."""

from typing import Any

import jax

from jsgd.core import Optimizer, linalg, tree, wrapper
from jsgd.core.nest import hyper_now
from jsgd.core.numerics import real_dtype


def trust_ratio(opt: Optimizer, trust_coefficient: Any = 1.0, eps: Any = 0.0) -> Optimizer:
    r"""Makes the inner step in every leaf as long as the leaf itself, times the learning rate.

    .. math::
        \theta_t = \theta_{t-1} - \eta\,
            \frac{\tau \lVert \theta_{t-1} \rVert}{\lVert u_t \rVert + \epsilon}\, u_t

    where :math:`\theta_{t-1} - \eta u_t` is what the inner optimizer makes of
    :math:`\theta_{t-1}`; the learning rate :math:`\eta` is read from its state, schedule and all.
    Where a norm is 0 the step is left as it is. `trust_ratio(adamw(lr))` is `lamb(lr)`, and around
    `sgd` without momentum it is `lars` without. To leave some leaves out, wrap one arm of a
    `partition`.

    Args:
        opt: the optimizer that takes the step.
        trust_coefficient: :math:`\tau` >= 0.
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range, or there is no inner `lr` or several.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.trust_ratio(jsgd.sgd(0.5))
    >>> params = jnp.array([3.0, 4.0])
    >>> params, state = opt.step(params, jnp.array([0.0, 0.01]), opt.init(params))
    >>> print(params)
    [3.  1.5]

    References:
        You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
        ICLR 2020, https://arxiv.org/abs/1904.00962, section 3, the general strategy.
    """
    return wrapper(
        _trust_ratio,
        opt,
        needs_params=True,
        by_leaf=True,
        trust_coefficient=trust_coefficient,
        eps=eps,
    )


def _trust_ratio(step, params, grads, inner, s, h):
    """Section 3, with the identity for phi."""
    lrs = tree.fill(hyper_now(inner, "lr"), params, "lr")
    # in the working dtype, for the difference of two rounded parameters is no step
    params = tree.widen(params)
    moved, inner = step(params, grads, inner)

    def scaled(p, q, lr):
        step = q - p  # -lr * u
        real = real_dtype(p.dtype)
        lr, coefficient, eps = (x.astype(real) for x in (lr, h.trust_coefficient, h.eps))
        ratio = linalg.trust_ratio(p, step, coefficient * lr, eps * lr)
        return p + tree.scale(ratio, step)

    return jax.tree.map(scaled, params, moved, lrs), inner, {}
