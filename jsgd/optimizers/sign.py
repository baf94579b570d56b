r"""Steps of one size: the sign of the gradient, or of its momentum."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise


def sign_sgd(lr: Any = 1e-3) -> Optimizer:
    r"""Every coordinate moves by the learning rate, against its gradient's sign.

    .. math::
        \theta_t = \theta_{t-1} - \eta\,\mathrm{sign}(g_t)

    On complex leaves the sign is :math:`z / |z|`.

    Args:
        lr: learning rate :math:`\eta`, >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.sign_sgd(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-0.5, 0.5]

    References:
        Bernstein et al., "signSGD: Compressed Optimisation for Non-Convex Problems", ICML 2018,
        https://arxiv.org/abs/1802.04434, Algorithm 1 (one worker, no momentum).
    """
    return elementwise(_sign_sgd, lr=lr)


def _sign_sgd(p, g, s, h):
    return p - h.lr * jnp.sign(g), {}


def signum(lr: Any = 1e-3, b1: Any = 0.9) -> Optimizer:
    r"""Every coordinate moves by the learning rate, against its momentum's sign.

    .. math::
        \mu_t = \beta \mu_{t-1} + (1-\beta) g_t, \qquad
        \theta_t = \theta_{t-1} - \eta\,\mathrm{sign}(\mu_t)

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1: decay rate :math:`\beta` of the momentum, in [0, 1).

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.signum(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-0.5, 0.5]

    References:
        Bernstein et al., "signSGD: Compressed Optimisation for Non-Convex Problems", ICML 2018,
        https://arxiv.org/abs/1802.04434, Algorithm 2 (Signum, one worker).
    """
    return elementwise(_signum, slots=("mu",), lr=lr, b1=b1)


def _signum(p, g, s, h):
    """Algorithm 2."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    return p - h.lr * jnp.sign(mu), {"mu": mu}
