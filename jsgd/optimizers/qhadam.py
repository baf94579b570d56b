r"""QHAdam: Adam between its averages and the gradient of the moment."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.optimizers.adam import MOMENTS


def qhadam(
    lr: Any = 1e-3,
    b1: Any = 0.995,
    b2: Any = 0.999,
    nu1: Any = 0.7,
    nu2: Any = 1.0,
    eps: Any = 1e-8,
) -> Optimizer:
    r"""Quasi-hyperbolic Adam: each moment is a mean of Adam's average and the newest value.

    .. math::
        \theta_t = \theta_{t-1} - \eta
            \frac{(1-\nu_1) g_t + \nu_1 \hat\mu_t}
                 {\sqrt{(1-\nu_2) g_t^2 + \nu_2 \hat\nu_t} + \epsilon}

    with Adam's :math:`\hat\mu_t` and :math:`\hat\nu_t`. At :math:`\nu_1 = \nu_2 = 1` it is Adam, at
    :math:`\nu_1 = 0, \nu_2 = 1` RMSprop with a corrected bias.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates in [0, 1).
        nu1, nu2: weights of the averages, :math:`\nu_1, \nu_2` in [0, 1].
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.qhadam(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Ma and Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", ICLR 2019,
        https://arxiv.org/abs/1810.06801, the update rule of QHAdam in section 4; the defaults are
        its suggestion for a start.
    """
    return elementwise(_qhadam, slots=MOMENTS, lr=lr, b1=b1, b2=b2, nu1=nu1, nu2=nu2, eps=eps)


def _qhadam(p, g, s, h):
    """The update rule of section 4."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g)
    mu_hat = mu / (1 - h.b1**h.t)
    nu_hat = nu / (1 - h.b2**h.t)
    u = (1 - h.nu1) * g + h.nu1 * mu_hat
    scale = jnp.sqrt((1 - h.nu2) * abs_sq(g) + h.nu2 * nu_hat) + h.eps
    return p - h.lr * u / scale, {"mu": mu, "nu": nu}
