r"""Sharpness-aware minimisation: the gradient of the worst point near by."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.numerics import promotion, real_dtype, working_dtype


def sam(opt: Optimizer, rho: Any = 0.05, eta: Any = 0.01, *, adaptive: bool = False) -> Optimizer:
    r"""Gives the step the gradient at the top of a small ball around the parameters.

    .. math::
        \epsilon = \rho \frac{g}{\lVert g \rVert}, \qquad
        g \leftarrow \nabla f(\theta + \epsilon)

    with the norm over all leaves together. `adaptive` measures the ball in the parameters' own
    sizes, so that rescaling a layer does not change its sharpness,

    .. math::
        T = |\theta| + \eta, \qquad \epsilon = \rho \frac{T^2 g}{\lVert T g \rVert}

    for every leaf; the authors' code leaves biases and norms unscaled. The second gradient comes
    from `value_fn=`, which the step must be given; it costs a second pass.

    Args:
        opt: the optimizer that takes the step. It is given the `value=` at the parameters.
        rho: radius :math:`\rho` >= 0 of the ball; 0 changes nothing. ASAM's authors use 0.5.
        eta: :math:`\eta` >= 0, used by `adaptive` alone.
        adaptive: static; ASAM in place of SAM.

    Raises:
        ValueError: a number is out of range; at the step, `value_fn=` is missing.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.sam(jsgd.sgd(0.25), rho=0.5)
    >>> params = jnp.array([3.0, 4.0])
    >>> loss = lambda p: jnp.sum(p**2)
    >>> params, state = opt.step(params, 2 * params, opt.init(params), value_fn=loss)
    >>> params.round(2).tolist()
    [1.350000023841858, 1.7999999523162842]

    References:
        Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization",
        ICLR 2021, https://arxiv.org/abs/2010.01412, Algorithm 1 with p = 2. Kwon et al., "ASAM:
        Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural
        Networks", ICML 2021, https://arxiv.org/abs/2102.11600, Algorithm 1 with p = 2.
    """
    more = {"eta": eta} if adaptive else {}
    return wrapper(_sam, opt, needs_params=True, rho=rho, adaptive=bool(adaptive), **more)


def _sam(step, params, grads, inner, s, h):
    """Algorithm 1 of both papers."""
    if h.adaptive:
        scaled = jax.tree.map(lambda p, g: _scaled(p, g, h.eta), params, grads)  # T g
        direction = jax.tree.map(lambda p, g: _scaled(p, g, h.eta), params, scaled)
    else:
        direction = scaled = grads
    norm = tree.norm(scaled)
    ascent = tree.scale(jnp.where(norm > 0, h.rho / norm, 0), direction)
    _, grads = tree.value_and_grad(h.value_fn, jax.tree.map(_sum, params, ascent))
    return *step(params, grads, inner), {}


def _scaled(p, g, eta):
    """`(|p| + eta) * g` in the working dtype of `p`."""
    work = working_dtype(p)
    with promotion(work):
        size = jnp.abs(jnp.asarray(p, work)) + eta.astype(real_dtype(work))
        return size * jnp.asarray(g, work)


def _sum(p, e):
    return jnp.asarray(p, working_dtype(p)) + jnp.asarray(e, working_dtype(p))
