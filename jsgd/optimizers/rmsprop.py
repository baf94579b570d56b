r"""RMSprop: the gradient divided by a running root mean square of itself."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros, zeros


def rmsprop(
    lr: Any = 1e-2,
    decay: Any = 0.99,
    eps: Any = 1e-8,
    momentum: Any = None,
    initial_accumulator: Any = 0.0,
    *,
    centered: bool = False,
    nesterov: bool = False,
    eps_in_sqrt: bool = False,
    bias_correction: bool = False,
) -> Optimizer:
    r"""RMSprop, plain or centered, with or without momentum.

    .. math::
        \nu_t = \rho \nu_{t-1} + (1 - \rho) g_t^2, \qquad
        u_t = \frac{g_t}{\sqrt{\nu_t} + \epsilon}, \qquad
        v_t = \mu v_{t-1} + u_t, \qquad \theta_t = \theta_{t-1} - \eta v_t

    `centered` divides by the variance, :math:`\nu_t - \mu_t^2` with :math:`\mu_t` the running
    mean of :math:`g`; `bias_correction` divides :math:`\nu_t` by :math:`1 - \rho^t`. This is
    PyTorch's form: :math:`\epsilon` outside the root, the learning rate outside the buffer.
    `eps_in_sqrt` is optax's and TensorFlow's, :math:`g_t / \sqrt{\nu_t + \epsilon}`; the two
    differ most where gradients are small.

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        decay: :math:`\rho` in [0, 1).
        eps: :math:`\epsilon` >= 0.
        momentum: :math:`\mu` in [0, 1]. `None` (static) keeps no buffer.
        initial_accumulator: :math:`\nu_0` >= 0; TensorFlow 1 has 1.
        centered: static; also keep the mean of the gradient.
        nesterov: static; the step is along :math:`u_t + \mu v_t`. Needs `momentum`.
        eps_in_sqrt: static; where :math:`\epsilon` stands.
        bias_correction: static; whether :math:`\nu_t` is corrected for its start, as in Adam.

    Raises:
        ValueError: a number is out of range, `nesterov` comes without `momentum`, or
            `bias_correction` with `centered`: the first variance would be 0.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.rmsprop(lr=0.1, decay=0.75)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(3).tolist()
    [-0.20000000298023224, 0.20000000298023224]

    References:
        Tieleman and Hinton, "Lecture 6.5, rmsprop", COURSERA: Neural Networks for Machine
        Learning, 2012. Graves, "Generating Sequences With Recurrent Neural Networks", 2013,
        https://arxiv.org/abs/1308.0850, equations 38 to 45 (centered, with momentum).
    """
    if nesterov and momentum is None:
        raise ValueError("nesterov=True needs momentum=, a number in [0, 1]")
    if bias_correction and centered:
        raise ValueError("bias_correction=True needs centered=False: the first variance would be 0")
    slots = {"nu": real_zeros}
    slots |= {"mu": zeros} if centered else {}
    slots |= {} if momentum is None else {"trace": zeros}
    return elementwise(
        _rmsprop,
        slots=slots,
        lr=lr,
        decay=decay,
        eps=eps,
        momentum=momentum,
        initial_accumulator=initial_accumulator,
        centered=bool(centered),
        nesterov=bool(nesterov),
        eps_in_sqrt=bool(eps_in_sqrt),
        bias_correction=bool(bias_correction),
    )


def _rmsprop(p, g, s, h):
    nu = jnp.where(h.t == 1, h.initial_accumulator, s.nu)
    slots = {"nu": h.decay * nu + (1 - h.decay) * abs_sq(g)}
    nu = slots["nu"] / (1 - h.decay**h.t) if h.bias_correction else slots["nu"]
    if h.centered:
        slots["mu"] = h.decay * s.mu + (1 - h.decay) * g
        nu = jnp.maximum(nu - abs_sq(slots["mu"]), 0)  # a variance; rounding can take it below 0
    u = g / jnp.sqrt(nu + h.eps) if h.eps_in_sqrt else g / (jnp.sqrt(nu) + h.eps)
    if h.momentum is not None:
        slots["trace"] = v = h.momentum * s.trace + u
        u = u + h.momentum * v if h.nesterov else v
    return p - h.lr * u, slots
