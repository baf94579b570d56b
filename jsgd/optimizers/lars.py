r"""LARS: momentum SGD with a learning rate for every leaf, from the norms of leaf and gradient."""

from typing import Any

from jsgd.core import Optimizer, leafwise
from jsgd.core.linalg import trust_ratio


def lars(
    lr: Any = 1.0,
    momentum: Any = 0.9,
    trust_coefficient: Any = 1e-3,
    eps: Any = 0.0,
    weight_decay: Any = 0.0,
    *,
    nesterov: bool = False,
) -> Optimizer:
    r"""LARS: momentum SGD whose gradient has in every leaf a fixed fraction of the leaf's length.

    .. math::
        d_t = g_t + \lambda \theta_{t-1}, \qquad
        v_t = \mu v_{t-1} + \eta\,
            \frac{\tau \lVert \theta_{t-1} \rVert}{\lVert d_t \rVert + \epsilon}\, d_t, \qquad
        \theta_t = \theta_{t-1} - v_t

    and with `nesterov` the last step is along
    :math:`\mu v_t + \eta \tau \lVert \theta \rVert / (\lVert d \rVert + \epsilon)\, d_t`. Where one
    of the norms is 0 the ratio, :math:`\tau` included, is 1. This is optax's form; the paper has
    :math:`\lVert g_t \rVert + \lambda \lVert \theta_{t-1} \rVert` for the norm of the decayed
    gradient. As in the paper the learning rate is inside the buffer. The ratio acts on every leaf;
    many train biases and norms without it: give them `sgd` with `partition`.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        momentum: :math:`\mu` in [0, 1].
        trust_coefficient: :math:`\tau` >= 0.
        eps: :math:`\epsilon` >= 0.
        weight_decay: :math:`\lambda` >= 0.
        nesterov: static; look ahead along the momentum.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.lars(lr=1.0, trust_coefficient=0.1)
    >>> params = jnp.array([3.0, 4.0])
    >>> params, state = opt.step(params, jnp.array([6.0, -8.0]), opt.init(params))
    >>> print(params.round(2))
    [2.7 4.4]

    References:
        You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks", 2017,
        https://arxiv.org/abs/1708.03888, Algorithm 1.
    """
    return leafwise(
        _lars,
        slots=("trace",),
        needs_params=True,
        lr=lr,
        momentum=momentum,
        trust_coefficient=trust_coefficient,
        eps=eps,
        weight_decay=weight_decay,
        nesterov=bool(nesterov),
    )


def _lars(p, g, s, h):
    """Algorithm 1."""
    d = g + h.weight_decay * p
    d = h.lr * trust_ratio(p, d, h.trust_coefficient, h.eps) * d
    v = h.momentum * s.trace + d
    return p - (h.momentum * v + d if h.nesterov else v), {"trace": v}
