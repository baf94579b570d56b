r"""Polyak's step size: as far as the loss is above its minimum, over the squared gradient."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, treewise
from jsgd.core.numerics import ratio

_VARIANTS = ("sps", "sps+")


def polyak_sgd(
    lr: Any = 1.0,
    max_lr: Any = 1.0,
    f_min: Any = 0.0,
    eps: Any = 0.0,
    *,
    variant: str = "sps",
) -> Optimizer:
    r"""Gradient descent with Polyak's step size, capped.

    .. math::
        \theta_{t+1} = \theta_t - \eta \min\left(
            \frac{f_t - f_{\min}}{\lVert g_t \rVert^2 + \epsilon}, \gamma_{\max}\right) g_t

    and with `"sps+"` the gap is :math:`\max(f_t - f_{\min}, 0)`, so that no step climbs where the
    loss of a batch is below :math:`f_{\min}`. The loss is given to the step:
    `opt.step(params, grads, state, value=loss)`. optax's `scaling` scales the gradient before its
    norm is taken, against its own formula; :math:`\eta` here scales the step.

    Args:
        lr: :math:`\eta` >= 0, a factor of the rate, 1 or a schedule.
        max_lr: :math:`\gamma_{\max}` >= 0; infinity is no cap.
        f_min: a lower bound of the loss of a batch; 0 where the model can fit all data.
        eps: :math:`\epsilon` >= 0.
        variant: static; `"sps"` or `"sps+"`.

    Raises:
        ValueError: the variant is unknown, or a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.polyak_sgd()
    >>> x = jnp.array([3.0, 4.0])
    >>> x, state = opt.step(x, 2 * x, opt.init(x), value=jnp.sum(x**2))
    >>> x.tolist()
    [1.5, 2.0]

    References:
        Loizou et al., "Stochastic Polyak Step-size for SGD", AISTATS 2021,
        https://arxiv.org/abs/2002.10542, equation SPS_max; Berrada, Zisserman and Kumar, "Training
        Neural Networks for and by Interpolation", ICML 2020, https://arxiv.org/abs/1906.05661
        (ALI-G, with eps); Garrigos, Gower and Schaipp, "Function Value Learning", 2023,
        https://arxiv.org/abs/2307.14528 (SPS+).
    """
    if variant not in _VARIANTS:
        raise ValueError(
            f"variant = {variant!r}: it must be one of {', '.join(map(repr, _VARIANTS))}"
        )
    return treewise(
        _polyak_sgd,
        needs_params=False,
        lr=lr,
        max_lr=max_lr,
        f_min=f_min,
        eps=eps,
        variant=variant,
    )


def _polyak_sgd(params, grads, s, h):
    """Equation SPS_max."""
    gap = h.value - h.f_min
    if h.variant == "sps+":
        gap = jnp.maximum(gap, 0)
    rate = h.lr * jnp.minimum(ratio(gap, tree.norm(grads) ** 2 + h.eps), h.max_lr)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), {}
