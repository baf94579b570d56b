"""The DeepOBS study: the problem is the published one, and so is where it is best."""

import math

import deepobs
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd


def test_the_initial_loss_has_every_published_digit():
    assert math.floor(deepobs.initial_loss() * 1e5) / 1e5 == deepobs.INITIAL


def test_the_learning_rates_are_the_published_ones():
    rates = deepobs.LEARNING_RATES
    assert (len(rates), rates[0], rates[-1]) == (36, 1e-5, 1e2)
    np.testing.assert_allclose(np.diff(np.log10(rates)), 0.2, rtol=1e-4)
    assert [f"{deepobs.nearest(x):.2e}" for x in (1.58e-2, 3.98e-2)] == ["1.58e-02", "3.98e-02"]


def test_the_rotation_is_one():
    _, r, _ = deepobs.hessian()
    np.testing.assert_allclose(r @ r.T, np.eye(100), atol=1e-13)
    assert np.linalg.det(r) == pytest.approx(1)
    small = deepobs.rotation(np.random.RandomState(0), 3)
    assert np.linalg.det(small) == pytest.approx(1)


def test_the_hessian_has_the_eigenvalues_drawn():
    eigenvalues, _, q = deepobs.hessian()
    np.testing.assert_allclose(np.linalg.eigvalsh(q), np.sort(eigenvalues), rtol=1e-10, atol=1e-12)
    assert ((eigenvalues[:90] < 1) & (eigenvalues[:90] > 0)).all()
    assert ((eigenvalues[90:] < 60) & (eigenvalues[90:] > 30)).all()


def test_the_loss_of_a_batch_is_the_mean_over_its_samples(x64):
    problem = deepobs.quadratic_deep()
    q = jnp.asarray(deepobs.hessian()[2])
    x = jnp.asarray(deepobs.samples(42)[:128], jnp.float64)
    theta = jnp.linspace(-1, 2, 100)

    def plain(theta):
        d = theta[None] - x
        return jnp.mean(jnp.einsum("ni,ij,nj->n", d, q, d)) / 2

    def ours(theta):
        batches = jax.tree.map(lambda x: x[None], deepobs.batch(q, x))
        at = jnp.zeros(1, jnp.int32)
        return problem.loss(theta, batches, at, {}, train=True, key=None)[0]

    for a, b in zip(*(jax.value_and_grad(f)(theta) for f in (ours, plain)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reshuffle", [False, True])
def test_a_training_keeps_its_batches_unless_it_is_to_reshuffle(reshuffle):
    run = deepobs.make(deepobs.quadratic_deep(), jsgd.sgd(), reshuffle)
    carries = [run.init(jax.random.key(seed), {}) for seed in (0, 1)]
    (m, _), (other, _) = (carry.model_state for carry in carries)
    assert m.shape == (7, 100)
    assert not np.allclose(m, other)
    (after, _), metrics = (lambda c, m: (c.model_state, m))(*jax.jit(run.advance)(carries[0]))
    assert np.array_equal(after, m) != reshuffle
    assert metrics["step"] == 7


def test_a_reduced_study_is_best_where_the_published_one_is():
    """A decade below the best, the best, and the least that diverges (for Adam a decade above)."""
    near = {
        name: sorted({deepobs.nearest(x) for x in (best / 10, best, diverges or best * 10)})
        for name, (best, _, diverges) in deepobs.PUBLISHED.items()
    }
    losses, _ = deepobs.study(near, seeds=2)
    for name, (best, mean, diverges) in deepobs.PUBLISHED.items():
        assert losses[name].shape == (3, 2)
        found = deepobs.summary(near[name], losses[name])
        assert found["lr"] == deepobs.nearest(best)
        assert found["mean"] == pytest.approx(mean, abs=0.5 if name == "SGD" else 0.1)
        assert found["diverges_from"] == (diverges and deepobs.nearest(diverges))
    # steps a hundred times as long in effect: a tenth of the best is still enough to arrive
    assert losses["Momentum"][0].mean() < 87.5
