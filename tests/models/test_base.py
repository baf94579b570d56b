"""`from_linen` and `from_nnx`: what is params, what is state, what changes when."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from jsgd.models import Model, from_linen, from_nnx

X = jax.random.normal(jax.random.key(7), (6, 3))
KEY = jax.random.key(0)


class LinenNet(nn.Module):
    rate: float = 0.0

    @nn.compact
    def __call__(self, x, train):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(
            nn.Dense(4, name="hidden")(x)
        )
        x = nn.Dropout(self.rate, deterministic=not train)(nn.relu(x))
        return nn.Dense(2, name="out")(x)


class NnxNet(nnx.Module):
    def __init__(self, rngs, rate=0.0):
        self.hidden = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.out = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x):
        return self.out(self.dropout(nnx.relu(self.norm(self.hidden(x)))))


def compiled(model):
    return Model(jax.jit(model.init), jax.jit(model.apply, static_argnames="train"))


def linen_net(rate=0.0):
    return compiled(from_linen(LinenNet(rate), X))


def nnx_net(rate=0.0):
    return compiled(from_nnx(lambda rngs: NnxNet(rngs, rate)))


def assert_trees_close(a, b, **tolerance):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), a, b)


def member(tree, i):
    return jax.tree.map(lambda leaf: leaf[i], tree)


def stats(model_state):
    """BatchNorm's averages, wherever the two libraries keep them."""
    return model_state.get("batch_stats", model_state)["norm"]


BOTH = pytest.mark.parametrize("make", [linen_net, nnx_net], ids=["linen", "nnx"])


@BOTH
def test_params_are_what_is_trained_and_the_state_is_the_rest(make):
    params, model_state = make().init(KEY)
    assert set(params) == {"hidden", "norm", "out"}
    assert set(stats(model_state)) == {"mean", "var"}
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves((params, model_state)))


@BOTH
def test_init_is_pure_and_maps_over_keys(make):
    keys, init = jax.random.split(KEY, 3), make().init
    mapped = jax.jit(jax.vmap(init))(keys)
    for i in range(3):
        assert_trees_close(member(mapped, i), init(keys[i]), rtol=1e-5, atol=1e-6)
    assert not np.allclose(mapped[0]["hidden"]["kernel"][0], mapped[0]["hidden"]["kernel"][1])


@BOTH
def test_training_moves_the_averages_and_evaluation_does_not(make):
    model = make()
    params, model_state = model.init(KEY)
    _, after = model.apply(params, model_state, X, train=True, key=KEY)
    hidden = X @ params["hidden"]["kernel"]
    np.testing.assert_allclose(stats(after)["mean"], 0.1 * hidden.mean(0), rtol=1e-4, atol=1e-6)
    assert jax.tree.structure(after) == jax.tree.structure(model_state)
    _, same = model.apply(params, after, X, train=False)
    assert_trees_close(same, after, rtol=0)


@BOTH
def test_averages_move_under_vmap_over_members(make):
    model = make()

    @jax.jit
    def advance(key):
        return model.apply(*model.init(key), X, train=True, key=key)

    keys = jax.random.split(KEY, 3)
    mapped = jax.jit(jax.vmap(advance))(keys)
    for i in range(3):
        assert_trees_close(member(mapped, i), advance(keys[i]), rtol=1e-4, atol=1e-5)
    assert not np.allclose(stats(mapped[1])["mean"][0], stats(mapped[1])["mean"][1])


@BOTH
def test_dropout_follows_the_key_and_sleeps_in_evaluation(make):
    model = make(0.5)
    params, model_state = model.init(KEY)

    def train(seed):
        return model.apply(params, model_state, X, train=True, key=jax.random.key(seed))[0]

    assert_trees_close(train(1), train(1), rtol=0)
    assert not np.allclose(train(1), train(2))
    whole = make(0.0)
    assert_trees_close(
        model.apply(params, model_state, X, train=False)[0],
        whole.apply(params, model_state, X, train=False)[0],
        rtol=0,
    )


