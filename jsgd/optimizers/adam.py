r"""Adam and the rules that share its moments: AdamW, NAdam, AMSGrad."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import abs_sq
from jsgd.core.slots import real_zeros, zeros

MOMENTS = {"mu": zeros, "nu": real_zeros}


def adam(lr: Any = 1e-3, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> Optimizer:
    r"""Adam: momentum divided by a running root mean square, both corrected for their start at 0.

    .. math::
        \mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t, \quad
        \nu_t = \beta_2 \nu_{t-1} + (1-\beta_2) g_t^2, \quad
        \theta_t = \theta_{t-1}
            - \eta \frac{\mu_t / (1-\beta_1^t)}{\sqrt{\nu_t / (1-\beta_2^t)} + \epsilon}

    Args:
        lr: learning rate :math:`\eta`, >= 0.
        b1, b2: decay rates :math:`\beta_1, \beta_2` in [0, 1).
        eps: :math:`\epsilon` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adam(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015,
        https://arxiv.org/abs/1412.6980, Algorithm 1.
    """
    return elementwise(_adam, slots=MOMENTS, lr=lr, b1=b1, b2=b2, eps=eps)


def _adam(p, g, s, h):
    """Algorithm 1."""
    mu, nu = _moments(g, s, h)
    mu_hat = mu / (1 - h.b1**h.t)
    nu_hat = nu / (1 - h.b2**h.t)
    return p - h.lr * mu_hat / (jnp.sqrt(nu_hat) + h.eps), {"mu": mu, "nu": nu}


def _moments(g, s, h):
    return h.b1 * s.mu + (1 - h.b1) * g, h.b2 * s.nu + (1 - h.b2) * abs_sq(g)


def adamw(
    lr: Any = 1e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 1e-2,
) -> Optimizer:
    r"""Adam with decoupled weight decay.

    Adam's step, and :math:`\theta_t \leftarrow \theta_t - \eta \lambda \theta_{t-1}`: the decay
    does not pass through the moments, and it follows the learning rate and its schedule. For decay
    on some leaves only give a tree, `weight_decay={"kernel": 0.01, "bias": 0.0}`, or use
    `jsgd.weight_decay(jsgd.adam(lr), 0.01, mask=...)`.

    Args:
        lr, b1, b2, eps: as for `adam`.
        weight_decay: :math:`\lambda` >= 0. PyTorch's default; optax's is 1e-4.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.adamw(lr=0.5, weight_decay=0.1)
    >>> params, state = opt.step(jnp.ones(2), jnp.array([3.0, -0.1]), opt.init(jnp.ones(2)))
    >>> params.round(4).tolist()
    [0.44999998807907104, 1.4499999284744263]

    References:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
        https://arxiv.org/abs/1711.05101, Algorithm 2, with the decay times the learning rate as
        PyTorch and optax have it.
    """
    return elementwise(
        _adamw,
        slots=MOMENTS,
        needs_params=True,
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        weight_decay=weight_decay,
    )


def _adamw(p, g, s, h):
    """Algorithm 2."""
    return _adam(p - h.lr * h.weight_decay * p, g, s, h)


def nadam(lr: Any = 1e-3, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> Optimizer:
    r"""Adam with Nesterov momentum.

    Adam with the momentum one step ahead,

    .. math::
        \hat\mu_t = \beta_1 \frac{\mu_t}{1-\beta_1^{t+1}} + (1-\beta_1) \frac{g_t}{1-\beta_1^t}

    This is optax's `nadam`: :math:`\beta_1` is constant. PyTorch and Keras follow the paper's
    momentum schedule :math:`\beta_1 (1 - \tfrac12 0.96^{t \psi})` instead.

    Args:
        lr, b1, b2, eps: as for `adam`.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.nadam(lr=0.5, b1=0.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016, Algorithm 2 with
        a constant momentum.
    """
    return elementwise(_nadam, slots=MOMENTS, lr=lr, b1=b1, b2=b2, eps=eps)


def _nadam(p, g, s, h):
    """Algorithm 2, the momentum constant."""
    mu, nu = _moments(g, s, h)
    mu_hat = h.b1 * mu / (1 - h.b1 ** (h.t + 1)) + (1 - h.b1) * g / (1 - h.b1**h.t)
    nu_hat = nu / (1 - h.b2**h.t)
    return p - h.lr * mu_hat / (jnp.sqrt(nu_hat) + h.eps), {"mu": mu, "nu": nu}


def nadamw(
    lr: Any = 1e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 1e-2,
) -> Optimizer:
    r"""NAdam with decoupled weight decay.

    NAdam's step, and :math:`\theta_t \leftarrow \theta_t - \eta \lambda \theta_{t-1}`.

    Args:
        lr, b1, b2, eps: as for `adam`.
        weight_decay: :math:`\lambda` >= 0.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.nadamw(lr=0.5, b1=0.0, weight_decay=0.1)
    >>> params, state = opt.step(jnp.ones(2), jnp.array([3.0, -0.1]), opt.init(jnp.ones(2)))
    >>> params.round(4).tolist()
    [0.44999998807907104, 1.4499999284744263]

    References:
        Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016, Algorithm 2 with
        a constant momentum; Loshchilov and Hutter, "Decoupled Weight Decay Regularization",
        ICLR 2019, https://arxiv.org/abs/1711.05101.
    """
    return elementwise(
        _nadamw,
        slots=MOMENTS,
        needs_params=True,
        lr=lr,
        b1=b1,
        b2=b2,
        eps=eps,
        weight_decay=weight_decay,
    )


def _nadamw(p, g, s, h):
    return _nadam(p - h.lr * h.weight_decay * p, g, s, h)


def amsgrad(lr: Any = 1e-3, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8) -> Optimizer:
    r"""Adam that divides by the largest second moment so far, so that its steps cannot grow back.

    Adam with :math:`\hat\nu_t = \max(\hat\nu_{t-1}, \nu_t)` in the place of :math:`\nu_t`. As in
    PyTorch the maximum is over the moments before their bias correction, which is the paper's
    :math:`\hat v_t`; optax takes it after, where the few noisy first estimates, scaled up, can
    hold the steps down for good.

    Args:
        lr, b1, b2, eps: as for `adam`.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.amsgrad(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", ICLR 2018,
        https://arxiv.org/abs/1904.09237, Algorithm 2, with Adam's bias corrections.
    """
    return elementwise(
        _amsgrad, slots=MOMENTS | {"nu_max": real_zeros}, lr=lr, b1=b1, b2=b2, eps=eps
    )


def _amsgrad(p, g, s, h):
    """Algorithm 2."""
    mu, nu = _moments(g, s, h)
    nu_max = jnp.maximum(s.nu_max, nu)
    mu_hat = mu / (1 - h.b1**h.t)
    nu_hat = nu_max / (1 - h.b2**h.t)
    p = p - h.lr * mu_hat / (jnp.sqrt(nu_hat) + h.eps)
    return p, {"mu": mu, "nu": nu, "nu_max": nu_max}
