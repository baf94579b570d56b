r"""Stochastic gradient descent: plain, with momentum, Nesterov's, and with gradient noise."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise, leafwise


def sgd(
    lr: Any = 1e-2, momentum: Any = None, dampening: Any = 0.0, *, nesterov: bool = False
) -> Optimizer:
    r"""Stochastic gradient descent, with heavy-ball or Nesterov momentum if asked for.

    .. math::
        v_t = \mu v_{t-1} + (1 - d) g_t, \qquad v_1 = g_1, \qquad
        \theta_t = \theta_{t-1} - \eta v_t

    and with `nesterov` the step is along :math:`g_t + \mu v_t`. This is PyTorch's form: the
    learning rate stands outside the buffer, so a new one acts at once, and the first gradient
    enters undamped.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        momentum: :math:`\mu` in [0, 1]. `None` (static) keeps no buffer at all.
        dampening: :math:`d` in [0, 1]; it acts only with momentum.
        nesterov: static; look ahead along the momentum. Needs `momentum`.

    Raises:
        ValueError: a number is out of range, or `nesterov` comes without `momentum`.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.sgd(lr=0.1, momentum=0.9)
    >>> params = {"w": jnp.array([1.0, 2.0])}
    >>> params, state = opt.step(params, {"w": jnp.array([1.0, 1.0])}, opt.init(params))
    >>> params["w"].round(2).tolist()
    [0.8999999761581421, 1.899999976158142]

    References:
        Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
        Sutskever et al., "On the importance of initialization and momentum in deep learning",
        ICML 2013, equations 1 to 4 (Nesterov's, in the form of Bengio et al., 2012).
    """
    if momentum is None:
        if nesterov:
            raise ValueError("nesterov=True needs momentum=, a number in [0, 1]")
        return elementwise(_sgd, lr=lr, momentum=None)
    return elementwise(
        _sgd,
        slots=("trace",),
        lr=lr,
        momentum=momentum,
        dampening=dampening,
        nesterov=bool(nesterov),
    )


def _sgd(p, g, s, h):
    if h.momentum is None:
        return p - h.lr * g, {}
    v = h.momentum * s.trace + jnp.where(h.t == 1, 1, 1 - h.dampening) * g
    d = g + h.momentum * v if h.nesterov else v
    return p - h.lr * d, {"trace": v}


def noisy_sgd(lr: Any = 1e-2, eta: Any = 0.01, gamma: Any = 0.55, *, key: Any = 0) -> Optimizer:
    r"""Gradient descent with annealed Gaussian noise on the gradient.

    .. math::
        \theta_t = \theta_{t-1} - \eta_{lr} (g_t + \epsilon_t), \qquad
        \epsilon_t \sim \mathcal N\!\left(0, \frac{\eta}{t^{\gamma}}\right)

    with :math:`t = 1` at the first step, where the paper counts from 0 and divides by
    :math:`(1 + t)^\gamma`. On a complex leaf the noise is complex, with that variance in all.

    Args:
        lr: learning rate, >= 0.
        eta: variance of the noise at the first step, >= 0.
        gamma: how fast the variance falls; the paper uses 0.55.
        key: an int seed or a JAX key. The state carries it, so a run repeats exactly.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.noisy_sgd(lr=0.1, eta=0.0)
    >>> params, state = opt.step(jnp.ones(2), jnp.ones(2), opt.init(jnp.ones(2)))
    >>> params.tolist()
    [0.8999999761581421, 0.8999999761581421]

    References:
        Neelakantan et al., "Adding Gradient Noise Improves Learning for Very Deep Networks",
        2015, https://arxiv.org/abs/1511.06807, equation 1.
    """
    return leafwise(_noisy_sgd, key=key, lr=lr, eta=eta, gamma=gamma)


def _noisy_sgd(p, g, s, h):
    """Equation 1."""
    noise = jnp.sqrt(h.eta / h.t**h.gamma) * jax.random.normal(h.key, g.shape, g.dtype)
    return p - h.lr * (g + noise), {}
