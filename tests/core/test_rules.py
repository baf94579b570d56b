"""Optimizers as users write them: one small rule, lifted."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.core import tree

PARAMS = {"w": jnp.array([3.0, 4.0]), "b": jnp.array([12.0])}


def one_step(opt, params=PARAMS, grads=None, **given):
    grads = params if grads is None else grads
    return jax.jit(opt.step)(params, grads, opt.init(params), **given)


def assert_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), a, b)


# --- leafwise


def normalized(p, g, s, h):
    """Each leaf's gradient by its own norm; the largest norm so far is remembered, unused."""
    norm = jnp.linalg.norm(g)
    return p - h.lr * g / norm, {"most": jnp.maximum(s.most, norm)}


def scalar(leaf):
    return jnp.zeros(())


def normalized_sgd(lr=1.0):
    return jsgd.leafwise(normalized, slots={"most": scalar}, lr=lr)


def test_leafwise_sees_one_whole_leaf():
    params, state = one_step(normalized_sgd(0.5))
    assert_close(params, {"w": jnp.array([2.7, 3.6]), "b": jnp.array([11.5])})
    assert_close(state.slots["most"], {"w": 5.0, "b": 12.0})


def extremes(p, g, s, h):
    """The largest and the smallest of each row of the gradients so far, remembered, unused."""
    low, high = s.range["low"], s.range["high"]
    seen = {"low": jnp.minimum(low, g.min(-1)), "high": jnp.maximum(high, g.max(-1))}
    return p - h.lr * g, {"range": seen}


def zero_rows(leaf):
    return {"low": jnp.zeros(leaf.shape[:-1]), "high": jnp.zeros(leaf.shape[:-1])}


def test_a_slot_of_a_leaf_may_be_a_tree():
    opt = jsgd.leafwise(extremes, slots={"range": zero_rows}, lr=0.5)
    grads = {"w": jnp.array([[3.0, -4.0], [1.0, 2.0]]), "b": jnp.array([5.0, 6.0])}
    params, state = one_step(opt, grads)
    assert_close(params, jax.tree.map(lambda g: g / 2, grads))
    expected = {
        "w": {"low": jnp.array([-4.0, 0.0]), "high": jnp.array([3.0, 2.0])},
        "b": {"low": jnp.array(0.0), "high": jnp.array(6.0)},
    }
    assert_close(state.slots["range"], expected)


def test_users_rules_are_optimizers_like_ours():
    opt = normalized_sgd(0.5)
    assert opt.step is normalized_sgd(0.1).step
    assert repr(opt) == "normalized(lr=0.5)"
    assert pickle.loads(pickle.dumps(opt)).step is opt.step
    nest = jsgd.ema(jsgd.clip_by_global_norm(opt))
    assert pickle.loads(pickle.dumps(nest)) == nest


def noise(p, g, s, h):
    return p + jax.random.normal(h.key, p.shape), {}


@pytest.mark.parametrize("key", [3, jax.random.key(3), jax.random.PRNGKey(3)])
def test_keys_are_fresh_for_every_leaf_and_step(key):
    zero = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    opt = jsgd.leafwise(noise, key=key)
    first, state = opt.step(zero, zero, opt.init(zero))
    second, _ = opt.step(zero, zero, state)
    drawn = np.concatenate([first["a"], first["b"], second["a"], second["b"]])
    assert len(np.unique(drawn)) == 8
    again, _ = one_step(jsgd.leafwise(noise, key=3), zero)
    assert_close(again, first)
    assert not np.allclose(one_step(jsgd.leafwise(noise, key=4), zero)[0]["a"], first["a"])


# --- treewise


def globally_normalized(params, grads, s, h):
    size = h.lr / tree.norm(grads)
    return jax.tree.map(lambda p, g: p - size * g, params, grads), {"seen": s.seen + 1}


def test_treewise_sees_the_trees():
    opt = jsgd.treewise(globally_normalized, slots={"seen": lambda params: jnp.int32(0)}, lr=1.3)
    params, state = one_step(opt)
    assert_close(params, {"w": jnp.array([2.7, 3.6]), "b": jnp.array([10.8])})
    assert int(state.slots["seen"]) == int(state.t) == 1


def polyak(params, grads, s, h):
    """The step that would reach zero loss, were the loss linear."""
    size = h.value / tree.norm(grads) ** 2
    return jax.tree.map(lambda p, g: p - size * g, params, grads), {}


def line_search(params, grads, s, h):
    """The better of two step sizes."""

    def at(size):
        return jax.tree.map(lambda p, g: p - size * g, params, grads)

    short, long = at(h.lr), at(4 * h.lr)
    better = h.value_fn(long) < h.value_fn(short)
    return jax.tree.map(lambda x, y: jnp.where(better, y, x), short, long), {}


def test_value_reaches_the_rule_through_wrappers():
    opt = jsgd.skip_nonfinite(jsgd.clip_by_value(jsgd.treewise(polyak), 100.0))
    params, _ = one_step(opt, value=jnp.float32(84.5))
    assert_close(params, jax.tree.map(lambda p: p / 2, PARAMS))


