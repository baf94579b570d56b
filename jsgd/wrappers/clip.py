r"""Gradients cut down to size before the step."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper


def clip_by_global_norm(opt: Optimizer, max_norm: Any = 1.0) -> Optimizer:
    r"""Scales all gradients together so that their joint norm is at most `max_norm`.

    .. math::
        g \leftarrow g \min\left(1, \frac{c}{\lVert g \rVert}\right)

    Args:
        opt: the optimizer that takes the step.
        max_norm: :math:`c` > 0; infinity changes nothing.

    Raises:
        ValueError: `max_norm` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.clip_by_global_norm(jsgd.sgd(1.0), max_norm=2.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, 4.0]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-1.5, -2.0]

    References:
        Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
        ICML 2013, https://arxiv.org/abs/1211.5063, Algorithm 1.
    """
    return wrapper(_clip_by_global_norm, opt, max_norm=max_norm)


def _clip_by_global_norm(step, params, grads, inner, s, h):
    """Algorithm 1."""
    norm = tree.norm(grads)
    factor = jnp.where(norm > h.max_norm, h.max_norm / norm, 1)
    params, inner = step(params, tree.scale(factor, grads), inner)
    return params, inner, {}


def clip_by_value(opt: Optimizer, max_value: Any = 1.0) -> Optimizer:
    r"""Clips every number of the gradient to `[-max_value, max_value]`.

    Of a complex gradient the real and the imaginary part are clipped, each by itself.

    Args:
        opt: the optimizer that takes the step.
        max_value: > 0, one number or a tree that is a prefix of the parameters; infinity changes
            nothing.

    Raises:
        ValueError: `max_value` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.clip_by_value(jsgd.sgd(1.0), max_value=1.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.5]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-1.0, 0.5]
    """
    return wrapper(_clip_by_value, opt, per_leaf=("max_value",), max_value=max_value)


def _clip_by_value(step, params, grads, inner, s, h):
    bounds = tree.fill(h.max_value, grads, "max_value")

    def clip(g, bound):
        if jnp.iscomplexobj(g):
            return jax.lax.complex(clip(g.real, bound), clip(g.imag, bound))
        return jnp.clip(g, -bound.astype(g.dtype), bound.astype(g.dtype))

    params, inner = step(params, jax.tree.map(clip, grads, bounds), inner)
    return params, inner, {}
