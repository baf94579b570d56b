"""Augmentations: each against an independent reference, and all as functions of strengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jsgd.data.augment import (
    STRENGTHS,
    affine,
    augment,
    color_jitter,
    cutmix,
    cutout,
    mixup,
)

KEY = jax.random.key(0)
SOME = {"flip": 1.0, "shift": 2.0, "rotate": 30.0, "zoom": 0.2} | {
    name: 0.8 for name in STRENGTHS if name not in ("flip", "shift", "rotate", "zoom")
}
SOME["cutout"] = 4.0


def pictures(n, h, w, c):
    return np.random.default_rng(0).uniform(0.2, 0.7, (n, h, w, c)).astype(np.float32)


def draws(monkeypatch, u):
    """Let these numbers in [0, 1) be what every picture draws."""
    monkeypatch.setattr(
        jax.random,
        "uniform",
        lambda key, shape, dtype: jnp.broadcast_to(
            jnp.asarray(u, dtype).reshape(-1, *[1] * (len(shape) - 1)), shape
        ),
    )


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (7, 10, 2)])
def test_affine_is_scipys_affine_transform(monkeypatch, shape):
    draws(monkeypatch, [0.9, 0.1, 0.8, 0.25, 0.0])  # down 3, left 3, +12 degrees, 0.85
    x = pictures(2, *shape)
    angle, centre = np.deg2rad(12), (np.array(shape[:2]) - 1) / 2
    back = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]]) / 0.85
    offset = centre - back @ (centre + np.array([3, -3]))
    expected = [
        [
            ndimage.affine_transform(channel, back, offset, order=1, mode="grid-constant")
            for channel in np.moveaxis(picture, -1, 0)
        ]
        for picture in x
    ]
    y = affine(KEY, jnp.asarray(x), flip=0.5, shift=3.0, rotate=20.0, zoom=0.3)
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected, atol=2e-5)


def test_a_positive_angle_turns_as_scipys_rotate(monkeypatch):
    draws(monkeypatch, [0.5, 0.5, 1.0, 0.5, 1.0])
    x = pictures(1, 8, 8, 1)
    expected = ndimage.rotate(
        x[0, :, :, 0], 30, reshape=False, order=1, mode="grid-constant", prefilter=False
    )
    np.testing.assert_allclose(affine(KEY, jnp.asarray(x), rotate=30.0)[0, :, :, 0], expected, 1e-4)


@pytest.fixture(scope="module")
def moved():
    """Where the pixel in the middle of 5x5 went: (down, right) of each of 5000 pictures."""
    x = jnp.zeros((5000, 5, 5, 1)).at[:, 2, 2].set(1)
    y = np.asarray(jax.jit(affine)(KEY, x, shift=1.5))
    assert set(y.ravel()) == {0, 1}  # pixels were moved, not blended
    return np.stack(np.divmod(y.reshape(5000, 25).argmax(1), 5)) - 2


def test_shifts_are_whole_each_as_likely_and_the_last_by_its_fraction(moved):
    for along in moved:
        shares = np.bincount(along + 2, minlength=5) / 5000
        np.testing.assert_allclose(shares, np.array([0.5, 1, 1, 1, 0.5]) / 4, atol=0.02)


def test_shifts_of_the_two_axes_are_drawn_apart(moved):
    assert abs(np.corrcoef(moved)[0, 1]) < 0.05


def test_flip_is_a_probability_of_mirroring():
    x = jnp.asarray(pictures(1, 2, 3, 1)) * jnp.ones((4000, 1, 1, 1))
    y = np.asarray(jax.jit(affine)(KEY, x, flip=0.3))
    mirrored = (y == x[:, :, ::-1]).all((1, 2, 3))
    assert ((y == x).all((1, 2, 3)) | mirrored).all()
    assert mirrored.mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    ("name", "enhancer"),
    [("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color")],
)
@pytest.mark.parametrize("u", [0.1, 0.9])
def test_color_jitter_is_pillows(monkeypatch, name, enhancer, u):
    from PIL import Image, ImageEnhance

    draws(monkeypatch, [u] * 3)
    picture = (pictures(1, 6, 5, 3)[0] * 255).astype(np.uint8)
    expected = getattr(ImageEnhance, enhancer)(Image.fromarray(picture)).enhance(0.6 + 0.8 * u)
    y = color_jitter(KEY, jnp.asarray(picture[None] / np.float32(255)), **{name: 0.4})
    np.testing.assert_allclose(y[0] * 255, np.asarray(expected), atol=2)  # they round


def test_grey_pictures_have_no_saturation_and_keep_their_mean_in_contrast():
    x = jnp.asarray(pictures(3, 4, 4, 1))
    y = color_jitter(KEY, x, contrast=0.9, saturation=1.0)
    np.testing.assert_allclose(y.mean((1, 2, 3)), x.mean((1, 2, 3)), rtol=1e-5)
    assert (jnp.std(y, (1, 2, 3)) != jnp.std(x, (1, 2, 3))).all()


def _boxes(h, w, size):
    """The masks of the authors of cutout, for every centre: half to each side, cut off."""
    for row in range(h):
        for column in range(w):
            mask = np.ones((h, w), np.float32)
            top, left = max(row - size // 2, 0), max(column - size // 2, 0)
            mask[top : row + size // 2, left : column + size // 2] = 0
            yield mask


def test_cutout_blanks_a_square_about_every_pixel_alike():
    y = jax.jit(cutout)(KEY, jnp.ones((3000, 5, 6, 1)), 4)[..., 0]
    counts = {}
    for mask in map(bytes, np.asarray(y)):
        counts[mask] = counts.get(mask, 0) + 1
    expected = {}
    for mask in map(bytes, _boxes(5, 6, 4)):
        expected[mask] = expected.get(mask, 0) + 100
    assert counts.keys() == expected.keys()
    assert max(abs(counts[mask] - n) for mask, n in expected.items()) < 50


@pytest.fixture(scope="module")
def cutmixed():
    """1000 batches of 3 pictures, the i-th of them all i, and their targets."""
    x = jnp.arange(3.0).reshape(3, 1, 1, 1) * jnp.ones((3, 24, 18, 1))
    mixed = jax.jit(jax.vmap(cutmix, (0, None, None, None)))
    x, y = mixed(jax.random.split(KEY, 1000), x, jnp.eye(3), 1.0)
    return np.asarray(x)[..., 0], np.asarray(y)


def test_cutmix_targets_are_the_shares_of_the_pixels(cutmixed):
    x, y = cutmixed
    shares = (x[..., None] == np.arange(3)).mean((2, 3))
    np.testing.assert_allclose(y, shares, atol=1e-6)


def test_cutmix_fills_one_box_of_the_pictures_shape(cutmixed):
    x, _ = cutmixed
    changed = (x != np.arange(3).reshape(1, 3, 1, 1)).any(1)
    rows, columns = changed.any(2), changed.any(1)
    np.testing.assert_array_equal(changed, rows[:, :, None] & columns[:, None, :])
    inner = changed.any((1, 2)) & ~(rows[:, [0, -1]].any(1) | columns[:, [0, -1]].any(1))
    assert inner.sum() > 100  # nothing was cut off of these
    np.testing.assert_allclose(rows[inner].mean(1), columns[inner].mean(1), atol=0.1)


def test_cutmix_areas_are_uniform_before_they_are_cut_off(cutmixed):
    """Of a side s, a share of s**2 / 4 is beyond the edges on average; s**2 is uniform."""
    _, y = cutmixed
    others = 2 / 3  # how often it is not the picture itself that is pasted
    mean = np.mean(1 - y[:, np.arange(3), np.arange(3)])
    assert mean == pytest.approx(others * (1 / 2 - 1 / 5 + 1 / 48), abs=0.02)


_mixed_up = jax.jit(jax.vmap(mixup, (0, None, None, None)))


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_mixup_weights_are_beta_and_targets_are_mixed_as_samples(alpha):
    x, y = _mixed_up(jax.random.split(KEY, 4000), jnp.eye(2), jnp.eye(2), alpha)
    np.testing.assert_array_equal(x, y)
    weights = np.asarray(x[:, 0, 0])
    weights = weights[weights != 1]  # half of the permutations of two change nothing
    assert weights.mean() == pytest.approx(0.5, abs=0.04)
    assert weights.var() == pytest.approx(1 / (8 * alpha + 4), abs=0.02)  # of Beta(alpha, alpha)
    assert len(weights) / 4000 == pytest.approx(0.5, abs=0.04)


@pytest.fixture(scope="module")
def members():
    """A batch, and what became of it in one program: member 0 has no strength, others one each."""
    x, y = jnp.asarray(pictures(4, 8, 9, 3)), jnp.eye(4)
    alone = jnp.concatenate([jnp.zeros((1, len(SOME))), jnp.diag(jnp.array(list(SOME.values())))])
    strengths = dict(zip(SOME, alone.T, strict=True))
    mapped = jax.jit(jax.vmap(augment, (None, None, None, 0)))(KEY, x, y, strengths)
    return x, y, strengths, *mapped


def test_strength_0_is_exactly_the_identity(members):
    x, y, _, xs, ys = members
    np.testing.assert_array_equal(xs[0], x)
    np.testing.assert_array_equal(ys[0], y)


def test_each_strength_does_something_and_two_of_them_mix_targets(members):
    x, y, _, xs, ys = members
    assert [name for name, new in zip(SOME, xs[1:]) if (new != x).any()] == list(SOME)
    mixed = [name for name, new in zip(SOME, ys[1:]) if (new != y).any()]
    assert mixed == ["mixup", "cutmix"]


def test_strengths_mapped_over_are_those_one_by_one(members):
    x, y, strengths, *mapped = members
    one = jax.jit(augment)
    for i in range(len(SOME) + 1):
        solo = one(KEY, x, y, {name: s[i] for name, s in strengths.items()})
        for a, b in zip(solo, mapped):
            np.testing.assert_allclose(a, b[i], atol=1e-5)


def test_the_draws_of_one_do_not_depend_on_the_others(members):
    x, y, _, xs, _ = members
    alone, _ = jax.jit(augment)(KEY, x, y, {"cutout": SOME["cutout"]})
    np.testing.assert_array_equal(alone, xs[1 + list(SOME).index("cutout")])


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="no augmentation 'flop': there are flip, shift"):
        augment(KEY, jnp.ones((1, 2, 2, 1)), jnp.ones((1, 1)), {"flop": 1.0})
