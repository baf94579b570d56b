r"""Adam and the rules that share its moments: AdamW, NAdam, AMSGrad."""

from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, elementwise
from jsgd.core.numerics import Decay, abs_sq
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


def nadam(
    lr: Any = 1e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    momentum_decay: Any = None,
) -> Optimizer:
    r"""Adam with Nesterov momentum.

    Adam with the momentum one step ahead,

    .. math::
        \hat\mu_t = \beta_{t+1} \frac{\mu_t}{1-\prod_{i=1}^{t+1} \beta_i}
            + (1-\beta_t) \frac{g_t}{1-\prod_{i=1}^t \beta_i}, \qquad
        \beta_t = \beta_1 \left(1 - \tfrac12\, 0.96^{t \psi}\right)

    and :math:`\mu_t = \beta_1 \mu_{t-1} + (1-\beta_1) g_t`. Without `momentum_decay`
    :math:`\beta_t` is :math:`\beta_1`, which is optax's `nadam`. The paper and PyTorch
    have :math:`\psi` = 0.004, Keras has :math:`\psi` = 1.

    Args:
        lr, b1, b2, eps: as for `adam`.
        momentum_decay: :math:`\psi` >= 0. `None` (static) keeps the momentum constant.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.nadam(lr=0.5, b1=0.0)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.round(4).tolist()
    [-0.5, 0.5]

    References:
        Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016, Algorithm 2,
        with a constant momentum or the paper's schedule of it.
    """
    return elementwise(
        _nadam, slots=MOMENTS, lr=lr, b1=b1, b2=b2, eps=eps, momentum_decay=momentum_decay
    )


def _nadam(p, g, s, h):
    """Algorithm 2."""
    mu, nu = _moments(g, s, h)
    now, ahead, product = _momenta(h)
    mu_hat = ahead * mu / (1 - ahead * product) + (1 - now) * g / (1 - product)
    nu_hat = nu / (1 - h.b2**h.t)
    return p - h.lr * mu_hat / (jnp.sqrt(nu_hat) + h.eps), {"mu": mu, "nu": nu}


def _momenta(h):
    """NAdam's momentum at `t`, at `t + 1`, and the product of all up to `t`."""
    if h.momentum_decay is None:
        return h.b1, h.b1, h.b1**h.t
    x = h.momentum_decay * jnp.log(jnp.asarray(0.96, h.t.dtype))
    now, ahead = (h.b1 * Decay(0.5 * jnp.exp(x * t)) for t in (h.t, h.t + 1))
    # The product of 1 - q^i / 2, for q = e^x, without a slot: log(1 - y) = -sum_k y^k / k, and
    # the sum of the q^(ki) over i is geometric. At k = 54 float64 sees no more of 2^-k.
    k = jnp.arange(1, 54, dtype=h.t.dtype)
    sums = jnp.where(x == 0, h.t, jnp.exp(k * x) * jnp.expm1(k * x * h.t) / jnp.expm1(k * x))
    return now, ahead, h.b1**h.t * Decay(-jnp.expm1(-jnp.sum(0.5**k / k * sums)))


def nadamw(
    lr: Any = 1e-3,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    weight_decay: Any = 1e-2,
    momentum_decay: Any = None,
) -> Optimizer:
    r"""NAdam with decoupled weight decay.

    NAdam's step, and :math:`\theta_t \leftarrow \theta_t - \eta \lambda \theta_{t-1}`.

    Args:
        lr, b1, b2, eps: as for `adam`.
        weight_decay: :math:`\lambda` >= 0.
        momentum_decay: as for `nadam`.

    Raises:
        ValueError: a number is out of range.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.nadamw(lr=0.5, b1=0.0, weight_decay=0.1)
    >>> params, state = opt.step(jnp.ones(2), jnp.array([3.0, -0.1]), opt.init(jnp.ones(2)))
    >>> params.round(4).tolist()
    [0.44999998807907104, 1.4499999284744263]

    References:
        Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016, Algorithm 2;
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019,
        https://arxiv.org/abs/1711.05101.
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
        momentum_decay=momentum_decay,
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
