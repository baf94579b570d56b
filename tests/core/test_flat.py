"""Parameters in one buffer a dtype: the same numbers, or a refusal."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walks import assert_same

import jsgd
from jsgd.core import tree


def leaf(seed, shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def make(seed=0):
    return {
        "body": {"w": leaf(seed, (3, 2)), "half": leaf(seed + 1, (4,), jnp.bfloat16)},
        "none": leaf(seed, (0, 2)),
        "empty": {},
        "head": (leaf(seed + 2, ()), leaf(seed + 3, (2, 2))),
    }


PARAMS, GRADS = make(), make(10)
FLAT, FLAT_GRADS = jsgd.flatten(PARAMS), jsgd.flatten(GRADS)


def loss(params):
    return sum(jnp.sum(x.astype(jnp.float32) ** 3) for x in jax.tree.leaves(params))


def flat_loss(flat):
    return loss(jsgd.unflatten(flat))


def walk(opt, params, grads, value_fn):
    """Two steps."""

    @jax.jit
    def run(params, state):
        for _ in range(2):
            params, state = opt.step(params, grads, state, value=jnp.float32(1), value_fn=value_fn)
        return params, state

    return run(params, opt.init(params))


@pytest.mark.parametrize("params", [PARAMS, {}, None, leaf(0, ()), make(5)["head"]])
def test_there_and_back(params):
    back = jsgd.unflatten(jsgd.flatten(params))
    assert jax.tree.map(jnp.result_type, back) == jax.tree.map(jnp.result_type, params)
    assert_same(back, params)


def test_a_buffer_a_dtype():
    assert {k: x.shape for k, x in FLAT.buffers.items()} == {"float32": (11,), "bfloat16": (4,)}


def test_gradient_arrives_flat():
    grads = jax.grad(flat_loss)(FLAT)
    assert_same(grads, jsgd.flatten(jax.grad(loss)(PARAMS)))


def test_forward_derivative():
    """For Hessians times vectors, `sophia`'s."""
    there = jax.jvp(loss, (PARAMS,), (GRADS,))
    assert_same(jax.jvp(flat_loss, (FLAT,), (FLAT_GRADS,)), there)


def test_gradient_is_one_concatenation():
    """Autodiff of slices would pad each to a whole buffer, and add them all."""
    text = str(jax.make_jaxpr(jax.grad(flat_loss))(FLAT))
    assert text.count("concatenate[") == 1  # of float32; there is one leaf of bfloat16
    assert "pad[" not in text


@pytest.mark.parametrize(
    "opt",
    [
        jsgd.adam(0.1),
        jsgd.ema(jsgd.master_weights(jsgd.clip_by_global_norm(jsgd.adamw(0.1), 0.5))),
        jsgd.weight_decay(jsgd.split_complex(jsgd.sgd(0.1, momentum=0.9)), 0.1),
    ],
    ids=["adam", "nest", "split_complex"],
)
def test_steps_are_those_of_the_tree(opt):
    """Parameters and state, which `unflatten` makes that of the tree."""
    got = jsgd.unflatten(walk(opt, FLAT, FLAT_GRADS, flat_loss))
    expected = walk(opt, PARAMS, GRADS, loss)
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), got, expected)


@pytest.mark.parametrize(
    "opt",
    [
        jsgd.lamb(),
        jsgd.clip_by_norm(jsgd.adam()),
        jsgd.project(jsgd.adam(), "l2_ball", each_leaf=True),
        jsgd.ema(jsgd.masked(jsgd.adam(), lambda path, leaf: leaf.ndim == 2)),
        jsgd.partition({"all": jsgd.adam()}, lambda path, leaf: "all"),
    ],
    ids=["leafwise", "wrapper", "project", "mask", "labels"],
)
def test_what_tells_leaves_apart_is_refused(opt):
    opt.init(jax.tree.map(tree.widen, PARAMS))
    with pytest.raises(ValueError, match="tells leaves apart, and a Flat has none"):
        opt.init(FLAT)


@pytest.mark.parametrize("wrap", [lambda opt: opt, lambda opt: jsgd.weight_decay(opt, 0.1)])
def test_hyperparameters_by_leaf(wrap):
    rates = {"body": {"w": 0.1, "half": 0.2}, "none": 0.0, "empty": {}, "head": 0.3}
    got, _ = walk(wrap(jsgd.sgd(FLAT.fill(rates))), FLAT, FLAT_GRADS, None)
    expected, _ = walk(wrap(jsgd.sgd(rates)), PARAMS, GRADS, None)
    assert_same(jsgd.unflatten(got), expected)


def test_hyperparameters_in_another_form():
    with pytest.raises(ValueError, match=r"lr is a tree that is no prefix .* flat\.fill\("):
        jsgd.sgd({"body": 0.1, "head": 0.1}).init(FLAT)
    with pytest.raises(ValueError, match="a prefix of the parameters"):
        FLAT.fill({"body": 0.1})


def test_population():
    """Members along a first axis, on the outside too."""

    def member(factor):
        return jax.tree.map(lambda x: factor.astype(x.dtype) * x, FLAT)

    flat = jax.vmap(member)(jnp.arange(2.0, 5.0))
    back = jsgd.unflatten(flat)
    assert back["head"][1].shape == (3, 2, 2)
    assert_same(back["body"]["w"][1], 3 * PARAMS["body"]["w"])
    losses = jax.vmap(flat_loss)(flat)
    np.testing.assert_allclose(losses[2], flat_loss(jax.tree.map(lambda x: x[2], flat)), rtol=1e-6)


def test_equal_layouts_are_one_object():
    """So a jitted step does not compare them leaf by leaf, and does not trace again."""
    copy = pickle.loads(pickle.dumps(FLAT))
    assert copy.layout is FLAT_GRADS.layout is FLAT.layout
    assert jsgd.flatten(make()["head"]).layout is not FLAT.layout
