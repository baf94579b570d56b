r"""A learning rate tuned on the way, around any optimizer."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, wrapper
from jsgd.core.bind import bind
from jsgd.core.numerics import hyper_dtype, ratio
from jsgd.core.slots import copies


def mechanize(
    opt: Optimizer,
    s_init: Any = 1e-6,
    weight_decay: Any = 1e-2,
    eps: Any = 1e-8,
    *,
    num_betas: int = 6,
) -> Optimizer:
    r"""Mechanic: learns the factor by which the steps of another optimizer, added up, pay most.

    The steps :math:`u_t` of `opt` from the parameters :math:`\theta_t` add up to :math:`\Delta_t`,
    and the parameters are :math:`\theta_t = \theta_0 + \Delta_t \sum_i s_{t,i}`. The factors
    :math:`s_i`, one for every rate :math:`\beta_i = 1 - 10^{-i}`, are won by betting:

    .. math::
        h_t = -\left\langle g_t + \lambda \textstyle\sum_i s_{t,i}\,
            \frac{\lVert g_t \rVert}{\lVert \theta_t \rVert + \epsilon}\,\theta_t,\;
            \Delta_t \right\rangle, \\
        m_{t+1} = \max(\beta m_t, |h_t| + \epsilon), \quad
        v_{t+1} = \beta^2 v_t + h_t^2, \quad
        r_{t+1} = \beta r_t + s_t\,\mathrm{clip}(h_t, -m_t, m_t), \\
        s_{t+1} = \frac{m_{t+1} s_{init} / n + \max(r_{t+1}, 0)}{\sqrt{v_{t+1}} + \epsilon}, \quad
        \Delta_{t+1} = \Delta_t + u_t

    Give `opt` the learning rate 1, or a schedule whose peak is 1. The factor is the sum of the
    slot `"s"`. The clip is the authors', from after the paper. :math:`\Delta` is a slot, as in the
    paper; optax recovers it from the parameters, which is a copy less and loses the small first
    steps to rounding. The parameters are written anew from the start at every step.

    Args:
        opt: the optimizer whose steps are scaled.
        s_init: :math:`s_{init}` > 0, the first factor, far below the right one.
        weight_decay: :math:`\lambda` >= 0; it acts on the tuner, not on the parameters.
        eps: :math:`\epsilon` >= 0.
        num_betas: static; :math:`n`, how many rates.

    Raises:
        ValueError: a number is out of range, or `num_betas` is no whole number >= 1.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.mechanize(jsgd.sgd(1.0), s_init=0.01)
    >>> x = jnp.array([3.0, 4.0])
    >>> state = opt.init(x)
    >>> for _ in range(100):
    ...     x, state = opt.step(x, 0.01 * x, state)
    >>> float(jnp.linalg.norm(x)) < 0.1, float(state.slots["s"].sum()) > 1
    (True, True)

    References:
        Cutkosky, Defazio and Mehta, "Mechanic: A Learning Rate Tuner", NeurIPS 2023,
        https://arxiv.org/abs/2306.00144, Algorithm 1.
    """
    if not isinstance(num_betas, int) or num_betas < 1:
        raise ValueError(f"num_betas = {num_betas}: it is static, a whole number >= 1")
    each = bind(_each, num_betas)
    return wrapper(
        _mechanize,
        opt,
        slots={"start": copies, "delta": tree.zeros_like} | dict.fromkeys("mvrs", each),
        needs_params=True,
        s_init=s_init,
        weight_decay=weight_decay,
        eps=eps,
    )


def _mechanize(step, params, grads, inner, s, h):
    """Algorithm 1."""
    params, grads = _widened(params, s.delta), _widened(grads, s.delta)
    new, inner = step(params, grads, inner)
    pull = h.weight_decay * jnp.sum(s.s) * tree.norm(grads)
    pull = pull * ratio(tree.dot(params, s.delta), tree.norm(params) + h.eps)
    won = -tree.dot(grads, s.delta) - pull

    n = len(s.s)
    beta = 1 - 0.1 ** jnp.arange(1, n + 1, dtype=hyper_dtype())
    m = jnp.maximum(beta * s.m, jnp.abs(won) + h.eps)
    v = beta**2 * s.v + won**2
    r = beta * s.r + s.s * jnp.clip(won, -s.m, s.m)
    factors = ratio(m * h.s_init / n + jnp.maximum(r, 0), jnp.sqrt(v) + h.eps)

    delta = jax.tree.map(lambda d, x, y: d + (y - x), s.delta, params, new)
    params = jax.tree.map(jnp.add, s.start, tree.scale(jnp.sum(factors), delta))
    return params, inner, {"start": s.start, "delta": delta, "m": m, "v": v, "r": r, "s": factors}


def _widened(x: Any, like: Any) -> Any:
    return jax.tree.map(lambda x, y: jnp.asarray(x, y.dtype), x, like)


def _each(num_betas: int, params: Any) -> jax.Array:
    return jnp.zeros(num_betas, hyper_dtype())
