r"""Distance over gradients: a learning rate from how far the run has gone and what it has seen."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, leafwise, tree, treewise
from jsgd.core.numerics import ratio
from jsgd.core.slots import copies, scalar


def dog(
    lr: Any = 1.0,
    r_eps: Any = 1e-6,
    eps: Any = 1e-8,
    *,
    relative: bool = True,
    layerwise: bool = False,
) -> Optimizer:
    r"""DoG: gradient descent by the largest distance so far over the root of all squared gradients.

    .. math::
        \bar r_t = \max\left(r_\epsilon, \max_{i \le t} \lVert \theta_i - \theta_0 \rVert\right),
        \quad G_t = \sum_{i \le t} \lVert g_i \rVert^2, \quad
        \theta_{t+1} = \theta_t - \eta \frac{\bar r_t}{\sqrt{G_t + \epsilon}} g_t

    It does not shrink its steps by itself: evaluate an average of the parameters, as the authors
    do, with `jsgd.ema(jsgd.dog())` and `jsgd.eval_params`.

    Args:
        lr: :math:`\eta` >= 0, a factor of the rate; the authors advise against changing it.
        r_eps: the first distance :math:`r_\epsilon` > 0, too small to do harm. The authors' values
            are 1e-6, and 1e-4 with batch normalisation.
        eps: :math:`\epsilon` >= 0.
        relative: static; the first distance is `r_eps` times :math:`1 + \lVert \theta_0 \rVert`.
        layerwise: static; norms and rates of every leaf by itself, which is L-DoG.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.dog(r_eps=0.1, eps=0.0, relative=False)
    >>> x = jnp.array([3.0, 4.0])
    >>> x, state = opt.step(x, x, opt.init(x))
    >>> x.round(3).tolist()
    [2.940000057220459, 3.9200000762939453]

    References:
        Ivgi, Hinder and Carmon, "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size
        Schedule", ICML 2023, https://arxiv.org/abs/2302.12022, equations DoG and L-DoG.
    """
    lift = leafwise if layerwise else treewise
    return lift(
        _dog,
        slots={"start": copies, "distance": scalar, "total": scalar},
        needs_params=True,
        lr=lr,
        r_eps=r_eps,
        eps=eps,
        relative=bool(relative),
    )


def _dog(params, grads, s, h):
    """Equation DoG; L-DoG where the tree is one leaf."""
    first = h.r_eps * (1 + _norm(s.start, h)) if h.relative else h.r_eps
    distance = jnp.maximum(jnp.where(h.t == 1, first, s.distance), _moved(params, s, h))
    total = s.total + _norm(grads, h) ** 2
    rate = h.lr * ratio(distance, jnp.sqrt(total + h.eps))
    params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
    return params, {"start": s.start, "distance": distance, "total": total}


def dowg(lr: Any = 1.0, r_eps: Any = 1e-2, eps: Any = 1e-4) -> Optimizer:
    r"""DoWG: DoG with gradients weighed by the distance, which also takes longer steps.

    .. math::
        \bar r_t = \max\left(r_\epsilon, \max_{i \le t} \lVert \theta_i - \theta_0 \rVert\right),
        \quad v_t = \sum_{i \le t} \bar r_i^2 \lVert g_i \rVert^2, \quad
        \theta_{t+1} = \theta_t - \eta \frac{\bar r_t^2}{\sqrt{v_t} + \epsilon} g_t

    The defaults are the authors' code's, where :math:`r_\epsilon^2` and :math:`\epsilon` are one
    number, 1e-4.

    Args:
        lr: :math:`\eta` >= 0, a factor of the rate.
        r_eps: the first distance :math:`r_\epsilon` > 0, below the true one.
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.dowg(r_eps=0.1, eps=0.0)
    >>> x = jnp.array([3.0, 4.0])
    >>> x, state = opt.step(x, x, opt.init(x))
    >>> x.round(3).tolist()
    [2.940000057220459, 3.9200000762939453]

    References:
        Khaled, Mishchenko and Jin, "DoWG Unleashed: An Efficient Universal Parameter-Free
        Gradient Descent Method", NeurIPS 2023, https://arxiv.org/abs/2305.16284, Algorithm 1.
    """
    return treewise(
        _dowg,
        slots={"start": copies, "distance": scalar, "total": scalar},
        lr=lr,
        r_eps=r_eps,
        eps=eps,
    )


def _dowg(params, grads, s, h):
    """Algorithm 1."""
    distance = jnp.maximum(jnp.where(h.t == 1, h.r_eps, s.distance), _moved(params, s, h))
    total = s.total + (distance * _norm(grads, h)) ** 2
    rate = h.lr * ratio(distance**2, jnp.sqrt(total) + h.eps)
    params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
    return params, {"start": s.start, "distance": distance, "total": total}


def _moved(params, s, h):
    return _norm(jax.tree.map(jnp.subtract, params, s.start), h)


def _norm(x, h):
    return tree.norm(x).astype(h.t.dtype)
