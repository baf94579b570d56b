r"""Adafactor: Adam's second moment of a matrix, kept as one mean a row and one a column."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, leafwise
from jsgd.core.bind import bind
from jsgd.core.linalg import rank_one, rms
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros, zeros


def adafactor(
    lr: Any = 1e-2,
    decay_exponent: Any = 0.8,
    clip_threshold: Any = 1.0,
    min_scale: Any = 1e-3,
    eps: Any = 1e-30,
    momentum: Any = None,
    *,
    relative_step: bool = True,
    parameter_scale: bool = True,
    min_dim_size_to_factor: int = 128,
) -> Optimizer:
    r"""Adafactor: adaptive steps in proportion to the parameters, in sublinear memory.

    .. math::
        \nu_t = (1 - t^{-c})\, \nu_{t-1} + t^{-c} (g_t^2 + \epsilon), \qquad
        u_t = \frac{g_t}{\sqrt{\nu_t}}, \qquad
        \hat u_t = \frac{u_t}{\max(1, \mathrm{RMS}(u_t) / d)}, \\
        \theta_t = \theta_{t-1} - \max(\epsilon_2, \mathrm{RMS}(\theta_{t-1}))
            \min(\eta, t^{-1/2})\, \hat u_t

    Of a large matrix only the means of :math:`\nu` over rows and over columns are kept, and
    :math:`\nu` is the matrix of rank one that has them. The implementations differ, and the
    defaults are the paper's but for one:

    * The step is capped at :math:`t^{-1/2}` in the paper, PyTorch and Keras; optax takes the
      learning rate as it is: `relative_step=False`.
    * Matrices are factored whatever their size in the paper, PyTorch and Keras:
      `min_dim_size_to_factor=1`. Here as in optax only those with two axes of 128 or more are, for
      in the others there is nothing to save; of more axes than two it is the two largest.
    * :math:`\epsilon` is added to the squares in the paper, optax and Keras. PyTorch bounds the
      quotients from below instead, which is the same unless gradients are as small as that.
    * Momentum is optax's `momentum`: the average of the whole step, not corrected for its start.
    * Weight decay is a wrapper, `jsgd.weight_decay`: PyTorch's follows the learning rate, optax's
      is `mode="independent"`. Both take the RMS before the decay, the wrapper after it.

    Args:
        lr: :math:`\eta` >= 0, the largest step relative to the parameters.
        decay_exponent: :math:`c` > 0: the average is over about :math:`t^c` steps.
        clip_threshold: :math:`d` > 0; infinity clips nothing.
        min_scale: :math:`\epsilon_2` >= 0, for leaves that start at 0.
        eps: :math:`\epsilon` >= 0.
        momentum: in [0, 1]. `None` (static) keeps no buffer at all.
        relative_step: static; `False` takes `lr` uncapped.
        parameter_scale: static; `False` leaves out the factor of :math:`\theta` and
            :math:`\epsilon_2`.
        min_dim_size_to_factor: static; the least second largest axis of a leaf that is factored.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> params = {"kernel": jnp.zeros((300, 200)), "bias": jnp.zeros(200)}
    >>> nu = jsgd.adafactor().init(params).slots["nu"]
    >>> [x.shape for x in nu["kernel"]], nu["bias"].shape
    ([(300, 1), (1, 200)], (200,))

    References:
        Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost",
        ICML 2018, https://arxiv.org/abs/1804.04235, Algorithms 4, 5 and 6.
    """
    if not isinstance(min_dim_size_to_factor, int) or min_dim_size_to_factor < 1:
        raise ValueError(
            f"min_dim_size_to_factor = {min_dim_size_to_factor}: it is static, a whole number >= 1"
        )
    nu = {"nu": bind(_second_moment, min_dim_size_to_factor)}
    return leafwise(
        bind(_adafactor, min_dim_size_to_factor),
        slots=nu if momentum is None else nu | {"mu": zeros},
        needs_params=bool(parameter_scale),
        lr=lr,
        decay_exponent=decay_exponent,
        clip_threshold=clip_threshold,
        min_scale=min_scale,
        eps=eps,
        momentum=momentum,
        relative_step=bool(relative_step),
        parameter_scale=bool(parameter_scale),
    )


def _adafactor(least, p, g, s, h):
    """Algorithms 4 (factored leaves) and 5 (the others)."""
    rate = h.t**-h.decay_exponent  # 1 - beta_2t
    squared = abs_sq(g) + h.eps
    axes = _factored_axes(p, least)
    if axes:
        means = (jnp.mean(squared, axis, keepdims=True) for axis in reversed(axes))
        nu = tuple((1 - rate) * x + rate * y for x, y in zip(s.nu, means, strict=True))
        v = rank_one(nu[0], nu[1], axes[0])
    else:
        nu = v = (1 - rate) * s.nu + rate * squared
    u = g / jnp.sqrt(v)
    u = u / jnp.maximum(1, rms(u) / h.clip_threshold)
    lr = jnp.minimum(h.lr, 1 / jnp.sqrt(h.t)) if h.relative_step else h.lr
    lr = lr * jnp.maximum(h.min_scale, rms(p)) if h.parameter_scale else lr
    if h.momentum is None:
        return p - lr * u, {"nu": nu}
    mu = h.momentum * s.mu + (1 - h.momentum) * lr * u
    return p - mu, {"nu": nu, "mu": mu}


def _factored_axes(leaf: Any, least: int) -> tuple[int, ...]:
    """The two largest axes in their order, if both are as large as `least`."""
    axes = sorted(range(leaf.ndim), key=lambda axis: leaf.shape[axis])[-2:]
    return tuple(sorted(axes)) if len(axes) == 2 and leaf.shape[axes[0]] >= least else ()


def _second_moment(least: int, leaf: Any) -> Any:
    """Zeros like the leaf, or like its means over the columns and over the rows."""
    axes = _factored_axes(leaf, least)
    if not axes:
        return real_zeros(leaf)
    return tuple(real_zeros(leaf).sum(axis, keepdims=True) for axis in reversed(axes))
