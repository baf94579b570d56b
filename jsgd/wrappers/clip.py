r"""Gradients cut down to size before the step."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.projections import l2_ball


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
    return *step(params, l2_ball(grads, h.max_norm), inner), {}


def clip_by_norm(opt: Optimizer, max_norm: Any = 1.0) -> Optimizer:
    r"""Scales the gradient of every leaf so that its own norm is at most `max_norm`.

    .. math::
        g \leftarrow g \min\left(1, \frac{c}{\lVert g \rVert}\right)

    Args:
        opt: the optimizer that takes the step.
        max_norm: :math:`c` > 0, one number or a tree that is a prefix of the parameters; infinity
            changes nothing.

    Raises:
        ValueError: `max_norm` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.clip_by_norm(jsgd.sgd(1.0), max_norm=2.5)
    >>> params = {"a": jnp.zeros(2), "b": jnp.zeros(1)}
    >>> grads = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([0.5])}
    >>> params, state = opt.step(params, grads, opt.init(params))
    >>> params["a"].tolist(), params["b"].tolist()
    ([-1.5, -2.0], [-0.5])
    """
    return wrapper(_clip_by_norm, opt, by_leaf=True, per_leaf=("max_norm",), max_norm=max_norm)


def _clip_by_norm(step, params, grads, inner, s, h):
    grads = jax.tree.map(l2_ball, grads, tree.fill(h.max_norm, grads, "max_norm"))
    return *step(params, grads, inner), {}


def clip_by_block_rms(opt: Optimizer, max_rms: Any = 1.0) -> Optimizer:
    r"""Scales the gradient of every leaf so that its root mean square is at most `max_rms`.

    .. math::
        g \leftarrow g \min\left(1, \frac{c}{\mathrm{RMS}(g)}\right), \qquad
        \mathrm{RMS}(g) = \lVert g \rVert / \sqrt n

    for a leaf of :math:`n` numbers, so that one bound suits leaves of all sizes.

    Args:
        opt: the optimizer that takes the step.
        max_rms: :math:`c` > 0, one number or a tree that is a prefix of the parameters; infinity
            changes nothing.

    Raises:
        ValueError: `max_rms` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.clip_by_block_rms(jsgd.sgd(1.0), max_rms=0.5)
    >>> params, state = opt.step(jnp.zeros(4), jnp.full(4, 2.0), opt.init(jnp.zeros(4)))
    >>> params.tolist()
    [-0.5, -0.5, -0.5, -0.5]

    References:
        Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", ICML
        2018, https://arxiv.org/abs/1804.04235, section 6, where it is the update that is clipped.
    """
    return wrapper(_clip_by_block_rms, opt, by_leaf=True, per_leaf=("max_rms",), max_rms=max_rms)


def _clip_by_block_rms(step, params, grads, inner, s, h):
    bounds = tree.fill(h.max_rms, grads, "max_rms")
    grads = jax.tree.map(lambda g, c: l2_ball(g, c * max(jnp.size(g), 1) ** 0.5), grads, bounds)
    return *step(params, grads, inner), {}


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
