"""Projections: optax's where it has them, and what defines a projection everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from walks import lenient

from jsgd.core import projections

_draw = np.random.RandomState(5).standard_normal
X = {"a": _draw((3, 2)), "b": {"c": _draw(()), "d": _draw(4)}}
NORMAL = jax.tree.map(lambda x: np.asarray(_draw(x.shape)), X)
THEIRS = optax.projections
PAIRS = {
    "nonnegative": (projections.nonnegative, THEIRS.projection_non_negative, ()),
    "box": (projections.box, THEIRS.projection_box, (-0.3, 0.4)),
    "hypercube": (projections.hypercube, THEIRS.projection_hypercube, (0.4,)),
    "linf_ball": (projections.linf_ball, THEIRS.projection_linf_ball, (0.4,)),
    "simplex": (projections.simplex, THEIRS.projection_simplex, (1.5,)),
    "l1_ball": (projections.l1_ball, THEIRS.projection_l1_ball, (1.5,)),
    "l1_sphere": (projections.l1_sphere, THEIRS.projection_l1_sphere, (1.5,)),
    "l2_ball": (projections.l2_ball, THEIRS.projection_l2_ball, (0.5,)),
    "l2_sphere": (projections.l2_sphere, THEIRS.projection_l2_sphere, (0.5,)),
    "line": (projections.line, THEIRS.projection_vector, (NORMAL,)),
    "hyperplane": (projections.hyperplane, THEIRS.projection_hyperplane, (NORMAL, 0.7)),
    "halfspace": (projections.halfspace, THEIRS.projection_halfspace, (NORMAL, -0.7)),
}
SPHERES = ("l1_sphere", "l2_sphere")


def project(name, x, *numbers):
    return PAIRS[name][0](x, *jax.tree.map(jnp.asarray, numbers))


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("size", [-100.0, 0.01, 1.0, 100.0])  # on both sides of the planes
def test_equals_optax(x64, name, size):
    x = jax.tree.map(lambda leaf: jnp.asarray(size * leaf), X)
    _, theirs, numbers = PAIRS[name]
    numbers = jax.tree.map(jnp.asarray, numbers)
    with lenient():
        if name in ("box", "hypercube", "linf_ball"):  # optax's bounds do not spread over trees
            expected = jax.tree.map(lambda leaf: theirs(leaf, *numbers), x)
        else:
            expected = theirs(x, *numbers)
    ours = project(name, x, *numbers)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-10, 1e-12), ours, expected)


vectors = arrays(np.float32, 6, elements=st.floats(-8, 8, width=32).map(lambda x: round(x, 2)))


@pytest.mark.parametrize("name", PAIRS)
@given(x=vectors, y=vectors, normal=vectors)
def test_is_the_nearest_point(name, x, y, normal):
    """It is in the set, where it stays, and no other point of the set (of y's) is nearer."""
    numbers = [normal if n is NORMAL else n for n in PAIRS[name][2]]
    with jax.enable_x64(True):
        x, y = jnp.asarray(x, float), jnp.asarray(y, float)
        if numbers and numbers[0] is normal and not normal.any():
            return  # no plane has this normal
        p, q = project(name, x, *numbers), project(name, y, *numbers)
        np.testing.assert_allclose(project(name, p, *numbers), p, rtol=1e-9, atol=1e-12)
        assert jnp.linalg.norm(x - p) <= jnp.linalg.norm(x - q) + 1e-9


@pytest.mark.parametrize("name", ["l1_ball", "l2_ball", "linf_ball", "l1_sphere", "l2_sphere"])
def test_complex_numbers_keep_their_phases(x64, name):
    """The magnitudes are projected like real numbers."""
    size, phase = np.abs(_draw(6)), np.exp(1j * _draw(6))
    (radius,) = PAIRS[name][2]
    got, alone = (project(name, jnp.asarray(x), radius) for x in (size * phase, size))
    np.testing.assert_allclose(got, phase * np.asarray(alone), rtol=1e-10)


@pytest.mark.parametrize("name", SPHERES)
def test_zeros_go_to_the_sphere(name):
    """All of them to where the coordinates are equal; one of them, on the l1 sphere, upwards."""
    sizes = {"l1_sphere": 0.5, "l2_sphere": np.sqrt(0.5)}
    np.testing.assert_allclose(project(name, jnp.zeros(2), 1.0), sizes[name], rtol=1e-6)
    np.testing.assert_allclose(
        projections.l1_sphere(jnp.array([0.0, -0.2]), 1.0), [0.4, -0.6], rtol=1e-6
    )


@pytest.mark.parametrize("name", ["l1_ball", "l2_ball", "linf_ball"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_inside_a_ball_nothing_moves(name, dtype):
    """Bit for bit; an infinite ball holds everything."""
    x = jnp.asarray(_draw(5) + (1j * _draw(5) if dtype == jnp.complex64 else 0), dtype)
    for radius in (100.0, np.inf):
        np.testing.assert_array_equal(project(name, x, radius), x)


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_to_project(name):
    numbers = [1.0 if n is NORMAL else n for n in PAIRS[name][2]]
    assert project(name, {"a": {}}, *numbers) == {"a": {}}
    assert project(name, jnp.zeros((0, 2)), *numbers).shape == (0, 2)


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_no_number_stays_none(name):
    """A run that diverged does not look sound again."""
    numbers = [1.0 if n is NORMAL else n for n in PAIRS[name][2]]
    assert np.isnan(project(name, jnp.array([1.0, jnp.nan]), *numbers)).any()


def test_leaves_of_two_dtypes_are_one_vector(x64):
    """They keep their dtypes; a number as normal stands for a vector of it."""
    x = {"a": jnp.ones(2, jnp.float32), "b": jnp.asarray(4.0)}
    new = project("hyperplane", x, 2.0, 0.0)
    assert {name: leaf.dtype for name, leaf in new.items()} == {"a": "float32", "b": "float64"}
    np.testing.assert_allclose(new["a"], [-1.0, -1.0], rtol=1e-6)
    np.testing.assert_allclose(new["b"], 2.0, rtol=1e-6)
