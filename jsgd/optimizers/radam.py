r"""RAdam: Adam that adapts only once its second moment can be trusted."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.optimizers.adam import MOMENTS


def radam(lr: Any = 1e-3, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> Optimizer:
    r"""Adam with its step rectified for the variance of few samples: warm-up without a schedule.

    With :math:`\hat\mu_t, \hat\nu_t` as in Adam, :math:`\rho_\infty = 2/(1-\beta_2) - 1` and
    :math:`\rho_t = \rho_\infty - 2 t \beta_2^t / (1-\beta_2^t)`,

    .. math::
        \theta_t = \theta_{t-1} - \eta \hat\mu_t \begin{cases}
            \sqrt{\frac{(\rho_t-4)(\rho_t-2)\rho_\infty}
                       {(\rho_\infty-4)(\rho_\infty-2)\rho_t}}
            \Big/ \left(\sqrt{\hat\nu_t} + \epsilon\right) & \rho_t \ge 5 \\
            1 & \text{else}
        \end{cases}

    The threshold is 5, as in the authors' code, PyTorch and optax; the paper's box says 4. As in
    optax :math:`\epsilon` is added to :math:`\sqrt{\hat\nu_t}`, in PyTorch to
    :math:`\sqrt{\nu_t}`.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1). Below :math:`\beta_2 = 2/3` it
            never adapts.
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.radam(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.5]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-1.5, 0.25]

    References:
        Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", ICLR 2020,
        https://arxiv.org/abs/1908.03265, Algorithm 2.
    """
    return elementwise(_radam, slots=MOMENTS, lr=lr, b1=b1, b2=b2, eps=eps)


def _radam(p, g, s, h):
    """Algorithm 2."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g)
    mu_hat = mu / (1 - h.b1**h.t)
    nu_hat = nu / (1 - h.b2**h.t)
    rho_inf = 2 / (1 - h.b2) - 1
    rho = rho_inf - 2 * h.t * h.b2**h.t / (1 - h.b2**h.t)
    r_sq = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    trusted = rho >= 5
    r = jnp.sqrt(jnp.where(trusted, r_sq, 1))  # r_sq may be negative, or 0 / 0, where it is not
    u = jnp.where(trusted, r * mu_hat / (jnp.sqrt(nu_hat) + h.eps), mu_hat)
    return p - h.lr * u, {"mu": mu, "nu": nu}
