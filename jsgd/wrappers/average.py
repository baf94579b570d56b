r"""Averages of the parameters along the way, to evaluate in their place."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.numerics import hyper_dtype
from jsgd.core.slots import copies, counter


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
    return params, inner, {"average": tree.mix(s.average, params, weight)}


def swa(opt: Optimizer, start: Any = 0, every: Any = 1) -> Optimizer:
    r"""Keeps the plain average of the parameters along the way for `jsgd.eval_params`.

    .. math::
        \bar\theta \leftarrow \bar\theta + \frac{\theta_t - \bar\theta}{n + 1}, \quad
        n \leftarrow n + 1 \qquad \text{after the steps } t = s,\; s + c,\; s + 2c,\; \dots

    Before the first of them `jsgd.eval_params` gives the parameters themselves. Training does not
    see the average; the learning rate that the paper goes with, constant or cyclical, is the
    schedule of `opt`.

    Args:
        opt: the optimizer that takes the step.
        start: :math:`s` >= 0, the step after which the parameters first count; the ones before
            the first step never do.
        every: the cycle :math:`c` >= 1.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.swa(jsgd.sgd(1.0), start=2, every=2)
    >>> params, state = jnp.zeros(()), opt.init(jnp.zeros(()))
    >>> for _ in range(4):
    ...     params, state = opt.step(params, jnp.ones(()), state)
    ...     print(float(params), float(jsgd.eval_params(params, state)))
    -1.0 -1.0
    -2.0 -2.0
    -3.0 -2.0
    -4.0 -3.0

    References:
        Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization",
        UAI 2018, https://arxiv.org/abs/1803.05407, Algorithm 1, without the last pass that
        recomputes the statistics of batch normalisation.
    """
    slots = {"average": copies, "count": counter}
    return wrapper(_swa, opt, needs_params=True, slots=slots, start=start, every=every)


def _swa(step, params, grads, inner, s, h):
    """Algorithm 1."""
    params, inner = step(params, grads, inner)
    since, every = (x.astype(jnp.int32) for x in (h.t - jnp.floor(h.start), h.every))
    counts = (since >= 0) & (since % every == 0)
    n = s.count.astype(hyper_dtype())
    weight = jnp.where(counts, 1 / (n + 1), jnp.where(s.count == 0, 1, 0))
    average = jax.lax.cond(
        weight > 0, lambda: tree.mix(s.average, params, weight), lambda: s.average
    )
    return params, inner, {"average": average, "count": s.count + counts.astype(s.count.dtype)}
