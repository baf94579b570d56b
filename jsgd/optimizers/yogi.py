r"""Yogi: Adam whose second moment moves by a bounded amount, towards the squared gradient."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.optimizers.adam import MOMENTS


def yogi(
    lr: Any = 1e-2,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-3,
    initial_accumulator: Any = 1e-6,
) -> Optimizer:
    r"""Adam with an additive second moment, which forgets large gradients slowly.

    .. math::
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t, \quad
        \nu_t = \nu_{t-1} - (1-\beta_2)\,\mathrm{sign}(\nu_{t-1} - g_t^2)\, g_t^2, \quad
        \theta_t = \theta_{t-1}
            - \eta \frac{\mu_t / (1-\beta_1^t)}{\sqrt{\nu_t / (1-\beta_2^t)} + \epsilon}

    The bias corrections, which the paper's box leaves out, are optax's. So are the defaults and
    the start of the second moment; optax starts the momentum there too, ours starts at 0.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        eps: :math:`\epsilon` >= 0. Larger than Adam's, as the paper recommends.
        initial_accumulator: :math:`\nu_0` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.yogi(lr=0.5, eps=0.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -3.0]), opt.init(jnp.zeros(2)))
    >>> params.round(3).tolist()
    [-0.5, 0.5]

    References:
        Zaheer et al., "Adaptive Methods for Nonconvex Optimization", NeurIPS 2018,
        https://proceedings.neurips.cc/paper/2018/file/90365351ccc7437a1309dc64e4db32a3-Paper.pdf,
        Algorithm 2, with Adam's bias corrections.
    """
    return elementwise(
        _yogi,
        slots=MOMENTS,
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        initial_accumulator=initial_accumulator,
    )


def _yogi(p, g, s, h):
    """Algorithm 2."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = jnp.where(h.t == 1, h.initial_accumulator, s.nu)
    nu = nu - (1 - h.b2) * jnp.sign(nu - abs_sq(g)) * abs_sq(g)
    mu_hat = mu / (1 - h.b1**h.t)
    nu_hat = nu / (1 - h.b2**h.t)
    return p - h.lr * mu_hat / (jnp.sqrt(nu_hat) + h.eps), {"mu": mu, "nu": nu}
