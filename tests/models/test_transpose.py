"""Gradients that are written out, of what all devices of a `shard_map` share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from jsgd.models import conv, dot_general
from jsgd.train.parallel import mesh_of


def convolve(x, k):
    return conv(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def multiply(x, k):
    return dot_general(x, k, (((1,), (0,)), ((), ())))


@pytest.mark.parametrize("place", [0, 1], ids=["inputs", "kernel"])
@pytest.mark.parametrize(
    ("product", "sizes"),
    [(convolve, [(4, 6, 6, 32), (3, 3, 32, 32)]), (multiply, [(8, 64), (64, 10)])],
)
def test_its_gradient_is_the_sum_of_theirs(product, sizes, place):
    draw = np.random.default_rng(0).normal
    shared = jnp.asarray(draw(size=sizes[place]), jnp.float32)
    own = jnp.asarray(draw(size=(2, *sizes[1 - place])), jnp.float32)

    def value(shared, own):
        return jnp.sum(jnp.cos(product(*((own, shared) if place else (shared, own)))))

    def slope(shared, own):
        return jax.grad(lambda shared: jax.lax.psum(value(shared, own[0]), "data"))(shared)

    specs = {"in_specs": (PartitionSpec(), PartitionSpec("data")), "out_specs": PartitionSpec()}
    found = jax.jit(jax.shard_map(slope, mesh=mesh_of(2), **specs))(shared, own)
    expected = jax.grad(lambda shared: value(shared, own[0]) + value(shared, own[1]))(shared)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
