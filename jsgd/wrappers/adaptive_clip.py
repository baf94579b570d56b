r"""Gradients clipped to a fraction of the weights they move."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.numerics import abs_sq, hyper_dtype, working_dtype


def adaptive_clip(opt: Optimizer, max_ratio: Any = 0.01, eps: Any = 1e-3) -> Optimizer:
    r"""Adaptive gradient clipping, unit by unit, to a fraction of the norm of the unit's weights.

    .. math::
        g_i \leftarrow g_i \min\left(1,
            \lambda \frac{\max(\lVert w_i \rVert, \epsilon)}{\lVert g_i \rVert}\right)

    A unit is what feeds one output: all axes of a leaf but the last, which in Flax's kernels
    counts the outputs. A vector or a number is one unit, also where other axes have length 1. In
    leaves of three axes the authors' code and optax sum over the first axis alone, as suits
    attention heads and not the kernels of one-dimensional convolutions.

    Args:
        opt: the optimizer that takes the step.
        max_ratio: :math:`\lambda` > 0, one number or a tree that is a prefix of the parameters;
            infinity changes nothing. The paper does not clip the last layer.
        eps: :math:`\epsilon` >= 0, so that weights that start at zero can move.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adaptive_clip(jsgd.sgd(1.0), max_ratio=0.5)
    >>> kernel = jnp.array([[3.0, 1.0], [4.0, 0.0]])
    >>> params, state = opt.step(kernel, jnp.array([[0.0, 0.0], [8.0, 0.25]]), opt.init(kernel))
    >>> params.tolist()
    [[3.0, 1.0], [1.5, -0.25]]

    References:
        Brock et al., "High-Performance Large-Scale Image Recognition Without Normalization", ICML
        2021, https://arxiv.org/abs/2102.06171, equation 3.
    """
    return wrapper(
        _adaptive_clip,
        opt,
        needs_params=True,
        by_leaf=True,
        per_leaf=("max_ratio",),
        max_ratio=max_ratio,
        eps=eps,
    )


def _adaptive_clip(step, params, grads, inner, s, h):
    """Equation 3."""

    def clip(g, p, ratio):
        norm, bound = _unit_norm(g), ratio * jnp.maximum(_unit_norm(p), h.eps)
        return tree.scale(jnp.where(norm > bound, bound / norm, 1), g)

    ratios = tree.fill(h.max_ratio, grads, "max_ratio")
    return *step(params, jax.tree.map(clip, grads, params, ratios), inner), {}


def _unit_norm(x: Any) -> jax.Array:
    """The norm of every unit, of `hyper_dtype()`, with all axes kept."""
    x = jnp.asarray(x, working_dtype(x))
    is_vector = sum(n != 1 for n in x.shape) <= 1
    axes = tuple(range(x.ndim if is_vector else x.ndim - 1))
    return jnp.sqrt(jnp.sum(abs_sq(x), axes, keepdims=True)).astype(hyper_dtype())
