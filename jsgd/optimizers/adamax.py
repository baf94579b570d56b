r"""Adamax: Adam with the largest gradient in place of the mean square."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.optimizers.adam import MOMENTS


def adamax(lr: Any = 2e-3, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> Optimizer:
    r"""Adam in the infinity norm: momentum divided by a decaying maximum of the gradient.

    .. math::
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t, \quad
        \nu_t = \max(\beta_2 \nu_{t-1}, |g_t| + \epsilon), \quad
        \theta_t = \theta_{t-1} - \frac{\eta}{1-\beta_1^t} \frac{\mu_t}{\nu_t}

    The paper has no :math:`\epsilon`; this is where PyTorch and optax put it.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adamax(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015,
        https://arxiv.org/abs/1412.6980, Algorithm 2.
    """
    return elementwise(_adamax, slots=MOMENTS, lr=lr, b1=b1, b2=b2, eps=eps)


def _adamax(p, g, s, h):
    """Algorithm 2."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = jnp.maximum(h.b2 * s.nu, jnp.abs(g) + h.eps)
    return p - h.lr / (1 - h.b1**h.t) * mu / nu, {"mu": mu, "nu": nu}


def adamaxw(
    lr: Any = 2e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 1e-2,
) -> Optimizer:
    r"""Adamax with decoupled weight decay.

    Adamax's step, and :math:`\theta_t \leftarrow \theta_t - \eta \lambda \theta_{t-1}`.

    Args:
        lr, b1, b2, eps: as for `adamax`.
        weight_decay: :math:`\lambda` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adamaxw(lr=0.5, weight_decay=0.1)
    >>> params, state = opt.step(jnp.ones(2), jnp.array([3.0, -0.1]), opt.init(jnp.ones(2)))
    >>> params.round(4).tolist()
    [0.44999998807907104, 1.4499999284744263]

    References:
        Kingma and Ba, "Adam", ICLR 2015, https://arxiv.org/abs/1412.6980, Algorithm 2;
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
        https://arxiv.org/abs/1711.05101.
    """
    return elementwise(
        _adamaxw,
        slots=MOMENTS,
        needs_params=True,
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        weight_decay=weight_decay,
    )


def _adamaxw(p, g, s, h):
    return _adamax(p - h.lr * h.weight_decay * p, g, s, h)
