r"""Gradients with noise added."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.numerics import working_dtype


def add_noise(opt: Optimizer, eta: Any = 0.01, gamma: Any = 0.55, *, key: Any = 0) -> Optimizer:
    r"""Adds annealed Gaussian noise to the gradient.

    .. math::
        g_t \leftarrow g_t + \epsilon_t, \qquad
        \epsilon_t \sim \mathcal N\!\left(0, \frac{\eta}{t^{\gamma}}\right)

    with :math:`t = 1` at the first step, where the paper counts from 0 and divides by
    :math:`(1 + t)^\gamma`. On a complex leaf the noise is complex, with that variance in all.
    With `sgd` this is `noisy_sgd`.

    Args:
        opt: the optimizer that takes the step.
        eta: variance of the noise at the first step, >= 0; 0 changes nothing.
        gamma: how fast the variance falls; the paper uses 0.55.
        key: an int seed or a JAX key. The state carries it, so a run repeats exactly.

    Raises:
        ValueError: `eta` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.add_noise(jsgd.sgd(1.0), eta=0.04)
    >>> params, state = opt.step(jnp.zeros(10_000), jnp.ones(10_000), opt.init(jnp.zeros(10_000)))
    >>> round(float(params.mean()), 2), round(float(params.std()), 2)
    (-1.0, 0.2)

    References:
        Neelakantan et al., "Adding Gradient Noise Improves Learning for Very Deep Networks",
        2015, https://arxiv.org/abs/1511.06807, equation 1.
    """
    return wrapper(_add_noise, opt, key=key, eta=eta, gamma=gamma)


def _add_noise(step, params, grads, inner, s, h):
    """Equation 1."""
    deviation = jnp.sqrt(h.eta / h.t**h.gamma)
    leaves, treedef = jax.tree.flatten(grads)

    def one(g, key):
        g = jnp.asarray(g, working_dtype(g))
        return g + tree.scale(deviation, jax.random.normal(key, g.shape, g.dtype))

    noisy = map(one, leaves, jax.random.split(h.key, len(leaves)))
    return *step(params, treedef.unflatten(noisy), inner), {}
