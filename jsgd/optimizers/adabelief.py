r"""AdaBelief: Adam that divides by how far gradients stray from their mean."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.optimizers.adam import MOMENTS


def adabelief(lr: Any = 1e-3, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-16) -> Optimizer:
    r"""Adam with the variance about the momentum in place of the second moment.

    .. math::
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t, \quad
        \nu_t = \beta_2 \nu_{t-1} + (1-\beta_2) (g_t - \mu_t)^2 + \epsilon, \quad
        \theta_t = \theta_{t-1}
            - \eta \frac{\mu_t / (1-\beta_1^t)}{\sqrt{\nu_t / (1-\beta_2^t)} + \epsilon}

    Steps are long where the gradient is as predicted. The one :math:`\epsilon` stands in both
    places, as in the paper; optax can set them apart.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        eps: :math:`\epsilon` >= 0. It is added to a square at every step, hence so small.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adabelief(lr=0.5, b1=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-1.0, 1.0]

    References:
        Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed
        Gradients", NeurIPS 2020, https://arxiv.org/abs/2010.07468, Algorithm 2.
    """
    return elementwise(_adabelief, slots=MOMENTS, lr=lr, b1=b1, b2=b2, eps=eps)


def _adabelief(p, g, s, h):
    """Algorithm 2."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g - mu) + h.eps
    mu_hat = mu / (1 - h.b1**h.t)
    nu_hat = nu / (1 - h.b2**h.t)
    return p - h.lr * mu_hat / (jnp.sqrt(nu_hat) + h.eps), {"mu": mu, "nu": nu}
