r"""The losses of scikit-learn's linear models: of a score `p`, and of what it should be, `y`.

For classes `y` is -1 or 1, but for `log_loss`, where it is 0 or 1. Every loss is
`loss(p, y, epsilon)`, number by number. At a kink it is the branch taken that has the gradient, and
the branches are those of scikit-learn: a perceptron that starts from zero has to learn at `p = 0`,
where `optax.perceptron_loss` has half of the gradient.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax


def hinge(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    return jnp.where(p * y <= 1, 1 - p * y, 0)


def perceptron(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    return jnp.where(p * y <= 0, -p * y, 0)


def squared_hinge(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    return jnp.where(p * y < 1, (1 - p * y) ** 2, 0)


def modified_huber(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    """Zhang, "Solving large scale linear prediction problems using SGD algorithms", ICML 2004."""
    return jnp.where(p * y >= -1, squared_hinge(p, y, epsilon), -4 * p * y)


def log_loss(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    return optax.sigmoid_binary_cross_entropy(p, y)


def squared_error(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    """Half of it: `optax.l2_loss`."""
    return optax.l2_loss(p, y)


def huber(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    return jnp.where(
        jnp.abs(p - y) <= epsilon, optax.l2_loss(p, y), epsilon * (jnp.abs(p - y) - epsilon / 2)
    )


def epsilon_insensitive(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    excess = jnp.abs(p - y) - epsilon
    return jnp.where(excess > 0, excess, 0)


def squared_epsilon_insensitive(p: jax.Array, y: jax.Array, epsilon: jax.Array) -> jax.Array:
    return epsilon_insensitive(p, y, epsilon) ** 2


REGRESSION: dict[str, Callable] = {
    "squared_error": squared_error,
    "huber": huber,
    "epsilon_insensitive": epsilon_insensitive,
    "squared_epsilon_insensitive": squared_epsilon_insensitive,
}
CLASSIFICATION: dict[str, Callable] = {
    "hinge": hinge,
    "log_loss": log_loss,
    "modified_huber": modified_huber,
    "squared_hinge": squared_hinge,
    "perceptron": perceptron,
    **REGRESSION,
}
