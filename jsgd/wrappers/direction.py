r"""Gradients as directions: without their mean, without their length."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.numerics import working_dtype


def centralize(opt: Optimizer) -> Optimizer:
    r"""Takes from the gradient of every output's weights their mean.

    .. math::
        g_i \leftarrow g_i - \mathrm{mean}(g_i)

    for the weights :math:`i` that feed one output: all axes of a leaf but the last, which in
    Flax's kernels counts the outputs (optax takes the mean over all axes but the first, as suits
    PyTorch's layout). Leaves of fewer than two axes stay as they are.

    Args:
        opt: the optimizer that takes the step.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.centralize(jsgd.sgd(1.0))
    >>> kernel = jnp.zeros((2, 2))
    >>> params, state = opt.step(kernel, jnp.array([[1.0, 5.0], [3.0, 5.0]]), opt.init(kernel))
    >>> params.tolist()
    [[1.0, 0.0], [-1.0, 0.0]]

    References:
        Yong et al., "Gradient Centralization: A New Optimization Technique for Deep Neural
        Networks", ECCV 2020, https://arxiv.org/abs/2004.01461, equation 1.
    """
    return wrapper(_centralize, opt, by_leaf=True)


def _centralize(step, params, grads, inner, s, h):
    """Equation 1."""

    def one(g):
        g = jnp.asarray(g, working_dtype(g))
        return g if g.ndim < 2 else g - g.mean(tuple(range(g.ndim - 1)), keepdims=True)

    return *step(params, jax.tree.map(one, grads), inner), {}


def normalize(opt: Optimizer, eps: Any = 1e-6) -> Optimizer:
    r"""Divides the gradients by their joint norm.

    .. math::
        g \leftarrow \frac{g}{\lVert g \rVert + \epsilon}

    With `sgd` the learning rate is then the length of the step.

    Args:
        opt: the optimizer that takes the step.
        eps: :math:`\epsilon` >= 0. A gradient of zero stays zero without it.

    Raises:
        ValueError: `eps` is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.normalize(jsgd.sgd(0.5), eps=0.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, 4.0]), opt.init(jnp.zeros(2)))
    >>> print(params)
    [-0.3 -0.4]
    """
    return wrapper(_normalize, opt, eps=eps)


def _normalize(step, params, grads, inner, s, h):
    norm = tree.norm(grads)
    factor = jnp.where(norm > 0, 1 / (norm + h.eps), 1)
    return *step(params, tree.scale(factor, grads), inner), {}
