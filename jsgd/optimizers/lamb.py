r"""LAMB: Adam's step, as long in every leaf as the leaf itself, times the learning rate."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, leafwise
from jsgd.core.linalg import trust_ratio
from jsgd.core.numerics import abs_sq
from jsgd.optimizers.adam import MOMENTS


def lamb(
    lr: Any = 1e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-6,
    weight_decay: Any = 1e-2,
) -> Optimizer:
    r"""LAMB: AdamW whose step in every leaf has the length of the leaf, for large batches.

    .. math::
        r_t = \frac{\mu_t / (1-\beta_1^t)}{\sqrt{\nu_t / (1-\beta_2^t)} + \epsilon}
            + \lambda \theta_{t-1}, \qquad
        \theta_t = \theta_{t-1}
            - \eta \frac{\lVert \theta_{t-1} \rVert}{\lVert r_t \rVert} r_t

    with Adam's :math:`\mu` and :math:`\nu`. The ratio is 1 where one of the norms is 0. As in optax
    and Keras it acts on every leaf, biases and norms too, and :math:`\phi` is the identity. Many
    train biases and norms without it: give them `adam` with `partition`.

    Args:
        lr: learning rate :math:`\eta`, >= 0: the length of a step relative to the leaf's.
        b1, b2: decay rates in [0, 1).
        eps: :math:`\epsilon` >= 0. 1e-6 is the authors', as in optax and Keras.
        weight_decay: :math:`\lambda` >= 0. 0.01 is the paper's for BERT; optax's is 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.lamb(lr=0.5, weight_decay=0.0)
    >>> params = jnp.array([3.0, 4.0])
    >>> params, state = opt.step(params, jnp.array([0.1, -9.0]), opt.init(params))
    >>> print(params.round(2))
    [1.23 5.77]

    References:
        You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
        ICLR 2020, https://arxiv.org/abs/1904.00962, Algorithm 2.
    """
    return leafwise(
        _lamb,
        slots=MOMENTS,
        needs_params=True,
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        weight_decay=weight_decay,
    )


def _lamb(p, g, s, h):
    """Algorithm 2."""
    mu = h.b1 * s.mu + (1 - h.b1) * g
    nu = h.b2 * s.nu + (1 - h.b2) * abs_sq(g)
    mu_hat = mu / (1 - h.b1**h.t)
    nu_hat = nu / (1 - h.b2**h.t)
    r = mu_hat / (jnp.sqrt(nu_hat) + h.eps) + h.weight_decay * p
    return p - h.lr * trust_ratio(p, r) * r, {"mu": mu, "nu": nu}
