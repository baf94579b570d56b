"""Clipping against optax's, and where it must be careful: dtypes, zeros, complex numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, assert_agree, assert_close, assert_same, ours

import jsgd


@pytest.mark.parametrize("max_norm", [0.3, 2.0, 1e9])
def test_global_norm_equals_optax(max_norm):
    assert_agree(
        jsgd.clip_by_global_norm(jsgd.sgd(0.1, momentum=0.9), max_norm),
        optax.chain(optax.clip_by_global_norm(max_norm), optax.sgd(0.1, momentum=0.9)),
    )


@pytest.mark.parametrize("max_value", [0.1, 1.0])
def test_value_equals_optax(max_value):
    assert_agree(
        jsgd.clip_by_value(jsgd.sgd(0.1, momentum=0.9), max_value),
        optax.chain(optax.clip(max_value), optax.sgd(0.1, momentum=0.9)),
    )


@pytest.mark.parametrize("max_rms", [0.1, 1.0])
def test_block_rms_equals_optax(max_rms):
    assert_agree(
        jsgd.clip_by_block_rms(jsgd.sgd(0.1, momentum=0.9), max_rms),
        optax.chain(optax.clip_by_block_rms(max_rms), optax.sgd(0.1, momentum=0.9)),
    )


@pytest.mark.parametrize("max_norm", [0.3, 2.0])
def test_norm_equals_optax_leaf_by_leaf(max_norm):
    """Optax's global norm of one leaf is that leaf's own."""
    one = optax.chain(optax.clip_by_global_norm(max_norm), optax.sgd(0.1, momentum=0.9))
    labels = {"layer": {"bias": "a", "kernel": "b"}, "scale": "c"}
    assert_agree(
        jsgd.clip_by_norm(jsgd.sgd(0.1, momentum=0.9), max_norm),
        optax.partition(dict.fromkeys("abc", one), labels),
    )


def one_step(opt, params, grads):
    return opt.step(params, grads, opt.init(params))[0]


def test_norm_is_summed_in_float32():
    """10,000 bfloat16 ones: a bfloat16 sum stops at 256."""
    grads = jnp.ones(10_000, jnp.bfloat16)
    params = one_step(jsgd.clip_by_global_norm(jsgd.sgd(1.0), 50.0), jnp.zeros(10_000), grads)
    np.testing.assert_allclose(params, -0.5, rtol=1e-5)


def test_norm_of_complex_leaves():
    grads = {"a": jnp.array([3 + 4j], jnp.complex64), "b": jnp.array([12.0])}
    params = {"a": jnp.zeros(1, jnp.complex64), "b": jnp.zeros(1)}
    params = one_step(jsgd.clip_by_global_norm(jsgd.sgd(1.0), 6.5), params, grads)
    assert_close(params, {"a": jnp.array([-1.5 - 2j], jnp.complex64), "b": jnp.array([-6.0])})


def test_zero_gradients_stay_zero():
    opt = jsgd.clip_by_global_norm(jsgd.sgd(1.0), 1e-3)
    assert_same(one_step(opt, jnp.ones(3), jnp.zeros(3)), jnp.ones(3))


def test_norms_per_leaf():
    params = {"a": jnp.zeros(2), "b": {"c": jnp.zeros(2), "d": jnp.zeros(4)}}
    grads = {"a": jnp.array([3.0, 4.0]), "b": {"c": jnp.array([6.0, 8.0]), "d": jnp.ones(4)}}
    opt = jsgd.clip_by_norm(jsgd.sgd(1.0), {"a": 10.0, "b": 1.0})
    expected = {"a": [-3.0, -4.0], "b": {"c": [-0.6, -0.8], "d": [-0.5] * 4}}
    assert_close(one_step(opt, params, grads), like(expected))
    opt = jsgd.clip_by_block_rms(jsgd.sgd(1.0), {"a": 10.0, "b": 0.5})
    root = np.sqrt(0.5)
    expected = {"a": [-3.0, -4.0], "b": {"c": [-0.6 * root, -0.8 * root], "d": [-0.5] * 4}}
    assert_close(one_step(opt, params, grads), like(expected))


def like(lists):
    return jax.tree.map(jnp.array, lists, is_leaf=lambda x: isinstance(x, list))


def test_values_per_leaf_and_by_parts():
    opt = jsgd.clip_by_value(jsgd.sgd(1.0), {"a": 1.0, "b": 0.25})
    params = {"a": jnp.zeros(2, jnp.complex64), "b": {"c": jnp.zeros(2)}}
    grads = {"a": jnp.array([3 - 4j, 0.5j], jnp.complex64), "b": {"c": jnp.array([-3.0, 0.125])}}
    expected = {
        "a": jnp.array([-1 + 1j, -0.5j], jnp.complex64),
        "b": {"c": jnp.array([0.25, -0.125])},
    }
    assert_same(one_step(opt, params, grads), expected)
    with pytest.raises(ValueError, match=r"max_value is a tree that is no prefix.*'a', 'b'"):
        opt.init(PARAMS)


def test_order_of_wrappers_is_order_of_clips():
    """The outer wrapper sees the gradient first."""
    grads = jnp.array([3.0, 4.0])
    inside = jsgd.clip_by_global_norm(jsgd.clip_by_value(jsgd.sgd(1.0), 2.0), 2.5)
    outside = jsgd.clip_by_value(jsgd.clip_by_global_norm(jsgd.sgd(1.0), 2.5), 2.0)
    assert_close(one_step(inside, jnp.zeros(2), grads), jnp.array([-1.5, -2.0]))
    assert_close(one_step(outside, jnp.zeros(2), grads), -2.5 / np.sqrt(8) * jnp.array([2.0, 2.0]))


def test_one_norm_for_the_whole_tree():
    with pytest.raises(ValueError, match="max_norm is one number or schedule"):
        jsgd.clip_by_global_norm(jsgd.sgd(), {"a": 1.0})
    with pytest.raises(ValueError, match="a wrapper takes the optimizer first"):
        jsgd.clip_by_global_norm(1.0, jsgd.sgd())


def test_walks_differ():
    """The comparisons above can tell."""
    free, _ = ours(jsgd.sgd(0.1, momentum=0.9))
    clipped, _ = ours(jsgd.clip_by_global_norm(jsgd.sgd(0.1, momentum=0.9), 2.0))
    assert np.abs(free["scale"] - clipped["scale"]).max() > 1e-2
