r"""Small steps on narrow parameters without a float32 copy: what rounding takes, given back."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.bind import bind
from jsgd.wrappers.narrow import its_own, narrow


def stochastic_rounding(opt: Optimizer, *, key: Any = 0) -> Optimizer:
    r"""Rounds parameters narrower than float32 up or down at random, right on average.

    The step is taken in float32. Its result, between two neighbours :math:`a < b` of the narrow
    dtype, becomes :math:`b` with probability :math:`(x - a) / (b - a)`, so that steps too small to
    show one by one do so in their sum. It costs no memory; its noise is that of the dtype.
    Under `jsgd.to_optax` it is optax that writes the parameters, and nothing is gained.

    Args:
        opt: the optimizer that takes the step.
        key: an int seed or a JAX key.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.stochastic_rounding(jsgd.sgd(1e-3))
    >>> params = jnp.ones(1000, jnp.bfloat16)
    >>> params, state = opt.step(params, jnp.ones(1000), opt.init(params))
    >>> sorted(set(params.tolist())), round(float(params.astype(float).mean()), 3)
    ([0.99609375, 1.0], 0.999)

    References:
        Gupta et al., "Deep Learning with Limited Numerical Precision", ICML 2015,
        https://arxiv.org/abs/1502.02551, section 3.1, stochastic rounding.
    """
    return wrapper(_stochastic_rounding, opt, key=key)


def _stochastic_rounding(step, params, grads, inner, s, h):
    """Section 3.1."""
    wide, inner = step(tree.widen(params), grads, inner)
    leaves, treedef = jax.tree.flatten(wide)
    keys = treedef.unflatten(jax.random.split(h.key, max(1, len(leaves)))[: len(leaves)])
    return jax.tree.map(_rounded, wide, params, keys), inner, {}


def _rounded(x, p, key):
    if x.dtype == p.dtype:
        return x
    nearest = x.astype(p.dtype)
    away = jnp.sign(x - nearest.astype(x.dtype))  # towards x from its nearest neighbour
    other = jnp.nextafter(nearest, (away * jnp.inf).astype(p.dtype))
    gap = jnp.abs(other.astype(x.dtype) - nearest.astype(x.dtype))
    chance = jnp.abs(x - nearest.astype(x.dtype)) / gap
    other = jnp.where((away == 0) | ~jnp.isfinite(gap), nearest, other)
    return jnp.where(jax.random.uniform(key, x.shape, x.dtype) < chance, other, nearest)


def kahan(opt: Optimizer) -> Optimizer:
    r"""Keeps what rounding cut off a parameter narrower than float32, and adds it at the next step.

    .. math::
        x = \mathrm{step}(\theta_{t-1} + c_{t-1}), \qquad
        \theta_t = \mathrm{round}(x), \qquad c_t = \mathrm{round}(x - \theta_t)

    The compensation :math:`c` has the parameter's own dtype: half the memory of
    `jsgd.master_weights`, and twice the digits of the parameter alone. One that does not belong to
    the parameter, because that was changed from outside, is dropped. Under `jsgd.to_optax` it is
    optax that writes the parameters, and nothing is gained.

    Args:
        opt: the optimizer that takes the step.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.kahan(jsgd.sgd(1e-3))
    >>> params = jnp.ones((), jnp.bfloat16)
    >>> state = opt.init(params)
    >>> for _ in range(10):
    ...     params, state = opt.step(params, jnp.ones(()), state)
    >>> float(params), round(float(params) + float(state.slots["compensation"]), 4)
    (0.98828125, 0.99)

    References:
        Kahan, "Further remarks on reducing truncation errors", CACM 8, 1965; Zamirai et al.,
        "Revisiting BFloat16 Training", 2020, https://arxiv.org/abs/2010.06192, Algorithm 5.
    """
    return wrapper(_kahan, opt, slots={"compensation": bind(narrow, jnp.zeros_like)})


def _kahan(step, params, grads, inner, s, h):
    def whole(p, c):
        if c is None:
            return p
        return its_own(tree.widen(p) + tree.widen(c), p)

    def lost(x, c):
        return None if c is None else (x - tree.widen(x.astype(c.dtype))).astype(c.dtype)

    x, inner = step(jax.tree.map(whole, params, s.compensation), grads, inner)
    return x, inner, {"compensation": jax.tree.map(lost, x, s.compensation)}
