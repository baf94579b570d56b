r"""COCOB: every coordinate bets on its gradients, and what it has won is its learning rate."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import ratio
from jsgd.core.slots import copies, real_zeros, zeros


def cocob(alpha: Any = 100.0, eps: Any = 1e-8) -> Optimizer:
    r"""COCOB: training without a learning rate, by coin betting.

    .. math::
        L_t = \max(L_{t-1}, |g_t|), \quad G_t = G_{t-1} + |g_t|, \quad
        R_t = \max(R_{t-1} - g_t (\theta_t - \theta_0), 0), \quad
        C_t = C_{t-1} - g_t, \\
        \theta_{t+1} = \theta_0 + \frac{C_t}{L_t \max(G_t + L_t, \alpha L_t)} (L_t + R_t)

    with :math:`L_0 = \epsilon`, as in optax, where the paper has 0. There is no learning rate: a
    factor of all gradients changes nothing, once they are larger than :math:`\epsilon`. The
    parameters are written anew from the start and the bets at every step, so what a wrapper does
    to the parameters, such as decoupled weight decay, does not last; what it does to the gradient
    does (`jsgd.weight_decay(jsgd.cocob(), 1e-4, mode="l2")`). A complex number is one coordinate.

    Args:
        alpha: :math:`\alpha`; larger is more careful in the first steps, 2 and less has no effect.
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.cocob(alpha=4.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.25, 0.25]

    References:
        Orabona and Tommasi, "Training Deep Networks without Learning Rates Through Coin Betting",
        NIPS 2017, https://arxiv.org/abs/1705.07795, Algorithm 2 (COCOB-Backprop).
    """
    slots = {"start": copies, "scale": real_zeros, "total": real_zeros}
    return elementwise(
        _cocob,
        slots=slots | {"reward": real_zeros, "bets": zeros},
        needs_params=True,
        alpha=alpha,
        eps=eps,
    )


def _cocob(p, g, s, h):
    """Algorithm 2."""
    scale = jnp.maximum(jnp.maximum(s.scale, jnp.abs(g)), h.eps)
    total = s.total + jnp.abs(g)
    reward = jnp.maximum(s.reward - (jnp.conj(g) * (p - s.start)).real, 0)
    bets = s.bets - g
    fraction = ratio(bets, scale * jnp.maximum(total + scale, h.alpha * scale))
    p = s.start + fraction * (scale + reward)
    slots = {"start": s.start, "scale": scale, "total": total, "reward": reward, "bets": bets}
    return p, slots
