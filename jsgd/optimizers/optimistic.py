r"""Optimistic steps: the next gradient guessed from the last two."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import zeros
from jsgd.optimizers.adam import MOMENTS


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


def optimistic_adam(
    lr: Any = 1e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    alpha: Any = 1.0,
    beta: Any = 1.0,
) -> Optimizer:
    r"""Adam along an extrapolated direction, for games such as the training of GANs.

    .. math::
        u_t = \frac{\mu_t / (1-\beta_1^t)}{\sqrt{\nu_t / (1-\beta_2^t)} + \epsilon}, \quad
        \theta_t = \theta_{t-1} - \eta \left((\alpha + \beta) u_t - \beta u_{t-1}\right),
        \quad u_0 = u_1

    with Adam's :math:`\mu` and :math:`\nu`. The paper has :math:`\alpha = \beta = 1`. optax's
    `optimistic_adam_v2` takes NAdam's direction unless told `nesterov=False`.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        eps: :math:`\epsilon` >= 0.
        alpha: weight of the direction.
        beta: weight of its change; 0 is Adam.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.optimistic_adam(lr=0.5, b1=0.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Daskalakis et al., "Training GANs with Optimism", ICLR 2018,
        https://arxiv.org/abs/1711.00141, Algorithm 1 (generalised: two weights).
    """
    slots = MOMENTS | {"direction": zeros}
    return elementwise(
        _optimistic_adam, slots=slots, lr=lr, b1=b1, b2=b2, eps=eps, alpha=alpha, beta=beta
    )


def _optimistic_adam(p, g, s, h):
    """Algorithm 1."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g)
    u = mu / (1 - h.b1**h.t) / (jnp.sqrt(nu / (1 - h.b2**h.t)) + h.eps)
    before = jnp.where(h.t == 1, u, s.direction)
    p = p - h.lr * ((h.alpha + h.beta) * u - h.beta * before)
    return p, {"mu": mu, "nu": nu, "direction": u}
