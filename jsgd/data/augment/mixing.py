"""Mixup: every sample of a batch, and its target, blended with another's."""

from typing import Any

import jax
import jax.numpy as jnp


def mixup(key: jax.Array, x: jax.Array, y: jax.Array, alpha: Any) -> tuple[jax.Array, jax.Array]:
    r"""Blend each sample and its target with those of another sample of the batch.

    .. math::
        (x_i, y_i) \leftarrow \lambda (x_i, y_i) + (1 - \lambda) (x_j, y_j), \qquad
        \lambda \sim \mathrm{Beta}(\alpha, \alpha)

    with one weight for the whole batch, and j a permutation of it.

    Args:
        key: a key of `jax.random`.
        x: samples, floats of shape (n, ...).
        y: targets, floats of shape (n, ...): classes as one-hot rows.
        alpha: >= 0; 0 blends nothing, 1 by a uniform weight, more nearer to half and half.

    Returns:
        `(x, y)` of the shapes and dtypes they had; at alpha 0 exactly the same.

    >>> import jax, jax.numpy as jnp
    >>> x, y = mixup(jax.random.key(1), jnp.array([[0.0], [10.0]]), jnp.eye(2), 1.0)
    >>> bool(jnp.allclose(x[:, 0], 10 * y[:, 1])), y.sum(1).tolist()
    (True, [1.0, 1.0])

    References:
        Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
        https://arxiv.org/abs/1710.09412, Figure 1(a).
    """
    weight, others = mixture(key, x.shape[0], alpha, x.dtype)
    w = weight.astype(y.dtype)
    return weight * x + (1 - weight) * x[others], w * y + (1 - w) * y[others]


def mixture(key: jax.Array, n: int, alpha: Any, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """A sample's own weight, from Beta(alpha, alpha) and 1 at alpha 0; and who the others are."""
    weight_key, order_key = jax.random.split(key)
    alpha = jnp.asarray(alpha, dtype)
    some = jnp.where(alpha > 0, alpha, 1)  # Beta(0, 0) is NaN
    # a / (a + b) of two gammas; jax.random.beta is the same and takes twice as long to compile
    gammas = jax.random.loggamma(weight_key, some, (2,), dtype)
    weight = jnp.where(alpha > 0, jax.nn.sigmoid(gammas[0] - gammas[1]), 1)
    return weight, jax.random.permutation(order_key, n)
