r"""AdEMAMix: Adam with a second, much slower momentum, which remembers old gradients."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import zeros
from jsgd.optimizers.adam import MOMENTS


def ademamix(
    lr: Any = 1e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    b3: Any = 0.9999,
    alpha: Any = 5.0,
    eps: Any = 1e-8,
) -> Optimizer:
    r"""Adam along a mixture of a fast and a slow momentum.

    .. math::
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t, \quad
        m_t = \beta_3 m_{t-1} + (1-\beta_3) g_t, \quad
        \nu_t = \beta_2 \nu_{t-1} + (1-\beta_2) g_t^2, \\
        \theta_t = \theta_{t-1} - \eta
            \frac{\mu_t / (1-\beta_1^t) + \alpha m_t}{\sqrt{\nu_t / (1-\beta_2^t)} + \epsilon}

    The slow momentum is not corrected for its start at 0. The paper warms :math:`\alpha` and
    :math:`\beta_3` up over the whole run: give schedules, as below. A schedule counts the steps
    done, as in optax; the authors' counts from 1. The paper's decoupled weight decay is
    `jsgd.weight_decay`. Defaults are optax's.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2, b3: decay rates :math:`\beta_1, \beta_2, \beta_3` in [0, 1).
        alpha: weight of the slow momentum.
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> def half_lives(t, steps=1000, first=0.9, last=0.9999):  # the paper's warm-up of b3
    ...     a, b = jnp.log(first), jnp.log(last)
    ...     share = jnp.minimum(t / steps, 1)
    ...     return jnp.exp(a * b / ((1 - share) * b + share * a))
    >>> opt = jsgd.ademamix(lr=0.5, b3=half_lives, alpha=jsgd.schedules.linear(0.0, 5.0, 1000))
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Pagliardini, Ablin and Grangier, "The AdEMAMix Optimizer: Better, Faster, Older", 2024,
        https://arxiv.org/abs/2409.03137, Algorithm 1.
    """
    slots = MOMENTS | {"slow": zeros}
    return elementwise(_ademamix, slots=slots, lr=lr, b1=b1, b2=b2, b3=b3, alpha=alpha, eps=eps)


def _ademamix(p, g, s, h):
    """Algorithm 1."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    slow = h.b3 * s.slow + (1 - h.b3) * g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g)
    mu_hat = mu / (1 - h.b1**h.t)
    nu_hat = nu / (1 - h.b2**h.t)
    p = p - h.lr * (mu_hat + h.alpha * slow) / (jnp.sqrt(nu_hat) + h.eps)
    return p, {"mu": mu, "nu": nu, "slow": slow}


def simplified_ademamix(
    lr: Any = 1e-3, b1: Any = 0.99, b2: Any = 0.95, alpha: Any = 0.0, eps: Any = 1e-8
) -> Optimizer:
    r"""AdEMAMix with one momentum: the slow one, and the gradient itself in place of the fast one.

    .. math::
        m_t = \beta_1 m_{t-1} + g_t, \quad
        \nu_t = \beta_2 \nu_{t-1} + (1-\beta_2) g_t^2, \quad
        \theta_t = \theta_{t-1}
            - \eta \frac{m_t + \alpha g_t}{\sqrt{\nu_t / (1-\beta_2^t)} + \epsilon}

    The momentum is a sum: a learning rate of Adam's is one of :math:`(1-\beta_1)` times it here.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        alpha: weight of the gradient beside the momentum; 0, optax's default, is Adam but for the
            bias correction of the momentum.
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.simplified_ademamix(lr=0.5, alpha=1.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-1.0, 1.0]

    References:
        Morwani et al., "Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated
        SGD Variants", 2025, https://arxiv.org/abs/2502.02431, Simplified-AdEMAMix.
    """
    return elementwise(
        _simplified_ademamix, slots=MOMENTS, lr=lr, b1=b1, b2=b2, alpha=alpha, eps=eps
    )


def _simplified_ademamix(p, g, s, h):
    mu = h.b1 * s.mu + g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g)
    nu_hat = nu / (1 - h.b2**h.t)
    p = p - h.lr * (mu + h.alpha * g) / (jnp.sqrt(nu_hat) + h.eps)
    return p, {"mu": mu, "nu": nu}
