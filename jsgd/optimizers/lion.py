r"""Lion: the sign of an interpolated momentum."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise


def lion(lr: Any = 1e-4, b1: Any = 0.9, b2: Any = 0.99) -> Optimizer:
    r"""Lion, found by program search: every coordinate moves by exactly the learning rate.

    .. math::
        \theta_t = \theta_{t-1} - \eta\,\mathrm{sign}(\beta_1 \mu_{t-1} + (1-\beta_1) g_t), \qquad
        \mu_t = \beta_2 \mu_{t-1} + (1-\beta_2) g_t

    Its steps are larger than Adam's: the paper takes a learning rate 3 to 10 times smaller and
    a weight decay as much larger (`jsgd.weight_decay(jsgd.lion(lr), ...)`). On complex leaves
    the sign is :math:`z / |z|`.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1: weight of the momentum in the step, in [0, 1).
        b2: decay rate of the momentum, in [0, 1).

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.lion(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-0.5, 0.5]

    References:
        Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023,
        https://arxiv.org/abs/2302.06675, Algorithm 2.
    """
    return elementwise(_lion, slots=("mu",), lr=lr, b1=b1, b2=b2)


def _lion(p, g, s, h):
    """Algorithm 2."""
    p = p - h.lr * jnp.sign(h.b1 * s.mu + (1 - h.b1) * g)
    return p, {"mu": h.b2 * s.mu + (1 - h.b2) * g}
