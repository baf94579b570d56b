r"""NovoGrad: momentum over gradients that are divided by a running norm, one for each leaf."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, leafwise
from jsgd.core.numerics import abs_sq, real_dtype, working_dtype
from jsgd.core.slots import zeros


def novograd(
    lr: Any = 1e-3,
    b1: Any = 0.9,
    b2: Any = 0.25,
    eps: Any = 1e-6,
    weight_decay: Any = 0.0,
) -> Optimizer:
    r"""NovoGrad: Adam with one second moment a leaf, decay inside the momentum.

    .. math::
        \nu_t = \beta_2 \nu_{t-1} + (1-\beta_2) \lVert g_t \rVert^2, \quad
        \mu_t = \beta_1 \mu_{t-1} + \frac{g_t}{\sqrt{\nu_t} + \epsilon} + \lambda\theta_{t-1}, \quad
        \theta_t = \theta_{t-1} - \eta \mu_t

    where :math:`\nu` is one number a leaf, and :math:`\nu_1 = \lVert g_1 \rVert^2`. As in the
    paper's algorithm and in optax the momentum is a sum, not an average: with
    :math:`\beta_1 = 0.9` its steps grow to ten times the first.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates in [0, 1). optax's defaults.
        eps: :math:`\epsilon` >= 0.
        weight_decay: :math:`\lambda` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.novograd(lr=0.5, eps=0.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -4.0]), opt.init(jnp.zeros(2)))
    >>> print(params, state.slots["nu"])
    [-0.3  0.4] 25.0

    References:
        Ginsburg et al., "Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training
        of Deep Networks", 2019, https://arxiv.org/abs/1905.11286, Algorithm 1.
    """
    return leafwise(
        _novograd,
        slots={"mu": zeros, "nu": _zero},
        needs_params=True,
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        weight_decay=weight_decay,
    )


def _novograd(p, g, s, h):
    """Algorithm 1."""
    squared = jnp.sum(abs_sq(g))
    nu = jnp.where(h.t == 1, squared, h.b2 * s.nu + (1 - h.b2) * squared)
    mu = h.b1 * s.mu + g / (jnp.sqrt(nu) + h.eps) + h.weight_decay * p
    return p - h.lr * mu, {"mu": mu, "nu": nu}


def _zero(leaf: Any) -> jax.Array:
    return jnp.zeros_like(leaf, real_dtype(working_dtype(leaf)), shape=())
