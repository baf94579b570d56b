"""The landscape of momentum: what the optimizer does is what theory says."""

import momentum
import numpy as np
import pytest

EIGENVALUES = np.array([1.0, 7.0, 50.0])


@pytest.fixture(scope="module")
def measured():
    return momentum.measure(16, EIGENVALUES)


def theory(lr, beta):
    """Of each eigenvalue the roots of z^2 - (1 + beta - lr x) z + beta, worked out by hand."""
    s = 1 + beta[..., None] - lr[..., None] * EIGENVALUES
    apart = np.sqrt((s * s - 4 * beta[..., None]).astype(complex))
    return np.maximum(abs(s + apart), abs(s - apart)).max(axis=-1) / 2


def test_the_plane_agrees_with_theory(measured):
    plane, _, _ = measured
    assert plane["rate"].dtype == np.float64
    assert plane["rate"].shape == (16, 16)
    np.testing.assert_allclose(plane["rate"], theory(plane["lr"], plane["momentum"]), atol=1e-6)
    np.testing.assert_allclose(plane["rate"], plane["theory"], atol=1e-6)


def test_no_setting_is_on_the_wrong_side_of_the_boundary(measured):
    plane, _, _ = measured
    _, wrong = momentum.sides(plane, EIGENVALUES)
    assert not wrong.any()
    assert 0.2 < (plane["rate"] > 1).mean() < 0.8


def test_the_rate_is_one_on_the_boundary_and_not_beside_it(measured):
    below, at, above = measured[1]["rate"]
    np.testing.assert_allclose(at, 1, atol=1e-10)
    assert below.max() < 1 - 1e-5
    assert above.min() > 1 + 1e-5


def test_the_spectral_radius_is_that_of_the_matrix():
    a = np.random.default_rng(0).normal(size=(50, 2, 2))
    radii = momentum.spectral_radius(a[:, 0, 0], a[:, 0, 1], a[:, 1, 0], a[:, 1, 1])
    np.testing.assert_allclose(radii, abs(np.linalg.eigvals(a)).max(axis=-1), rtol=1e-5)


def test_the_picture_shows_the_plane(measured):
    plane, _, _ = measured
    left, right = momentum.picture(plane, EIGENVALUES).axes[:2]
    shown = left.collections[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), plane["rate"] > 1)
    assert right.collections[0].get_array().shape == (16, 16)
