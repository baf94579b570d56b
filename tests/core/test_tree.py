"""Small functions on pytrees."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.core import tree


class Layer(NamedTuple):
    kernel: jax.Array
    bias: jax.Array


PARAMS = {"dense": Layer(jnp.ones((2, 3)), jnp.zeros(3)), "list": [jnp.ones(()), {}]}


def test_paths_read_like_paths():
    assert list(tree.leaves_by_path(PARAMS)) == ["dense/kernel", "dense/bias", "list/0"]
    assert list(tree.leaves_by_path(jnp.ones(2))) == ["(the root)"]
    sizes = tree.map_with_path(lambda path, leaf: (path, leaf.size), PARAMS)
    assert sizes["dense"].bias == ("dense/bias", 3)


def test_keys_may_hold_slashes():
    """Two leaves whose paths read alike stay two leaves (Haiku's names hold slashes)."""
    params = {"a": {"b": jnp.zeros(1)}, "a/b": jnp.ones(1)}
    opt = jsgd.weight_decay(jsgd.ema(jsgd.sgd(0.0)), mask=lambda path, leaf: True)
    assert tree.leaf_choice(lambda path, leaf: path, "mask")(params) == ["a/b", "a/b"]
    params, state = opt.step(params, params, opt.init(params))
    assert jsgd.eval_params(params, state) == params


def test_norm_is_over_all_leaves_and_wide():
    leaves = [
        jnp.full(3, 2.0, jnp.bfloat16),
        jnp.array([3 + 4j]),
        jnp.array(5.0),
        jnp.zeros((0, 2)),
    ]
    norm = jax.jit(tree.norm)(leaves)
    np.testing.assert_allclose(norm, np.sqrt(12 + 25 + 25), rtol=1e-6)
    assert norm.dtype == jnp.float32
    assert float(tree.norm({})) == 0.0
    assert float(tree.norm(jnp.full(1000, 1.0, jnp.float16))) == pytest.approx(1000**0.5)


def test_norm_in_double_precision(x64):
    assert float(tree.norm([jnp.array(1.0), jnp.array(1e-6)])) == np.sqrt(1 + 1e-12)


def test_what_computes_does_so_in_the_working_dtype():
    leaves = {"half": jnp.full(2, 3.0, jnp.bfloat16), "complex": jnp.array([1j])}
    scaled = tree.scale(jnp.float32(0.5), leaves)
    assert scaled["half"].dtype == jnp.float32
    np.testing.assert_array_equal(scaled["half"], [1.5, 1.5])
    np.testing.assert_array_equal(scaled["complex"], [0.5j])
    for wide in (tree.widen(leaves), tree.zeros_like(leaves)):
        assert (wide["half"].dtype, wide["complex"].dtype) == (jnp.float32, jnp.complex64)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1j * np.inf])
def test_all_finite(bad):
    assert bool(tree.all_finite(PARAMS))
    assert bool(tree.all_finite({}))
    assert not bool(tree.all_finite([jnp.ones(2), jnp.array([1.0, bad])]))


def test_prefixes_spread():
    assert tree.broadcast_prefix({"dense": 1, "list": 2}, PARAMS, "lr") == [1, 1, 2]
    assert tree.broadcast_prefix(Layer(1, 2), PARAMS["dense"], "lr") == [1, 2]
    assert tree.fill(7, PARAMS, "lr") == {"dense": Layer(7, 7), "list": [7, {}]}
    with pytest.raises(ValueError, match=r"lr is a tree .* \['dens'\], the parameters have \['den"):
        tree.broadcast_prefix({"dens": 1}, PARAMS, "lr")


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ({"dense": PARAMS["dense"]}, "'list/0' is missing"),
        (PARAMS | {"more": jnp.ones(1)}, "'more' is not in the parameters"),
        (PARAMS | {"dense": tuple(PARAMS["dense"])}, "'dense/kernel' is missing"),
        (
            PARAMS | {"list": [jnp.ones(1), {}]},
            r"of 'list/0' has shape \(1,\), the parameter has \(\)",
        ),
        (PARAMS | {"list": [jnp.int32(1), {}]}, "of 'list/0' has dtype int32; a gradient is float"),
        (PARAMS | {"list": [None, {}]}, "'list/0' is missing"),
        (PARAMS | {"list": (jnp.ones(()), {})}, "is not PyTreeDef"),
    ],
)
def test_gradients_that_do_not_match(grads, message):
    tree.check_same(PARAMS, PARAMS)
    with pytest.raises(ValueError, match=message):
        tree.check_same(grads, PARAMS)


def test_gradients_of_single_examples_that_do_not_match():
    """As many examples in every leaf, also where a parameter has no axis of its own."""
    params = {"a": jnp.ones(()), "b": jnp.ones((2, 3))}
    tree.check_same({"a": jnp.ones(4), "b": jnp.ones((4, 2, 3))}, params, per_example=True)
    tree.check_same({"a": jnp.ones(0), "b": jnp.ones((0, 2, 3))}, params, per_example=True)
    tree.check_same({}, {}, per_example=True)
    for a, b, wrong in (((4,), (5, 2, 3), "b"), ((4,), (2, 3), "b"), ((), (2, 3), "a")):
        with pytest.raises(ValueError, match=f"of '{wrong}' has shape .* one more axis goes in"):
            tree.check_same({"a": jnp.ones(a), "b": jnp.ones(b)}, params, per_example=True)


def test_only_floating_and_complex_leaves_train():
    tree.check_trainable({"a": jnp.ones(1), "b": jnp.ones(1, jnp.complex64), "c": np.float16(1)})
    with pytest.raises(ValueError, match=r"parameter 'b/0' has dtype int32.*'frozen'"):
        tree.check_trainable({"a": jnp.ones(1), "b": [jnp.arange(2)]})


def test_choices_for_leaves():
    """A function or a tree, either way a hashable function of the parameters."""
    by_path = tree.leaf_choice(path_is_bias, "mask")
    by_tree = tree.leaf_choice({"dense": Layer(False, True), "list": False}, "mask")
    assert by_path(PARAMS) == by_tree(PARAMS) == [False, True, False]
    assert tree.leaf_choice(path_is_bias, "mask") is by_path
    assert tree.leaf_choice({"dense": Layer(False, True), "list": False}, "mask") is by_tree
    with pytest.raises(ValueError, match="mask is a tree that is no prefix"):
        tree.leaf_choice({"dense": True}, "mask")(PARAMS)


def path_is_bias(path, leaf):
    return path.endswith("bias") and leaf.ndim == 1
