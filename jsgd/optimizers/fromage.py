r"""Fromage: every step turns a leaf by a fixed angle, whatever the gradient's length."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, leafwise
from jsgd.core.linalg import trust_ratio


def fromage(lr: Any = 1e-2, min_norm: Any = 1e-6) -> Optimizer:
    r"""Fromage: the Frobenius matched gradient, and then back to the old length.

    .. math::
        \theta_t = \frac{1}{\sqrt{1 + \eta^2}} \left(
            \theta_{t-1} - \eta \frac{\lVert \theta_{t-1} \rVert}{\lVert g_t \rVert} g_t \right)

    so that a leaf does not grow when its gradient is orthogonal to it. As in optax the two norms
    are at least `min_norm`, with which a leaf of zeros starts to move; the authors' code takes the
    plain gradient where a norm is 0.

    Args:
        lr: learning rate :math:`\eta`, >= 0; the authors' default.
        min_norm: the least norm of a leaf and of a gradient, >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.fromage(lr=0.75)
    >>> params = jnp.array([5.0, 0.0])
    >>> params, state = opt.step(params, jnp.array([0.0, 0.1]), opt.init(params))
    >>> print(params)
    [ 4. -3.]

    References:
        Bernstein et al., "On the distance between two neural networks and the stability of
        learning", NeurIPS 2020, https://arxiv.org/abs/2002.03432, Algorithm 1.
    """
    return leafwise(_fromage, needs_params=True, lr=lr, min_norm=min_norm)


def _fromage(p, g, s, h):
    """Algorithm 1."""
    p = p - h.lr * trust_ratio(p, g, min_norm=h.min_norm) * g
    return p / jnp.sqrt(1 + h.lr**2), {}
