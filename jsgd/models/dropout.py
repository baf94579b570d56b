"""Dropout whose rate is data: an array in the model state, that a sweep sets and maps over."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array


def dropout(x: Array, rate: Array, key: Array) -> Array:
    r"""Set each element to zero with probability `rate`, and scale the others to keep the mean.

    .. math::
        y = [u \ge r]\, x / (1 - r), \qquad u \sim U[0, 1)

    There is no branch on the rate, so one program serves all rates; at rate 0 it is exactly `x`.

    Args:
        x: any shape.
        rate: a scalar in [0, 1).
        key: a key of `jax.random`.

    Returns:
        The shape and dtype of `x`.

    >>> import jax, jax.numpy as jnp
    >>> dropout(jnp.ones(4), jnp.float32(0.0), jax.random.key(0))
    Array([1., 1., 1., 1.], dtype=float32)

    References:
        Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
        JMLR 2014, https://jmlr.org/papers/v15/srivastava14a.html, section 10 (scaled in training).
    """
    keep = jax.random.uniform(key, x.shape, rate.dtype) >= rate
    scale = (1 / (1 - rate)).astype(x.dtype)
    return jnp.where(keep, x * scale, jnp.zeros((), x.dtype))


def dropout_rate(module: nn.Module, initial: float) -> Array:
    """Declare the rate as the variable "dropout" in the collection "hyper" of a module."""
    if not 0 <= initial < 1:
        raise ValueError(f"dropout_rate must be in [0, 1), got {initial}")
    return module.variable("hyper", "dropout", lambda: jnp.asarray(initial, jnp.float32)).value
