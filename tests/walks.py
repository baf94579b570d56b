"""The path of a jsgd optimizer beside the path of an optax one, on one small problem."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jsgd

_draw = np.random.RandomState(1).uniform
PARAMS = {
    "layer": {
        "bias": jnp.asarray(_draw(-1, 1, 2), jnp.float32),
        "kernel": jnp.asarray(_draw(-1, 1, (3, 2)), jnp.float32),
    },
    "scale": jnp.asarray(0.7, jnp.float32),
}
STEPS = 12
NOISE = jax.tree.map(lambda p: jnp.asarray(_draw(-1, 1, (STEPS, *p.shape)), jnp.float32), PARAMS)


def gradient(params: Any, noise: Any) -> Any:
    """Of a noisy quadratic bowl."""
    return jax.tree.map(lambda p, n: 2 * p + n, params, noise)


def ours(opt: jsgd.Optimizer, noise: Any = NOISE) -> tuple[Any, Any]:
    """The parameters after each step, stacked, and the last state; float64 under x64."""
    params, noise = jax.tree.map(lambda x: jnp.asarray(x, float), (PARAMS, noise))

    @jax.jit
    def run(params, state):
        def body(carry, noise):
            params, state = opt.step(carry[0], gradient(carry[0], noise), carry[1])
            return (params, state), params

        (_, state), path = jax.lax.scan(body, (params, state), noise)
        return path, state

    return run(params, opt.init(params))


def theirs(tx: optax.GradientTransformation, noise: Any = NOISE) -> tuple[Any, Any]:
    """The same with an optax transformation."""

    def step(params, grads, state):
        with lenient():
            updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return ours(jsgd.Optimizer(tx.init, step), noise)


@contextmanager
def lenient() -> Iterator[None]:
    """Optax does not run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def assert_close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Leaf by leaf, structures included."""
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol, atol), a, b)


def assert_same(a: Any, b: Any) -> None:
    """Bit for bit."""
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_agree(
    opt: jsgd.Optimizer, tx: optax.GradientTransformation, noise: Any = NOISE, rtol: float = 1e-9
) -> None:
    """The two walk the same path, all along, in float64."""
    with jax.enable_x64(True):
        assert_close(ours(opt, noise)[0], theirs(tx, noise)[0], rtol, atol=rtol / 100)