@pytest.mark.parametrize(("best", "size"), [(0.0, 0.4), (1.0, 0.1)])
def test_value_fn_reaches_the_rule_through_wrappers(best, size):
    def loss(params):
        return tree.norm(jax.tree.map(lambda p, q: p - best * q, params, PARAMS))

    opt = jsgd.accumulate(jsgd.ema(jsgd.treewise(line_search, lr=0.1)))
    params, _ = opt.step(PARAMS, PARAMS, opt.init(PARAMS), value_fn=loss)
    assert_close(params, jax.tree.map(lambda p: (1 - size) * p, PARAMS))


def test_what_is_given_and_not_needed_is_ignored():
    plain, _ = one_step(jsgd.adam())
    given, _ = jsgd.adam().step(
        PARAMS, PARAMS, jsgd.adam().init(PARAMS), value=1.0, value_fn=lambda p: 0.0
    )
    assert_close(plain, given)


# --- wrapper


def backwards(step, params, grads, inner, s, h):
    params, inner = step(params, tree.scale(-h.times, grads), inner)
    return params, inner, {"total": jax.tree.map(jnp.add, s.total, grads)}


def test_wrapper_changes_one_thing():
    opt = jsgd.wrapper(backwards, jsgd.sgd(0.5), slots=("total",), times=2.0)
    params, state = one_step(opt)
    assert_close(params, jax.tree.map(lambda p: 2 * p, PARAMS))
    assert_close(state.slots["total"], PARAMS)
    assert jsgd.get_hyper(state) == {"times": 2.0, "lr": 0.5}
    assert repr(opt) == "backwards(sgd(lr=0.5, momentum=None), times=2.0)"


def largest(step, params, grads, inner, s, h):
    """Of every number, the largest gradient among the examples."""
    return *step(params, jax.tree.map(lambda g: g.max(0), grads), inner), {}


def test_wrapper_of_gradients_of_single_examples():
    """They reach the rule as they are; the inner step has one gradient, wrapped or not."""
    opt = jsgd.wrapper(largest, jsgd.clip_by_value(jsgd.sgd(1.0), 20.0), per_example=True)
    each = jax.tree.map(lambda p: jnp.stack([p, 2 * p, 0 * p]), PARAMS)
    params, state = one_step(opt, grads=each)
    assert_close(params, {"w": jnp.array([-3.0, -4.0]), "b": jnp.array([-8.0])})
    assert opt.step is not jsgd.wrapper(largest, jsgd.clip_by_value(jsgd.sgd())).step
    for grads, path in ((PARAMS, "b"), (each | {"w": each["w"][:2]}, "w")):
        with pytest.raises(ValueError, match=f"the gradient of '{path}' has shape"):
            opt.step(PARAMS, grads, state)
    with pytest.raises(ValueError, match="'w' is missing"):
        opt.step(PARAMS, {"b": each["b"]}, state)


# --- the step a rule is told


def test_t_counts_from_one():
    opt = jsgd.elementwise(lambda p, g, s, h: (p + h.t, {}))
    params, state = one_step(opt, jnp.zeros(()))
    params, state = opt.step(params, params, state)
    assert float(params) == 3.0
    assert int(state.t) == 2


# --- mistakes


def keep(p, g, s, h):
    return p, {"mu": g}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: one_step(jsgd.elementwise(keep)), r"returned slots \['mu'\], it has \[\]"),
        (lambda: one_step(jsgd.elementwise(keep, slots=("nu",))), r"\['mu'\], it has \['nu'\]"),
        (
            lambda: one_step(jsgd.leafwise(lambda p, g, s, h: (p[None], {}))),
            r"the rule turned 'b' from \(1,\) to \(1, 1\)",
        ),
        (
            lambda: one_step(
                jsgd.elementwise(lambda p, g, s, h: (p, {"mu": g.sum()}), slots=("mu",)),
                {"layer": {"w": jnp.ones(2)}},
            ),
            r"slot of layer/w.* from \(2,\) to \(\)",
        ),
        (
            lambda: one_step(jsgd.elementwise(lambda p, g, s, h: (p - h.rate * g, {}), lr=0.1)),
            r"this rule needs 'rate', and has \['lr', 't'\]: pass it to the step",
        ),
        (
            lambda: one_step(jsgd.treewise(polyak)),
            r"this rule needs 'value', and has \['t'\]: .* value=",
        ),
        (
            lambda: jsgd.treewise(polyak, lr={"w": 0.1, "b": 0.2}),
            "lr is one number or schedule for the whole tree",
        ),
        (
            lambda: jsgd.leafwise(noise).init({"w": {"table": jnp.arange(3)}}),
            "parameter 'w/table' has dtype int32",
        ),
        (lambda: jsgd.wrapper(backwards, jsgd.sgd), "a wrapper takes the optimizer first"),
        (lambda: jsgd.sgd(nesterov=True), "nesterov=True needs momentum="),
        (lambda: jsgd.rmsprop(nesterov=True), "nesterov=True needs momentum="),
        (lambda: jsgd.muon(ns_steps=0), "ns_steps = 0: it is static"),
        (lambda: jsgd.muon().init({"a": {"b": jnp.ones(3)}}), "parameter 'a/b': muon takes 2-D"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=message):
        make()
