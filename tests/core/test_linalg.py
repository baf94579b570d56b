"""Matrix kernels, against the singular value decomposition; norms against NumPy's."""

import jax.numpy as jnp
import numpy as np
import pytest

from jsgd.core.linalg import leading_vectors, newton_schulz, rank_one, rms, trust_ratio

_draw = np.random.RandomState(2).standard_normal
MATRICES = {
    "wide": _draw((5, 20)),
    "tall": _draw((20, 5)),
    "square": _draw((16, 16)),
    "row": _draw((1, 7)),
    "number": _draw((1, 1)),
    "complex": _draw((6, 4)) + 1j * _draw((6, 4)),
    "tiny": 1e-12 * _draw((3, 8)),
    "huge": 1e15 * _draw((3, 8)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_polar_factor(name):
    """`U f(S) V^T`: the singular vectors stay, the singular values go to about one."""
    g = MATRICES[name]
    g = g.astype(np.complex64 if np.iscomplexobj(g) else np.float32)
    x = np.asarray(newton_schulz(jnp.asarray(g), eps=0.0))
    assert x.dtype == g.dtype
    u, s, vh = np.linalg.svd(g, full_matrices=False)
    inside = u.conj().T @ x @ vh.conj().T
    values = np.diagonal(inside)
    np.testing.assert_allclose(inside, np.diag(values), atol=2e-4)
    np.testing.assert_allclose(u @ inside @ vh, x, atol=2e-4)
    large = s > 0.02 * np.linalg.norm(s)  # five steps lift a value 3.4-fold each
    assert np.all((values.real[large] > 0.67) & (values.real[large] < 1.21))


def test_more_steps_lift_smaller_values():
    g = jnp.diag(jnp.array([1.0, 1e-4]))
    few, many = (np.linalg.svd(newton_schulz(g, steps), compute_uv=False)[1] for steps in (5, 9))
    assert few < 0.1
    assert 0.67 < many < 1.21


def test_zero_stays_zero():
    np.testing.assert_array_equal(newton_schulz(jnp.zeros((3, 2))), np.zeros((3, 2)))


def test_transposing_transposes():
    g = jnp.asarray(MATRICES["wide"], jnp.float32)
    np.testing.assert_array_equal(newton_schulz(g.T), newton_schulz(g).T)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("rank", [1, 3, 99])
def test_leading_vectors(name, rank):
    """Orthonormal; the projection on them is the best approximation of that rank."""
    g = MATRICES[name]
    u = np.asarray(leading_vectors(jnp.asarray(g, "complex64" if "x" in name else "float32"), rank))
    assert u.shape == (len(g), min(rank, *g.shape))
    np.testing.assert_allclose(u.conj().T @ u, np.eye(u.shape[1]), atol=1e-5)
    rest = np.linalg.svd(g, compute_uv=False)[rank:]
    off = np.linalg.norm(g - u @ u.conj().T @ g)
    np.testing.assert_allclose(off, np.linalg.norm(rest), atol=1e-5 * np.linalg.norm(g))


@pytest.mark.parametrize("name", ["wide", "tall", "square", "complex"])
def test_leading_vectors_have_no_free_sign(name):
    """They come out the same when the matrix is turned by a unit, and zeros give no NaN."""
    g = jnp.asarray(MATRICES[name], "complex64" if name == "complex" else "float32")
    u = leading_vectors(g, 2)
    turned = (0.6 + 0.8j) * g if name == "complex" else -g
    np.testing.assert_allclose(leading_vectors(turned, 2), u, atol=1e-4)
    largest = np.take_along_axis(np.asarray(u), np.abs(u).argmax(0)[None], 0)
    np.testing.assert_allclose(largest, np.abs(largest), atol=1e-6)
    assert np.all(np.isfinite(leading_vectors(0 * g, 2)))


@pytest.mark.parametrize("name", ["wide", "row", "number", "complex"])
def test_trust_ratio(name):
    u = jnp.asarray(MATRICES[name], "complex64" if name == "complex" else "float32")
    p = 3 * u[::-1]
    size = np.linalg.norm(u)
    np.testing.assert_allclose(trust_ratio(p, u), 3, rtol=1e-6)
    np.testing.assert_allclose(trust_ratio(p, u, 0.5, 2 * size), 0.5, rtol=1e-6)
    np.testing.assert_allclose(trust_ratio(p, u, min_norm=2 * size), 1.5, rtol=1e-6)


def test_trust_ratio_of_zeros():
    """It is 1, the coefficient left out, unless there is a least norm."""
    zero, one = jnp.zeros(3), jnp.ones(1)
    for p, u in ((zero, zero), (zero, one), (one, zero), (jnp.zeros(()), jnp.zeros(0))):
        assert trust_ratio(p, u, 0.1, 1.0) == 1
    assert trust_ratio(zero, one, min_norm=0.25) == 0.25


def test_rms():
    assert rms(jnp.array([3.0, 4.0, 0.0, 0.0])) == 2.5
    assert rms(jnp.array([[3 + 4j, 5]], jnp.complex64)) == 5


@pytest.mark.parametrize("name", ["wide", "tall", "tiny", "huge"])
def test_rank_one(name):
    """Its rows and columns have the means it was given, its singular values are one and zeros."""
    x = jnp.asarray(np.square(MATRICES[name]), jnp.float32)
    rows, columns = x.mean(1, keepdims=True), x.mean(0, keepdims=True)
    y = rank_one(rows, columns, 0)
    np.testing.assert_allclose(y.mean(1, keepdims=True), rows, rtol=1e-5)
    np.testing.assert_allclose(y.mean(0, keepdims=True), columns, rtol=1e-5)
    first, *others = np.linalg.svd(y, compute_uv=False)
    assert max(others) < 1e-5 * first


def test_rank_one_of_many():
    """Other axes hold a matrix each."""
    x = jnp.asarray(_draw((3, 2, 4)) ** 2, jnp.float32)
    rows, columns = x.mean(2, keepdims=True), x.mean(0, keepdims=True)
    y = rank_one(rows, columns, 0)
    for i in range(2):
        alone = rank_one(rows[:, i], columns[:, i], 0)
        np.testing.assert_allclose(y[:, i], alone, rtol=1e-5)
