"""`dot_general` against that of lax: values, gradients, transformations, platforms."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx
from jax import lax
from products import draw, with_gradients

from jsgd.models import dot_general
from jsgd.models.dense import Dense

DENSE = (((1,), (0,)), ((), ()))
FORMS = (
    partial(dot_general, dimension_numbers=DENSE),
    partial(lax.dot_general, dimension_numbers=DENSE),
)


def assert_close(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("c", "o"), [(7, 3), (3, 7), (4, 4), (5, 1), (1200, 600)])
def test_value_and_both_gradients_are_those_of_lax(c, o):
    x, k = draw(6, c), draw(c, o, seed=1) / c
    run = jax.jit(lambda x, k: [with_gradients(form)(x, k) for form in FORMS])
    assert_close(*run(x, k))


@pytest.mark.parametrize("wanted", [0, 1])
def test_one_gradient_alone_is_that_of_lax(wanted):
    x, k = draw(6, 7), draw(7, 3, seed=1)

    def slope(form):
        return [jax.grad(lambda x, k: (form(x, k) ** 2).sum(), wanted)(x, k)]

    assert_close(*jax.jit(lambda: [slope(form) for form in FORMS])())


def test_inputs_may_have_more_axes():
    x, k = draw(2, 6, 7), draw(7, 3, seed=1)
    numbers = (((2,), (0,)), ((), ()))
    forms = [partial(f, dimension_numbers=numbers) for f in (dot_general, lax.dot_general)]
    run = jax.jit(lambda x, k: [with_gradients(form)(x, k) for form in forms])
    assert_close(*run(x, k))


def test_vmap_over_kernels_is_the_loop():
    x, k = draw(3, 6, 7), draw(3, 7, 4, seed=1)
    mapped = jax.jit(jax.vmap(with_gradients(FORMS[0])))(x, k)
    stock = jax.jit(with_gradients(FORMS[1]))
    for i in range(3):
        assert_close([leaf[i] for leaf in mapped], stock(x[i], k[i]))


def test_forward_mode_and_products_with_the_hessian_are_those_of_lax():
    point, towards = (draw(6, 7), draw(7, 3, seed=1)), (draw(6, 7, seed=2), draw(7, 3, seed=3))

    def products(form):
        slope = jax.grad(lambda x, k: jnp.sum(jnp.sin(form(x, k))), (0, 1))
        return jax.tree.leaves([jax.jvp(form, point, towards), jax.jvp(slope, point, towards)])

    assert_close(*jax.jit(lambda: [products(form) for form in FORMS])())


@pytest.mark.parametrize(
    ("platform", "transposes"), [("cpu", True), ("cuda", False), ("tpu", False)]
)
def test_one_traced_program_has_the_form_of_its_platform(platform, transposes):
    slope = jax.jit(jax.grad(lambda k, x: (FORMS[0](x, k) ** 2).sum()))
    traced = slope.trace(draw(7, 3), draw(6, 7))
    program = traced.lower(lowering_platforms=(platform,)).as_text()
    assert ("optimization_barrier" in program) == transposes


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.int32])
def test_other_numbers_are_left_to_lax(dtype):
    x, k = draw(6, 7, dtype=dtype), draw(7, 3, seed=1, dtype=dtype)
    assert_close(*[[form(x, k).astype(jnp.float32)] for form in FORMS])
    assert FORMS[0](x, k).dtype == dtype


def test_it_serves_flax():
    x = draw(6, 7)
    layers = Dense(3), nn.Dense(3)
    variables = jax.jit(layers[1].init)(jax.random.key(0), x)
    run = jax.jit(lambda variables: [layer.apply(variables, x) for layer in layers])
    assert_close(*[[y] for y in run(variables)])
    layer = nnx.Linear(7, 3, dot_general=dot_general, rngs=nnx.Rngs(0))
    assert layer(x).shape == (6, 3)
