"""Our own networks: shapes, the dropout that is data, the pool, and what they learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from jsgd.data import digits
from jsgd.models import CNN, MLP, REGISTRY, from_linen
from jsgd.models.cnn import max_pool
from jsgd.models.dropout import dropout

KEY = jax.random.key(0)
IMAGE = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float32)
X = jax.random.uniform(KEY, (5, 8, 8, 1))


@pytest.mark.parametrize("name", REGISTRY)
def test_every_network_maps_images_to_outputs(name):
    model = REGISTRY[name](IMAGE, outputs=3)
    params, model_state = jax.jit(model.init)(KEY)
    apply = jax.jit(model.apply, static_argnames="train")
    for train in (True, False):
        y, after = apply(params, model_state, X, train=train, key=KEY)
        assert y.shape == (5, 3)
        assert y.dtype == jnp.float32
        assert jax.tree.structure(after) == jax.tree.structure(model_state)


def test_registry_options_are_the_fields_of_the_network():
    model = REGISTRY["cnn"](IMAGE, 10, features=(4,), dropout_rate=0.25)
    params, model_state = jax.jit(model.init)(KEY)
    assert params["conv0"]["kernel"].shape == (3, 3, 1, 4)
    assert "conv1" not in params
    assert model_state["hyper"]["dropout"] == 0.25


@pytest.mark.parametrize("network", [MLP, CNN])
def test_dropout_is_data_under_vmap(network):
    model = from_linen(network(outputs=3), IMAGE)
    params, _ = jax.jit(model.init)(KEY)
    rates = jnp.asarray([0.0, 0.5], jnp.float32)

    def train(rate):
        return model.apply(params, {"hyper": {"dropout": rate}}, X, train=True, key=KEY)

    y, after = jax.jit(jax.vmap(train))(rates)
    plain = jax.jit(model.apply)(params, {"hyper": {"dropout": rates[1]}}, X)[0]
    np.testing.assert_allclose(y[0], plain, rtol=1e-5, atol=1e-5)
    assert not np.allclose(y[1], plain, atol=1e-3)
    np.testing.assert_array_equal(after["hyper"]["dropout"], rates)


def test_dropout_at_zero_is_the_identity_and_keeps_the_mean():
    x = jax.random.normal(KEY, (200, 200)) + 3
    np.testing.assert_array_equal(dropout(x, jnp.float32(0.0), KEY), x)
    half = dropout(x, jnp.float32(0.25), jax.random.key(1))
    assert abs(float((half == 0).mean()) - 0.25) < 0.01
    assert abs(float(half.mean() / x.mean()) - 1) < 0.01
    np.testing.assert_allclose(half[half != 0], x[half != 0] / 0.75, rtol=1e-6)


def test_dropout_drops_infinities_without_nan_and_keeps_the_dtype():
    x = jnp.full((64,), jnp.inf, jnp.bfloat16)
    y = dropout(x, jnp.float32(0.5), KEY)
    assert y.dtype == jnp.bfloat16
    assert not jnp.isnan(y).any()
    assert (y == 0).any()


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_bad_rate_is_refused(rate):
    with pytest.raises(ValueError, match=r"dropout_rate must be in \[0, 1\)"):
        from_linen(MLP(outputs=3, dropout_rate=rate), IMAGE).init(KEY)


def test_a_small_image_is_refused():
    with pytest.raises(ValueError, match="at least 16"):
        from_linen(CNN(outputs=3, features=(4, 4, 4, 4)), IMAGE).init(KEY)


@pytest.mark.parametrize(("size", "window"), [((8, 6), (2, 2)), ((6, 9), (2, 3)), ((7, 8), (2, 2))])
def test_pool_has_the_value_and_the_gradient_of_lax_at_ties_too(size, window):
    x = jax.random.randint(KEY, (3, *size, 5), 0, 3).astype(jnp.float32)  # ties everywhere

    def stock(x):
        return nn.max_pool(x, window, window)

    @jax.jit
    def run(x):
        y, pull = jax.vjp(lambda x: max_pool(x, window), x)
        z, stock_pull = jax.vjp(stock, x)
        weight = jax.random.normal(KEY, y.shape)
        return (y, *pull(weight)), (z, *stock_pull(weight))

    for a, b in zip(*run(x), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_pool_keeps_nan(place):
    x = jnp.zeros((1, 2, 2, 1)).at[0, place[0], place[1], 0].set(jnp.nan)
    assert jnp.isnan(max_pool(x, (2, 2))).all()


def test_stock_and_own_convolutions_make_the_same_network():
    ours, stock = (
        from_linen(CNN(outputs=10, **form), IMAGE)
        for form in ({}, {"conv_general_dilated": lax.conv_general_dilated})
    )
    params, model_state = jax.jit(ours.init)(KEY)

    def slope(model, params):
        return jax.grad(lambda p: (model.apply(p, model_state, X)[0] ** 2).sum())(params)

    slopes = jax.jit(lambda params: [slope(model, params) for model in (ours, stock)])(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), *slopes)


def accuracy_after(model, epochs, lr, batch=48):
    """Test accuracy on digits after SGD with momentum 0.9, written out here."""
    data = digits()
    (x, y), (x_test, y_test) = jax.tree.map(jnp.asarray, (data.train, data.test))
    params, model_state = jax.jit(model.init)(KEY)
    steps = len(x) // batch

    def loss(params, rows, key):
        logits, _ = model.apply(params, model_state, x[rows], train=True, key=key)
        return -jnp.take_along_axis(nn.log_softmax(logits), y[rows][:, None], 1).mean()

    def step(carry, inputs):
        params, trace = carry
        slope = jax.grad(loss)(params, *inputs)
        trace = jax.tree.map(lambda m, g: 0.9 * m + g, trace, slope)
        return (jax.tree.map(lambda p, m: p - lr * m, params, trace), trace), None

    @jax.jit
    def train(params):
        keys = jax.random.split(KEY, epochs)
        rows = jax.vmap(lambda key: jax.random.permutation(key, len(x))[: steps * batch])(keys)
        rows = rows.reshape(epochs * steps, batch)
        carry = params, jax.tree.map(jnp.zeros_like, params)
        return lax.scan(step, carry, (rows, jax.random.split(KEY, epochs * steps)))[0][0]

    logits, _ = jax.jit(model.apply)(train(params), model_state, x_test)
    return float((logits.argmax(-1) == y_test).mean())


@pytest.mark.parametrize(
    ("name", "epochs", "lr", "least"),
    [("cnn", 20, 0.05, 0.98), ("mlp", 20, 0.05, 0.96), ("logistic", 20, 0.1, 0.94)],
)
def test_networks_learn_the_digits(name, epochs, lr, least):
    assert accuracy_after(REGISTRY[name](IMAGE, outputs=10), epochs, lr) >= least
