"""Different optimizers for different leaves: optax's numbers, frozen leaves, and clear errors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, assert_agree, assert_close, assert_same, ours

import jsgd
from jsgd.wrappers import REGISTRY as WRAPPERS

LABELS = {"layer": {"bias": "b", "kernel": "a"}, "scale": "frozen"}
TRANSFORMS = {
    "a": optax.adam(0.1),
    "b": optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1, momentum=0.9)),
    "frozen": optax.set_to_zero(),
}
OPTIMIZERS = {
    "a": jsgd.adam(0.1),
    "b": jsgd.clip_by_global_norm(jsgd.sgd(0.1, momentum=0.9), 0.5),
}


def by_path(path, leaf):
    return {"layer/kernel": "a", "layer/bias": "b"}.get(path, "frozen")


@pytest.mark.parametrize("labels", [LABELS, by_path], ids=["tree", "function"])
def test_equals_optax(labels):
    """The norm that is clipped is that of the label's own leaves."""
    assert_agree(jsgd.partition(OPTIMIZERS, labels), optax.partition(TRANSFORMS, LABELS))


def test_labels_may_be_a_prefix():
    path, state = ours(jsgd.partition({"a": jsgd.sgd(0.1)}, {"layer": "a", "scale": "frozen"}))
    assert_close(path["layer"], ours(jsgd.sgd(0.1))[0]["layer"])
    assert_same(path["scale"], np.full(12, PARAMS["scale"]))
    assert state.hyper == state.slots == {}


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.bool])
@pytest.mark.parametrize("kind", ["float0", "its own dtype", "float32"])
def test_frozen_leaves_may_be_of_any_dtype(dtype, kind):
    """With the gradients that `jax.grad(allow_int=True)` gives them, or any others."""
    params = {"w": jnp.ones(2), "table": jnp.ones(3, dtype)}
    gradient_dtype = {"float0": jax.dtypes.float0, "its own dtype": dtype, "float32": jnp.float32}
    grads = {"w": jnp.ones(2), "table": np.zeros(3, gradient_dtype[kind])}
    opt = jsgd.partition({"on": jsgd.sgd(1.0)}, {"w": "on", "table": "frozen"})
    new, _ = opt.step(params, grads, opt.init(params))
    assert_same(new, {"w": jnp.zeros(2), "table": params["table"]})
    assert new["table"].dtype == dtype


def test_value_fn_sees_the_whole_tree():
    """A rule that asks for the loss of its own leaves is told the loss with the others in place."""

    def probe(params, grads, s, h):
        here, there = h.value_fn(params), h.value_fn(jax.tree.map(lambda x: x + 1, params))
        return params, {"seen": jnp.stack([here, there])}

    def loss(params):
        return params["a"] + 10 * params["b"]["c"] + 100 * params["d"]

    opt = jsgd.treewise(probe, slots={"seen": lambda params: jnp.zeros(2)})
    opt = jsgd.partition({"one": opt, "two": opt}, {"a": "one", "b": "two", "d": "frozen"})
    params = {"a": jnp.float32(1), "b": {"c": jnp.float32(2)}, "d": jnp.float32(3)}
    _, state = jax.jit(opt.step, static_argnames="value_fn")(
        params, params, opt.init(params), value=loss(params), value_fn=loss
    )
    assert_same(state.inner["one"].slots["seen"], jnp.array([321.0, 322.0]))
    assert_same(state.inner["two"].slots["seen"], jnp.array([321.0, 331.0]))


def test_hyperparameters_are_named_by_label():
    state = jsgd.partition({"a": jsgd.adam(0.1), "b": jsgd.sgd(0.1)}, LABELS).init(PARAMS)
    assert jsgd.get_hyper(state).keys() == {"a__lr", "b1", "b2", "eps", "b__lr"}
    state = jsgd.set_hyper(state, b__lr=0.5)
    assert_close(state.inner["b"].hyper["lr"], jnp.float32(0.5))
    with pytest.raises(ValueError, match=r"'lr' is held by several .* there are: a__lr, b__lr"):
        jsgd.set_hyper(state, lr=0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ours(jsgd.partition(OPTIMIZERS, lambda path, leaf: path[:1])),
            "the label of 'layer/bias' is 'l'; there are 'a', 'b', 'frozen'",
        ),
        (
            lambda: ours(jsgd.partition(OPTIMIZERS, {"scale": "a"})),
            "labels is a tree that is no prefix",
        ),
        (lambda: jsgd.partition({"frozen": jsgd.sgd()}, LABELS), "'frozen'.*labels other than"),
        (lambda: jsgd.partition({"a": 0.1}, LABELS), "'a': 0.1; .* map to an Optimizer"),
        (
            lambda: jsgd.partition({"m": jsgd.muon()}, lambda *_: "m").init(PARAMS),
            r"parameter 'layer/bias': muon takes 2-D leaves, and this one has shape \(2,\)",
        ),
        (
            lambda: jsgd.partition({"a": jsgd.sgd()}, lambda *_: "a").init({"n": jnp.arange(3)}),
            "parameter 'n' has dtype int32",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", [name for name in WRAPPERS if name != "partition"])
def test_every_wrapper_goes_around_frozen_integers(name):
    """What no optimizer can move passes a wrapper by, its float0 gradient too."""
    params = {"n": jnp.arange(3), "w": jnp.array([2.0, -1.0])}
    grads = {"n": np.zeros(3, jax.dtypes.float0), "w": jnp.array([0.5, 4.0])}
    if WRAPPERS[name].per_example:
        grads = jax.tree.map(lambda g: np.stack([g, g]), grads)
    variant = WRAPPERS[name].variants[0]
    opt = WRAPPERS[name].factory(
        jsgd.partition({"on": jsgd.adam(0.1)}, {"n": "frozen", "w": "on"}), **variant
    )
    alone = WRAPPERS[name].factory(jsgd.adam(0.1), **variant)
    mixed, only, state, other = params, params["w"], opt.init(params), alone.init(params["w"])

    def loss(w):
        return jnp.sum(w**4)

    def whole_loss(params):
        return loss(params["w"] * jnp.max(params["n"]).astype(float) / 2)

    for _ in range(3):
        value = {"value": loss(only)}
        mixed, state = opt.step(mixed, grads, state, **value, value_fn=whole_loss)
        only, other = alone.step(only, grads["w"], other, **value, value_fn=loss)
    np.testing.assert_array_equal(mixed["w"], only)
    np.testing.assert_array_equal(mixed["n"], params["n"])
    assert mixed["n"].dtype == params["n"].dtype
    np.testing.assert_array_equal(
        jsgd.eval_params(mixed, state)["w"], jsgd.eval_params(only, other)
    )
