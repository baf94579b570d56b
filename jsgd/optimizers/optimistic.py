r"""Optimistic steps: the next gradient guessed from the last two."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise


def optimistic_gradient_descent(lr: Any = 1e-2, alpha: Any = 1.0, beta: Any = 1.0) -> Optimizer:
    r"""Gradient descent along an extrapolated gradient, which converges in games.

    .. math::
        \theta_t = \theta_{t-1} - \eta \left((\alpha + \beta) g_t - \beta g_{t-1}\right),
        \qquad g_0 = g_1

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        alpha: weight of the gradient.
        beta: weight of its change; 0 is gradient descent.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.optimistic_gradient_descent(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(1), jnp.ones(1), opt.init(jnp.zeros(1)))
    >>> params, state = opt.step(params, jnp.zeros(1), state)
    >>> params.tolist()
    [0.0]

    References:
        Mokhtari, Ozdaglar and Pattathil, "A Unified Analysis of Extra-gradient and Optimistic
        Gradient Methods for Saddle Point Problems", AISTATS 2020,
        https://arxiv.org/abs/1901.08511, equation 7 (generalised: two weights).
    """
    return elementwise(
        _optimistic_gradient_descent, slots=("gradient",), lr=lr, alpha=alpha, beta=beta
    )


def _optimistic_gradient_descent(p, g, s, h):
    before = jnp.where(h.t == 1, g, s.gradient)
    return p - h.lr * ((h.alpha + h.beta) * g - h.beta * before), {"gradient": g}
