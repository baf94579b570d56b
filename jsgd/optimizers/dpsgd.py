r"""Differential privacy: the gradient of every example clipped, their sum drowned in noise."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, wrapper
from jsgd.core.numerics import abs_sq, hyper_dtype, real_dtype, working_dtype
from jsgd.optimizers.sgd import sgd


def differentially_private(
    opt: Optimizer, max_norm: Any = 1.0, noise_multiplier: Any = 1.0, *, key: Any = 0
) -> Optimizer:
    r"""Gives the step a noisy mean of gradients that no single example can sway.

    .. math::
        g = \frac1n \left(\sum_{i=1}^n g_i \min\left(1, \frac{C}{\lVert g_i \rVert}\right)
            + \mathcal N(0, \sigma^2 C^2 I)\right)

    The gradients are those of single examples, as `jax.vmap(jax.grad(loss), (None, 0))` gives
    them: every leaf has one more axis than its parameter, the first, of length :math:`n`. The norm
    is over all leaves together; a complex number counts as two real ones, in the noise too. This
    wrapper goes outermost; those within see :math:`g`. How much privacy the steps have spent, and
    that the batch was drawn at random, is for others to account.

    Args:
        opt: the optimizer that takes the step.
        max_norm: :math:`C` > 0.
        noise_multiplier: :math:`\sigma` >= 0.
        key: an int seed or a JAX key. Who knows it can subtract the noise.

    Raises:
        ValueError: a number is out of range; at the step, a gradient has no axis of examples.

    >>> import jax, jax.numpy as jnp, jsgd
    >>> opt = jsgd.differentially_private(jsgd.sgd(1.0), max_norm=5.0, noise_multiplier=0.0)
    >>> grads = jnp.array([[3.0, 4.0], [30.0, 40.0]])  # of two examples
    >>> params, state = opt.step(jnp.zeros(2), grads, opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-3.0, -4.0]

    References:
        Abadi et al., "Deep Learning with Differential Privacy", CCS 2016,
        https://arxiv.org/abs/1607.00133, Algorithm 1, with the size of the batch for that of the
        lot.
    """
    return wrapper(
        _differentially_private,
        opt,
        key=key,
        per_example=True,
        max_norm=max_norm,
        noise_multiplier=noise_multiplier,
    )


def _differentially_private(step, params, grads, inner, s, h):
    """Algorithm 1."""
    leaves, treedef = jax.tree.flatten(params)
    each = [
        jnp.asarray(g, working_dtype(p))
        for g, p in zip(treedef.flatten_up_to(grads), leaves, strict=True)
    ]
    n = max([len(g) for g in each], default=0)
    squares = jnp.zeros(n, hyper_dtype())
    for g in each:
        squares += abs_sq(g).sum(range(1, g.ndim)).astype(squares.dtype)
    norms = jnp.sqrt(squares)
    factors = jnp.where(norms > h.max_norm, h.max_norm / norms, 1)
    scale = jnp.where(h.noise_multiplier > 0, h.noise_multiplier * h.max_norm, 0)
    keys = jax.random.split(h.key, max(1, len(each)))

    def private(g, key):
        clipped = g * factors.reshape(n, *[1] * (g.ndim - 1)).astype(g.dtype)
        return (clipped.sum(0) + _noise(key, scale, g.shape[1:], g.dtype)) / max(1, n)

    grads = treedef.unflatten([private(g, keys[i]) for i, g in enumerate(each)])
    return *step(params, grads, inner), {}


def _noise(key, scale, shape, dtype):
    """Of standard deviation `scale` in every real number."""
    real = real_dtype(dtype)
    if real == dtype:
        return scale.astype(real) * jax.random.normal(key, shape, real)
    return jax.lax.complex(*(scale.astype(real) * jax.random.normal(key, (2, *shape), real)))


def dpsgd(
    lr: Any = 1e-2,
    max_norm: Any = 1.0,
    noise_multiplier: Any = 1.0,
    momentum: Any = None,
    *,
    nesterov: bool = False,
    key: Any = 0,
) -> Optimizer:
    r"""Differentially private gradient descent.

    `differentially_private(sgd(lr, momentum, nesterov=nesterov), max_norm, noise_multiplier)`: its
    gradients are those of single examples.

    Args:
        lr, momentum, nesterov: as for `sgd`.
        max_norm, noise_multiplier, key: as for `differentially_private`.

    Raises:
        ValueError: a number is out of range, or `nesterov` comes without `momentum`; at the step,
            a gradient has no axis of examples.

    >>> import jax, jax.numpy as jnp, jsgd
    >>> def loss(w, x):
    ...     return jnp.dot(w, x)
    >>> opt, w = jsgd.dpsgd(1.0, max_norm=1.0, noise_multiplier=0.0), jnp.zeros(2)
    >>> grads = jax.vmap(jax.grad(loss), (None, 0))(w, jnp.array([[2.0, 0.0], [0.0, 0.5]]))
    >>> opt.step(w, grads, opt.init(w))[0].tolist()
    [-0.5, -0.25]

    References:
        Abadi et al., "Deep Learning with Differential Privacy", CCS 2016,
        https://arxiv.org/abs/1607.00133, Algorithm 1.
    """
    inner = sgd(lr, momentum, nesterov=nesterov)
    return differentially_private(inner, max_norm, noise_multiplier, key=key)
