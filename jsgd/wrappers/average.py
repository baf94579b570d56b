r"""Averages of the parameters along the way, to evaluate in their place."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.slots import copies


def ema(opt: Optimizer, decay: Any = 0.999) -> Optimizer:
    r"""Keeps an exponential moving average of the parameters for `jsgd.eval_params`.

    .. math::
        \bar\theta_t = (1 - w_t) \bar\theta_{t-1} + w_t \theta_t, \qquad
        w_t = \frac{1-\beta}{1-\beta^t}

    which is the average corrected for its start (Adam's correction), so it can be used from the
    first step on. Training does not see it.

    Args:
        opt: the optimizer that takes the step.
        decay: :math:`\beta` in [0, 1).

    Raises:
        ValueError: `decay` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.ema(jsgd.sgd(1.0), decay=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.ones(2), opt.init(jnp.zeros(2)))
    >>> jsgd.eval_params(params, state).tolist()
    [-1.0, -1.0]

    References:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992;
        Kingma and Ba, "Adam", ICLR 2015, https://arxiv.org/abs/1412.6980, section 7.2.
    """
    return wrapper(_ema, opt, needs_params=True, slots={"average": copies}, decay=decay)


def _ema(step, params, grads, inner, s, h):
    """Section 7.2."""
    params, inner = step(params, grads, inner)
    # by rounding the first weight would be nearly 1, and the average nearly the parameters
    weight = jnp.where(h.t == 1, 1, (1 - h.decay) / (1 - h.decay**h.t))
    average = jax.tree.map(
        lambda a, p: tree.scale(1 - weight, a) + tree.scale(weight, p), s.average, params
    )
    return params, inner, {"average": average}
