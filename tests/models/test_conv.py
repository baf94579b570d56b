"""`conv` against `lax.conv_general_dilated`: values, gradients, transformations, platforms."""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax
from products import draw, with_gradients

from jsgd.models import conv

LAYOUT = ("NHWC", "HWIO", "NHWC")


def forms(window_strides=(1, 1), padding="SAME", **options):
    """Our convolution and that of lax, as functions of images and kernels."""
    options = {"dimension_numbers": LAYOUT, **options}
    return [
        partial(form, window_strides=window_strides, padding=padding, **options)
        for form in (conv, lax.conv_general_dilated)
    ]


def both(x, k, **options):
    """The values of the two, compiled as one program."""
    return jax.jit(lambda x, k: [form(x, k) for form in forms(**options)])(x, k)


def assert_close(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


CASES = {
    "plain": ((3, 3), (1, 1), "SAME", (1, 1), 1),
    "valid": ((3, 3), (1, 1), "VALID", (1, 1), 1),
    "strides": ((3, 3), (2, 3), "SAME", (1, 1), 1),
    "lower": ((2, 4), (2, 1), "SAME_LOWER", (1, 1), 1),
    "pointwise": ((1, 1), (2, 2), "SAME", (1, 1), 1),
    "explicit": ((2, 3), (2, 2), ((1, 2), (0, 3)), (1, 1), 1),
    "negative": ((3, 3), (1, 1), ((-1, 0), (2, -1)), (1, 1), 1),
    "dilation": ((3, 3), (1, 1), "SAME", (2, 1), 1),
    "dilation strides": ((3, 2), (2, 2), "VALID", (2, 3), 1),
    "groups": ((3, 3), (2, 1), "SAME", (1, 2), 2),
    "depthwise": ((3, 3), (1, 1), "SAME", (1, 1), 4),
    "rows": ((3, 3), (1, 1), "SAME", (1, 1), 1, 4, 4),
    "rows valid": ((2, 4), (1, 1), "VALID", (1, 1), 1, 4, 3),
    "rows negative": ((3, 2), (1, 1), ((-1, 0), (2, -1)), (1, 1), 1, 4, 4),
    "gray": ((3, 3), (1, 1), "SAME", (1, 1), 1, 1, 8),
    "gray strides": ((3, 2), (2, 3), ((1, 2), (0, 3)), (1, 2), 1, 1, 8),
}


@pytest.fixture(params=["whole", "parts"])
def cache(request, monkeypatch):
    """With hardly any, the patches are cut from a few images at a time, as from large ones."""
    if request.param == "parts":
        module = sys.modules["jsgd.models.conv"]  # the attribute `conv` is the function
        monkeypatch.setattr(module, "_CACHE", 0)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_value_and_both_gradients_are_those_of_lax(case):
    size, strides, padding, dilation, groups, *channels = case
    c, o = channels or (4, 8)
    x, k = draw(2, 7, 9, c), draw(*size, c // groups, o, seed=1)
    pair = forms(strides, padding, rhs_dilation=dilation, feature_group_count=groups)
    run = jax.jit(lambda x, k: [with_gradients(form)(x, k) for form in pair])
    assert_close(*run(x, k))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_keeps_its_dtype(dtype):
    x, k = draw(2, 6, 6, 3, dtype=dtype), draw(3, 3, 3, 5, seed=1, dtype=dtype)
    ours, stock = both(x, k)
    assert ours.dtype == stock.dtype == dtype
    exact = both(x.astype(jnp.float32), k.astype(jnp.float32))[1]
    bound = float(jnp.finfo(dtype).eps) * 4 * float(jnp.abs(exact).max())
    np.testing.assert_allclose(ours.astype(jnp.float32), exact, atol=bound)


def test_preferred_element_type_is_obeyed():
    x, k = draw(2, 6, 6, 3, dtype=jnp.bfloat16), draw(3, 3, 3, 5, dtype=jnp.bfloat16)
    ours, stock = both(x, k, preferred_element_type=jnp.float32)
    assert ours.dtype == jnp.float32
    np.testing.assert_allclose(ours, stock, rtol=1e-4, atol=1e-4)


def test_integers():
    x, k = jnp.arange(48).reshape(1, 4, 4, 3), jnp.arange(54).reshape(3, 3, 3, 2)
    np.testing.assert_array_equal(*both(x, k))


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("shared", [True, False], ids=["one batch", "a batch each"])
def test_vmap_over_kernels_is_the_loop(shared):
    x, k = draw(3, 2, 6, 6, 4), draw(3, 3, 3, 4, 8, seed=1)
    x = x[0] if shared else x
    ours, stock = map(with_gradients, forms())
    mapped = jax.jit(jax.vmap(ours, (None if shared else 0, 0)))(x, k)
    stock = jax.jit(stock)
    for i in range(3):
        assert_close([leaf[i] for leaf in mapped], stock(x if shared else x[i], k[i]))


def test_scan_is_the_loop():
    xs, k = draw(4, 2, 6, 6, 4), draw(3, 3, 4, 4, seed=1)

    def descend(form):
        def step(k, x):
            value, slope = jax.value_and_grad(lambda k: jnp.mean(form(x, k) ** 2))(k)
            return k - 0.01 * slope, value

        return step

    ours, stock = map(descend, forms())
    scanned, stock = lax.scan(ours, k, xs), jax.jit(stock)
    values = []
    for x in xs:
        k, value = stock(k, x)
        values.append(value)
    assert_close(scanned, (k, jnp.stack(values)))


@pytest.mark.usefixtures("cache")
def test_forward_mode_is_that_of_lax():
    point = draw(2, 6, 6, 3), draw(3, 3, 3, 5, seed=1)
    towards = draw(2, 6, 6, 3, seed=2), draw(3, 3, 3, 5, seed=3)
    run = jax.jit(lambda: [jax.jvp(form, point, towards) for form in forms()])
    assert_close(*run())


@pytest.mark.usefixtures("cache")
def test_products_with_the_hessian_are_those_of_lax():
    point, towards = (draw(2, 6, 6, 3), draw(3, 3, 3, 5)), (draw(2, 6, 6, 3), draw(3, 3, 3, 5))

    def product(form):
        slope = jax.grad(lambda x, k: jnp.sum(jnp.sin(form(x, k))), (0, 1))
        return jax.jvp(slope, point, towards)[1]

    assert_close(*jax.jit(lambda: [product(form) for form in forms()])())


def test_large_patches_take_the_memory_of_a_few_images():
    ours, _ = forms()
    gradients = jax.jit(jax.grad(lambda x, k: ours(x, k).sum(), (0, 1)))
    shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((32, 32, 32, 64), (3, 3, 64, 64))]
    memory = gradients.lower(*shapes).compile().memory_analysis().temp_size_in_bytes
    assert memory < 32 * 2**20  # the patches of all images have 72 MiB


@pytest.mark.parametrize(
    ("platform", "channels", "groups", "native"),
    [
        ("cpu", 33, 1, False),
        ("cuda", 32, 1, False),
        ("cuda", 33, 1, True),
        ("cuda", 32, 2, True),
        ("rocm", 3, 1, True),
        ("tpu", 3, 1, True),
    ],
)
def test_one_traced_program_has_the_form_of_its_platform(platform, channels, groups, native):
    ours, _ = forms(feature_group_count=groups)
    gradients = jax.jit(jax.grad(lambda x, k: ours(x, k).sum(), (0, 1)))
    traced = gradients.trace(draw(2, 6, 6, channels), draw(3, 3, channels // groups, 6))
    program = traced.lower(lowering_platforms=(platform,)).as_text()
    assert ("stablehlo.convolution" in program) == native
    assert ("stablehlo.dot_general" in program) == (not native)


def test_vmap_makes_no_grouped_convolution_and_no_conditional():
    ours, _ = forms()
    step = jax.jit(jax.vmap(jax.grad(lambda k, x: ours(x, k).sum()), (0, None)))
    program = step.lower(draw(4, 3, 3, 3, 5), draw(2, 6, 6, 3)).compile().as_text()
    assert " dot(" in program
    assert " convolution(" not in program
    assert " conditional(" not in program


FALLBACKS = {
    "1-D": (
        (2, 9, 3),
        (3, 3, 5),
        {"window_strides": (1,), "dimension_numbers": ("NWC", "WIO", "NWC")},
    ),
    "3-D": (
        (1, 4, 4, 4, 2),
        (2, 2, 2, 2, 3),
        {"window_strides": (1, 1, 1), "dimension_numbers": ("NDHWC", "DHWIO", "NDHWC")},
    ),
    "NCHW": ((2, 3, 6, 6), (5, 3, 3, 3), {"dimension_numbers": ("NCHW", "OIHW", "NCHW")}),
    "no layout": ((2, 3, 6, 6), (5, 3, 3, 3), {"dimension_numbers": None}),
    "transposed": (
        (2, 6, 6, 3),
        (3, 3, 3, 5),
        {"lhs_dilation": (2, 2), "padding": ((1, 2), (1, 2))},
    ),
    "batch groups": ((4, 6, 6, 3), (3, 3, 3, 6), {"batch_group_count": 2}),
    "empty": ((2, 2, 2, 3), (3, 3, 3, 5), {"padding": "VALID"}),
}


@pytest.mark.parametrize("case", FALLBACKS.values(), ids=FALLBACKS.keys())
def test_what_the_fast_form_does_not_serve_is_as_in_lax(case):
    x, k, options = case
    np.testing.assert_array_equal(*both(draw(*x), draw(*k, seed=1), **options))


def test_a_mismatch_is_the_error_of_lax():
    ours, _ = forms()
    with pytest.raises((TypeError, ValueError), match="feature"):
        ours(draw(2, 6, 6, 3), draw(3, 3, 4, 5))


@pytest.mark.parametrize("padding", ["SAME", "CIRCULAR", ((1, 0), (2, 1))], ids=str)
def test_it_serves_flax(padding):
    x = draw(2, 7, 7, 4)
    layers = [
        nn.Conv(6, (3, 3), padding=padding, strides=2, conv_general_dilated=form)
        for form in (conv, None)
    ]
    variables = jax.jit(layers[0].init)(jax.random.key(0), x)
    run = jax.jit(lambda variables: [layer.apply(variables, x) for layer in layers])
    np.testing.assert_allclose(*run(variables), rtol=1e-4, atol=1e-5)


# 3x3 kernels of stride 1 between many channels are Winograd's form

PADDINGS = {
    "same": "SAME",
    "valid": "VALID",
    "uneven": ((1, 2), (0, 3)),
    "negative": ((-1, 0), (2, -1)),
    "wide": ((4, 3), (3, 3)),
}


def test_winograd_multiplies_less_than_half_as_often():
    def flops(channels):
        x, k = draw(2, 16, 16, channels), draw(3, 3, channels, 64)
        run = jax.jit(forms()[0]).lower(x, k).compile()
        return run.cost_analysis()["flops"] / (2 * x.size * 9 * 64)

    assert flops(31) > 0.99  # the patches'
    assert flops(64) < 0.6  # 4 / 9, and the additions


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS.keys())
def test_winograd_value_and_both_gradients_are_those_of_lax(padding):
    x, k = draw(2, 7, 8, 32), draw(3, 3, 32, 33, seed=1) / 17
    run = jax.jit(lambda x, k: [with_gradients(form)(x, k) for form in forms(padding=padding)])
    assert_close(*run(x, k))


@pytest.mark.usefixtures("cache")
def test_winograd_products_with_the_hessian_are_those_of_lax():
    point, towards = (
        (draw(2, 4, 5, 32), draw(3, 3, 32, 32) / 17),
        (draw(2, 4, 5, 32), draw(3, 3, 32, 32)),
    )

    def product(form):
        slope = jax.grad(lambda x, k: jnp.sum(jnp.sin(form(x, k))), (0, 1))
        return jax.tree.leaves(jax.jvp(slope, point, towards))

    ours, theirs = jax.jit(lambda: [product(form) for form in forms()])()
    scale = max(float(jnp.abs(x).max()) for x in theirs)
    assert_close([x / scale for x in ours], [x / scale for x in theirs])


def test_winograd_vmap_over_kernels_is_the_loop():
    x, k = draw(3, 2, 6, 6, 32), draw(3, 3, 3, 32, 32, seed=1) / 17
    ours, stock = map(with_gradients, forms())
    mapped = jax.jit(jax.vmap(ours))(x, k)
    stock = jax.jit(stock)
    for i in range(3):
        assert_close([leaf[i] for leaf in mapped], stock(x[i], k[i]))


def test_winograd_leaves_half_precision_to_patches():
    x, k = draw(1, 6, 6, 32, dtype=jnp.bfloat16), draw(3, 3, 32, 32, dtype=jnp.bfloat16) / 17
    ours, stock = [form(x, k) for form in forms()]
    assert ours.dtype == jnp.bfloat16
    assert_close([ours.astype(jnp.float32)], [stock.astype(jnp.float32)])
