"""Noise on the gradient: its variance, its independence, and that it repeats."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walks import PARAMS, assert_same, ours

import jsgd

N = 40_000


def noises(opt, params, steps):
    """What was added at each step: the steps of plain gradient descent from zero gradients."""
    state, out = opt.init(params), []
    for _ in range(steps):
        new, state = opt.step(params, jax.tree.map(jnp.zeros_like, params), state)
        out.append(jax.tree.map(lambda p, q: np.asarray(p - q), params, new))
    return out


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
@pytest.mark.parametrize(("eta", "gamma"), [(0.25, 0.55), (4.0, 2.0)])
def test_variance_falls_as_the_paper_says(dtype, eta, gamma):
    opt = jsgd.add_noise(jsgd.sgd(1.0), eta, gamma)
    for t, noise in enumerate(noises(opt, jnp.zeros(N, dtype), 4), 1):
        variance = eta / t**gamma
        np.testing.assert_allclose(np.mean(np.abs(noise) ** 2), variance, rtol=0.03)
        assert abs(noise.mean()) < 4 * np.sqrt(variance / N)
        if dtype == jnp.complex64:  # half of it in either part
            np.testing.assert_allclose(noise.real.var(), variance / 2, rtol=0.03)


def test_leaves_and_steps_are_independent():
    opt = jsgd.add_noise(jsgd.sgd(1.0), 1.0, 0.0)
    params = {"a": jnp.zeros(N), "b": jnp.zeros(N)}
    draws = np.stack([x for step in noises(opt, params, 2) for x in step.values()])
    np.testing.assert_allclose(draws @ draws.T / N, np.eye(4), atol=0.03)


def test_is_noisy_sgd_in_law():
    """Quantile by quantile, at the third step."""
    (*_, ours_), (*_, theirs) = (
        noises(opt, jnp.zeros(N), 3)
        for opt in (jsgd.add_noise(jsgd.sgd(0.5), 0.09), jsgd.noisy_sgd(0.5, 0.09))
    )
    at = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(np.quantile(ours_, at), np.quantile(theirs, at), atol=0.004)


def test_a_key_repeats_and_another_does_not():
    paths = [ours(jsgd.add_noise(jsgd.adam(0.1), key=key))[0] for key in (3, jax.random.key(3), 4)]
    assert_same(paths[0], paths[1])
    assert np.abs(paths[0]["scale"] - paths[2]["scale"]).max() > 1e-3


def test_gradient_is_kept():
    opt = jsgd.add_noise(jsgd.sgd(1.0), eta=0.0)
    assert_same(opt.step(PARAMS, PARAMS, opt.init(PARAMS))[0], jax.tree.map(jnp.zeros_like, PARAMS))
