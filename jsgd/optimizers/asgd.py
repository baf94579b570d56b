r"""Averaged SGD: descend with a falling rate, and evaluate the average of where it has been."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.slots import copies


def asgd(lr: Any = 1e-2, lambd: Any = 1e-4, alpha: Any = 0.75, t0: Any = 1e6) -> Optimizer:
    r"""Gradient descent that keeps the average of its parameters for `jsgd.eval_params`.

    .. math::
        \eta_t = \frac{\eta}{(1 + \lambda \eta (t - 1))^{\alpha}}, \quad
        \theta_t = (1 - \lambda \eta_t) \theta_{t-1} - \eta_t g_t, \quad
        \bar\theta_t = \bar\theta_{t-1} +
            \frac{\theta_t - \bar\theta_{t-1}}{\max(1, t - 1 - t_0)}

    This is PyTorch's: the average is :math:`\theta_t` itself up to step :math:`t_0 + 2`, and the
    mean of the parameters since then. Training does not see it. For another average of another
    optimizer there is `jsgd.ema`.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        lambd: :math:`\lambda` >= 0: the rate falls with it, and the weights decay by it.
        alpha: :math:`\alpha`, the power of the falling rate.
        t0: :math:`t_0` >= 0, when averaging starts. PyTorch's default is practically never.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.asgd(lr=1.0, lambd=0.0, t0=0)
    >>> params, state = jnp.zeros(1), opt.init(jnp.zeros(1))
    >>> for _ in range(4):
    ...     params, state = opt.step(params, jnp.ones(1), state)
    ...     print(params, jsgd.eval_params(params, state))
    [-1.] [-1.]
    [-2.] [-2.]
    [-3.] [-2.5]
    [-4.] [-3.]

    References:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992. Bottou,
        "Stochastic Gradient Descent Tricks", 2012 (the rate and its power).
    """
    return elementwise(
        _asgd,
        slots={"average": copies},
        needs_params=True,
        lr=lr,
        lambd=lambd,
        alpha=alpha,
        t0=t0,
    )


def _asgd(p, g, s, h):
    eta = h.lr / (1 + h.lambd * h.lr * (h.t - 1)) ** h.alpha
    p = (1 - h.lambd * eta) * p - eta * g
    average = s.average + (p - s.average) / jnp.maximum(1, h.t - 1 - h.t0)
    return p, {"average": average}
