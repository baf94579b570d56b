r"""Sophia: momentum over a rough estimate of the Hessian's diagonal, each coordinate clipped."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, tree, treewise
from jsgd.core.numerics import cast_like


def sophia(
    lr: Any = 1e-3,
    b1: Any = 0.96,
    b2: Any = 0.99,
    gamma: Any = 0.01,
    eps: Any = 1e-12,
    every: Any = 10,
    *,
    key: Any = 0,
) -> Optimizer:
    r"""Sophia-H: a light second-order method whose worst step is that of the sign of the momentum.

    .. math::
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t, \quad
        \theta_t = \theta_{t-1} - \eta\,
            \mathrm{clip}\left(\frac{\mu_t}{\max(\gamma \nu_t, \epsilon)}, \pm 1\right)

    where at every :math:`k`-th step, the first among them,

    .. math::
        \nu_t = \beta_2 \nu_{t-k} + (1-\beta_2)\, u \odot \nabla^2 L(\theta_{t-1})\, u,
        \qquad u \sim \{-1, 1\}^d

    (Hutchinson's estimate). The loss comes with each step, `step(..., value_fn=)`, a function of
    the parameters alone. Random signs, which have the least variance, stand where the paper draws
    from a normal distribution, as in optax; but optax corrects the bias of :math:`\mu` and uses
    each estimate one step late. The paper's decoupled weight decay is `jsgd.weight_decay`;
    its other settings are our defaults. Mapped over whole states by `vmap`, every step pays for an
    estimate, as `lax.cond` does there.

    Args:
        lr: learning rate :math:`\eta`, >= 0; no coordinate moves by more.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        gamma: :math:`\gamma`; the larger, the fewer coordinates are clipped.
        eps: :math:`\epsilon` >= 0, the least divisor, which flat and concave coordinates get.
        every: :math:`k` >= 1, steps from one estimate to the next.
        key: an int seed or a JAX key. The state carries it, so a run repeats exactly.

    Raises:
        ValueError: a number is out of range; at `init`, a leaf is complex; at the step, there is
            no `value_fn`.

    >>> import jax, jax.numpy as jnp, jsgd
    >>> def loss(x):
    ...     return jnp.sum(jnp.array([1.0, 100.0]) * x**2) / 2
    >>> opt = jsgd.sophia(lr=0.5, b1=0.0, b2=0.0, gamma=1.0)
    >>> x = jnp.array([0.25, 0.25])
    >>> x, state = opt.step(x, jax.grad(loss)(x), opt.init(x), value_fn=loss)
    >>> x.tolist()
    [0.125, 0.125]

    References:
        Liu et al., "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model
        Pre-training", ICLR 2024, https://arxiv.org/abs/2305.14342, Algorithms 1 and 3.
    """
    return treewise(
        _sophia,
        slots={"mu": _real_zeros, "nu": _real_zeros},
        key=key,
        lr=lr,
        b1=b1,
        b2=b2,
        gamma=gamma,
        eps=eps,
        every=every,
    )


def _sophia(params, grads, s, h):
    """Algorithm 3."""
    mu = jax.tree.map(lambda mu, g: h.b1 * mu + (1 - h.b1) * g, s.mu, grads)

    def refreshed():
        estimate = _hutchinson(h.value_fn, params, h.key)
        return jax.tree.map(lambda nu, e: cast_like(h.b2 * nu + (1 - h.b2) * e, nu), s.nu, estimate)

    nu = jax.lax.cond((h.t - 1) % jnp.floor(h.every) == 0, refreshed, lambda: s.nu)

    def move(p, mu, nu):
        return p - h.lr * jnp.clip(mu / jnp.maximum(h.gamma * nu, h.eps), -1, 1)

    return jax.tree.map(move, params, mu, nu), {"mu": mu, "nu": nu}


def _hutchinson(value_fn, params, key):
    """Algorithm 1, with random signs."""
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    # one bit a sign, the same for every dtype
    bits = [jax.random.bits(k, p.shape, jnp.uint8) & 1 for k, p in zip(keys, leaves, strict=True)]
    signs = treedef.unflatten(
        [1 - 2 * bit.astype(p.dtype) for bit, p in zip(bits, leaves, strict=True)]
    )
    product = jax.jvp(jax.grad(value_fn), (params,), (signs,))[1]
    return jax.tree.map(jnp.multiply, signs, product)


def _real_zeros(params):
    for path, leaf in tree.leaves_by_path(params).items():
        if jnp.iscomplexobj(leaf):
            raise ValueError(
                f"parameter {path!r}: sophia divides by curvatures, which complex numbers have not"
            )
    return tree.zeros_like(params)