@BOTH
def test_one_compiled_step_scans(make):
    model = make(0.5)

    def step(carry, key):
        params, model_state = carry
        y, model_state = model.apply(params, model_state, X, train=True, key=key)
        return (params, model_state), y.mean()

    (_, after), _ = jax.lax.scan(step, model.init(KEY), jax.random.split(KEY, 4))
    assert not np.allclose(stats(after)["mean"], 0.0)


def test_nnx_and_linen_agree():
    linen, by_nnx = linen_net(), nnx_net()
    params, linen_state = linen.init(KEY)
    _, nnx_state = by_nnx.init(KEY)
    for _ in range(3):
        y, linen_state = linen.apply(params, linen_state, X, train=True, key=KEY)
        z, nnx_state = by_nnx.apply(params, nnx_state, X, train=True, key=KEY)
        np.testing.assert_allclose(y, z, rtol=1e-5, atol=1e-5)
        assert_trees_close(stats(linen_state), stats(nnx_state), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        linen.apply(params, linen_state, X, train=False)[0],
        by_nnx.apply(params, nnx_state, X, train=False)[0],
        rtol=1e-5,
        atol=1e-5,
    )


def test_each_nnx_stream_is_seeded_apart():
    class Twice(nnx.Module):
        def __init__(self, rngs):
            self.first, self.second = (nnx.Dropout(0.5, rngs=rngs) for _ in range(2))

        def __call__(self, x):
            return jnp.stack([self.first(x), self.second(x)])

    params, model_state = (model := from_nnx(Twice)).init(KEY)
    assert params == {}
    assert model_state == {}
    first, second = model.apply(params, model_state, jnp.ones(64), train=True, key=KEY)[0]
    assert not np.array_equal(first, second)


def test_nnx_training_without_a_key_is_refused():
    model = nnx_net(0.5)
    with pytest.raises(ValueError, match="pass key="):
        model.apply(*model.init(KEY), X, train=True)


@pytest.mark.parametrize(
    "module",
    [nn.Dense(2), nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(2)])],
    ids=["dense", "seq"],
)
def test_modules_without_a_mode(module):
    model = compiled(from_linen(module, X))
    params, model_state = model.init(KEY)
    assert model_state == {}
    assert model.apply(params, model_state, X, train=True)[0].shape == (6, 2)


@pytest.mark.parametrize("name", ["train", "deterministic", "use_running_average"])
def test_the_mode_goes_by_the_name_that_the_module_gives_it(name):
    class Says(nn.Module):
        def __call__(self, x, **mode):
            return mode

    # the signature is what is read
    namespace = {}
    exec(f"def __call__(self, x, {name}): return {name}", namespace)
    says = type("Says", (nn.Module,), {"__call__": namespace["__call__"]})()
    model = from_linen(says, X)
    said = [model.apply({}, {}, X, train=train)[0] for train in (True, False)]
    assert said == ([True, False] if name == "train" else [False, True])


def test_the_hyper_collection_is_read_only_in_training():
    class Writes(nn.Module):
        @nn.compact
        def __call__(self, x):
            scale = self.variable("hyper", "scale", jnp.ones, ())
            if not self.is_initializing():
                scale.value = scale.value + 1
            return x

    model = from_linen(Writes(), X)
    with pytest.raises(Exception, match="immutable"):
        model.apply(*model.init(KEY), X, train=True)


def test_a_shape_is_example_enough():
    example = jax.ShapeDtypeStruct((1, 3), jnp.float32)
    assert_trees_close(
        from_linen(nn.Dense(2), example).init(KEY), from_linen(nn.Dense(2), X).init(KEY)
    )


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: from_linen(NnxNet(nnx.Rngs(0)), X), "from_nnx"),
        (lambda: from_linen(nn.Dense(2), (1, 3)), "ShapeDtypeStruct"),
        (lambda: from_nnx(NnxNet(nnx.Rngs(0))), "function"),
    ],
)
def test_misuse_says_what_to_do(build, says):
    with pytest.raises(ValueError, match=says):
        build()


def test_a_model_is_a_pair():
    model = linen_net()
    assert isinstance(model, Model)
    init, apply = model
    assert (init, apply) == (model.init, model.apply)
