r"""ADOPT: Adam that divides by the past's second moment, before the momentum and not after."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.optimizers.adam import MOMENTS


def adopt(
    lr: Any = 1e-3, b1: Any = 0.9, b2: Any = 0.9999, eps: Any = 1e-6, *, clip: bool = True
) -> Optimizer:
    r"""Adam that converges with any decay rate: the newest gradient is not in its divisor.

    .. math::
        u_t = \mathrm{clip}\left(
            \frac{g_t}{\max(\sqrt{\nu_{t-1}}, \epsilon)}, \pm t^{1/4}\right), \quad
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) u_t, \quad
        \theta_t = \theta_{t-1} - \eta \mu_t, \quad
        \nu_t = \beta_2 \nu_{t-1} + (1-\beta_2) g_t^2

    and :math:`\nu_0 = g_0^2`: the first step, :math:`t = 0`, only measures that, and moves
    nothing. optax agrees, and the defaults are its own. A complex :math:`u_t` is clipped in its
    modulus.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        eps: :math:`\epsilon` >= 0; a floor, not a term.
        clip: static; whether to clip. Gradients near 0 at the first step need it.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adopt(lr=0.5, b1=0.0)
    >>> params, state = jnp.zeros(2), opt.init(jnp.zeros(2))
    >>> for _ in range(2):
    ...     params, state = opt.step(params, jnp.array([3.0, -0.1]), state)
    ...     print(params)
    [0. 0.]
    [-0.5  0.5]

    References:
        Taniguchi et al., "ADOPT: Modified Adam Can Converge with Any beta2 with the Optimal
        Rate", NeurIPS 2024, https://arxiv.org/abs/2411.02853, Algorithm 2.
    """
    return elementwise(_adopt, slots=MOMENTS, lr=lr, b1=b1, b2=b2, eps=eps, clip=bool(clip))


def _adopt(p, g, s, h):
    """Algorithm 2."""
    u = g / jnp.maximum(jnp.sqrt(s.nu), h.eps)
    if h.clip:
        c = (h.t - 1) ** 0.25
        u = jnp.where(jnp.abs(u) > c, c * jnp.sign(u), u)
    mu = jnp.where(h.t == 1, 0, h.b1 * s.mu + (1 - h.b1) * u)
    nu = jnp.where(h.t == 1, abs_sq(g), h.b2 * s.nu + (1 - h.b2) * abs_sq(g))
    return p - h.lr * mu, {"mu": mu, "nu": nu}
