r"""Muon: momentum, orthogonalised, for the weight matrices of hidden layers."""

from typing import Any

import jax

from jsgd.core import Optimizer, leafwise
from jsgd.core.bind import bind
from jsgd.core.linalg import newton_schulz
from jsgd.core.slots import zeros


def muon(
    lr: Any = 2e-2,
    momentum: Any = 0.95,
    eps: Any = 1e-7,
    *,
    nesterov: bool = True,
    match_rms: bool = False,
    ns_steps: int = 5,
) -> Optimizer:
    r"""Muon: every step moves a matrix by a nearly orthogonal one.

    .. math::
        \mu_t = \beta \mu_{t-1} + (1-\beta) g_t, \quad
        u_t = \beta \mu_t + (1-\beta) g_t, \quad
        \theta_t = \theta_{t-1}
            - \eta \sqrt{\max(1, n/m)}\;\mathrm{NewtonSchulz}(u_t)

    for a kernel of shape (m, n) = (inputs, outputs), as Flax has them. It takes 2-D leaves only;
    give embeddings, biases, norms and the last layer to another optimizer with `partition`.

    Args:
        lr: learning rate :math:`\eta`, >= 0: the size of the step in spectral norm.
        momentum: :math:`\beta` in [0, 1].
        eps: guards the division by the norm of :math:`u_t`, >= 0.
        nesterov: static; `False` orthogonalises :math:`\mu_t` itself.
        match_rms: static; :math:`0.2 \sqrt{\max(m, n)}` in the place of the root above. The root
            mean square of a step is then about 0.2 times the learning rate whatever the shape, as
            AdamW's is, and so AdamW's learning rate and weight decay serve.
        ns_steps: static; iterations of `jsgd.core.linalg.newton_schulz`.

    Raises:
        ValueError: a number is out of range; at `init`, a leaf is not 2-D.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.partition(
    ...     {"muon": jsgd.muon(0.02), "rest": jsgd.adamw(3e-4)},
    ...     lambda path, leaf: "muon" if leaf.ndim == 2 else "rest",
    ... )
    >>> state = opt.init({"kernel": jnp.ones((4, 3)), "bias": jnp.zeros(3)})
    >>> float(jsgd.get_hyper(state)["muon__lr"])
    0.019999999552965164

    References:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        https://kellerjordan.github.io/posts/muon/, `muon_update`, for transposed kernels.
        Liu et al., "Muon is Scalable for LLM Training", 2025, https://arxiv.org/abs/2502.16982,
        equation 4 (`match_rms`).
    """
    if not isinstance(ns_steps, int) or ns_steps < 1:
        raise ValueError(f"ns_steps = {ns_steps}: it is static, a whole number >= 1")
    return leafwise(
        bind(_muon, ns_steps),
        slots={"mu": _matrix_zeros},
        lr=lr,
        momentum=momentum,
        eps=eps,
        nesterov=bool(nesterov),
        match_rms=bool(match_rms),
    )


def _muon(ns_steps, p, g, s, h):
    mu = h.momentum * s.mu + (1 - h.momentum) * g
    u = h.momentum * mu + (1 - h.momentum) * g if h.nesterov else mu
    rows, columns = p.shape
    size = max(1, columns / max(1, rows)) ** 0.5
    if h.match_rms:
        size = 0.2 * max(rows, columns) ** 0.5
    return p - h.lr * size * newton_schulz(u, ns_steps, h.eps), {"mu": mu}


def _matrix_zeros(leaf: Any) -> jax.Array:
    if leaf.ndim != 2:
        raise ValueError(
            f"muon takes 2-D leaves, and this one has shape {leaf.shape}: give it to another "
            "optimizer with jsgd.partition"
        )
    return zeros(leaf)
