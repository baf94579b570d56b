"""What the tests of products of inputs and kernels share."""

import jax
import jax.numpy as jnp
import numpy as np


def draw(*shape, seed=0, dtype=jnp.float32):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def with_gradients(form):
    """The value, and the gradients of its product with cosines."""

    def run(x, k):
        y, pull = jax.vjp(form, x, k)
        return y, *pull(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

    return run
