r"""ACProp: AdaBelief that divides each gradient by what the past predicts."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.optimizers.adam import MOMENTS


def acprop(lr: Any = 1e-3, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-16) -> Optimizer:
    r"""The gradient over the root of its variance up to the step before.

    .. math::
        \theta_t = \theta_{t-1}
            - \eta \frac{g_t}{\sqrt{\nu_{t-1} / (1-\beta_2^{t-1})} + \epsilon}, \quad
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t, \quad
        \nu_t = \beta_2 \nu_{t-1} + (1-\beta_2) (g_t - \mu_t)^2 + \epsilon

    The first step, which has no past, is gradient descent. As in AdaBelief one :math:`\epsilon`
    stands in both places. optax, whose defaults these are, measures the variance about
    :math:`\mu_{t-1}`, which makes its later steps :math:`\beta_1` times ours.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        eps: :math:`\epsilon` >= 0. It is added to a square at every step, hence so small.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.acprop(lr=0.5, b1=0.5)
    >>> params, state = jnp.zeros(2), opt.init(jnp.zeros(2))
    >>> for _ in range(2):
    ...     params, state = opt.step(params, jnp.array([1.0, -0.5]), state)
    ...     print(params)
    [-0.5   0.25]
    [-1.5   1.25]

    References:
        Zhuang et al., "Momentum Centering and Asynchronous Update for Adaptive Gradient Methods",
        NeurIPS 2021, https://arxiv.org/abs/2110.05454, ACProp, with optax's bias correction
        and first step.
    """
    return elementwise(_acprop, slots=MOMENTS, lr=lr, b1=b1, b2=b2, eps=eps)


def _acprop(p, g, s, h):
    nu_hat = s.nu / (1 - h.b2 ** (h.t - 1))
    u = jnp.where(h.t == 1, g, g / (jnp.sqrt(nu_hat) + h.eps))
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g - mu) + h.eps
    return p - h.lr * u, {"mu": mu, "nu": nu}
