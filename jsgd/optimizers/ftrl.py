r"""FTRL-Proximal: Adagrad whose L1 penalty makes exact zeros."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros, zeros


def ftrl(
    lr: Any = 1e-3,
    lr_power: Any = -0.5,
    initial_accumulator: Any = 0.1,
    l1: Any = 0.0,
    l2: Any = 0.0,
    l2_shrinkage: Any = 0.0,
    beta: Any = 0.0,
) -> Optimizer:
    r"""Follow the (proximally) regularised leader, as in ad click prediction.

    With the squared gradients so far, :math:`n_t = n_{t-1} + g_t^2`, every coordinate has a rate
    :math:`1/\eta_t = (\beta + n_t^{-p}) / \eta`, and

    .. math::
        z_t = z_{t-1} + g_t + 2 s\, \theta_{t-1}
            - \left(\frac{1}{\eta_t} - \frac{1}{\eta_{t-1}}\right) \theta_{t-1}, \quad
        \theta_t = - \frac{\mathrm{sign}(z_t) \max(|z_t| - \lambda_1, 0)}
                          {1/\eta_t + 2 \lambda_2}

    This is Keras', defaults included: penalties of :math:`\lambda_2 \theta^2`, where the paper has
    half of that, and the shrinkage :math:`s`, which the paper has not. Parameters are meant to
    start at 0. From elsewhere, the first step draws them there, the more the smaller
    :math:`g_1^2` is beside :math:`n_0`.

    The rule keeps :math:`z_t + \theta_t / \eta_t` in place of :math:`z_t`: rates of the past then
    cancel out, and the learning rate may follow a schedule. In Keras a falling one shrinks all
    parameters.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        lr_power: :math:`p` in (-1, 0]; -0.5 is Adagrad's.
        initial_accumulator: :math:`n_0` >= 0.
        l1: :math:`\lambda_1` >= 0.
        l2: :math:`\lambda_2` >= 0.
        l2_shrinkage: :math:`s` >= 0, an L2 penalty whose gradient does not enter :math:`n`.
        beta: :math:`\beta` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.ftrl(lr=1.0, initial_accumulator=0.0, l1=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([2.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-0.75, 0.0]

    References:
        McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013,
        https://research.google.com/pubs/archive/41159.pdf, Algorithm 1.
    """
    return elementwise(
        _ftrl,
        slots={"nu": real_zeros, "force": zeros},
        needs_params=True,
        lr=lr,
        lr_power=lr_power,
        initial_accumulator=initial_accumulator,
        l1=l1,
        l2=l2,
        l2_shrinkage=l2_shrinkage,
        beta=beta,
    )


def _ftrl(p, g, s, h):
    """Algorithm 1, multiplied by the rate, so that this may be 0.

    `force` is z + p / rate, which holds neither the rates of the past nor the parameters; at first
    z is 0. Then u = -rate * z.
    """
    nu = s.nu + abs_sq(g)
    before, now = (h.beta + (h.initial_accumulator + n) ** -h.lr_power for n in (s.nu, nu))
    now = jnp.where(now == 0, jnp.inf, now)  # no gradient yet: no move
    rate = h.lr / now
    held = jnp.where(h.t == 1, before / now * p, rate * s.force)
    u = p - held - rate * (g + 2 * h.l2_shrinkage * p)
    p = jnp.sign(u) * jnp.maximum(jnp.abs(u) - rate * h.l1, 0) / (1 + 2 * rate * h.l2)
    clipped = jnp.where(jnp.abs(u) < rate * h.l1, u / rate, h.l1 * jnp.sign(u))
    return p, {"nu": nu, "force": -clipped - 2 * h.l2 * p}
