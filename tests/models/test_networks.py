"""Our own networks: shapes, options, the dropout that is data, the pool, and what they learn."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from jsgd.data import digits
from jsgd.models import CNN, MLP, REGISTRY, ResNet, from_linen
from jsgd.models.cnn import max_pool
from jsgd.models.dropout import dropout
from jsgd.models.initialisers import initialiser
from jsgd.models.norm import norm

KEY = jax.random.key(0)
IMAGE = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float32)
X = jax.random.uniform(KEY, (5, 8, 8, 1))


class Norm(nn.Module):
    kind: str

    @nn.compact
    def __call__(self, x, train):
        return norm(x, self.kind, train, name="norm")


@cache
def shapes(name):
    """A network, and the shapes of its parameters and its state."""
    model = REGISTRY[name](IMAGE, outputs=3)
    return model, *jax.eval_shape(model.init, KEY)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", REGISTRY)
def test_every_network_maps_images_to_outputs(name, train):
    model, params, model_state = shapes(name)
    apply = partial(model.apply, train=train, key=KEY)
    y, after = jax.eval_shape(apply, params, model_state, X)
    assert (y.shape, y.dtype) == ((5, 3), jnp.float32)
    assert jax.tree.structure(after) == jax.tree.structure(model_state)


def test_registry_options_are_the_fields_of_the_network():
    model = REGISTRY["cnn"](IMAGE, 10, features=(4,), dropout_rate=0.25)
    params, model_state = jax.jit(model.init)(KEY)
    assert params["conv0"]["kernel"].shape == (3, 3, 1, 4)
    assert "conv1" not in params
    assert model_state["hyper"]["dropout"] == 0.25


@pytest.mark.parametrize("kind", ["group", "none"])
def test_only_batch_norm_is_model_state(kind):
    _, held = jax.eval_shape(REGISTRY["resnet20"](IMAGE, 3).init, KEY)
    assert set(held) == {"batch_stats"}
    assert jax.eval_shape(REGISTRY["resnet20"](IMAGE, 3, norm=kind).init, KEY)[1] == {}


def test_group_norm_is_of_one_image_at_most_sixteen_channels_at_a_time():
    x = 5 * jax.random.normal(KEY, (2, 3, 3, 32)) + 2
    module = Norm("group")
    y = module.apply(module.init(KEY, x, train=True), x, train=True)
    groups = np.asarray(y).reshape(2, 9, 2, 16)
    np.testing.assert_allclose(groups.mean((1, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(groups.var((1, 3)), 1, rtol=1e-4)


@pytest.mark.parametrize(
    "network", [ResNet(3, blocks=(1,), width=4), CNN(3, features=(4,), norm="group")]
)
def test_members_of_a_population_are_the_networks_alone(network):
    model = from_linen(network, IMAGE)
    params, model_state = jax.jit(model.init)(KEY)
    params = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), params)
    train = partial(model.apply, x=X, train=True, key=KEY)
    mapped = jax.jit(jax.vmap(train, in_axes=(0, None)))(params, model_state)
    one = jax.jit(train)(jax.tree.map(lambda p: p[1], params), model_state)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-3, atol=1e-4), mapped, one
    )


def test_a_residual_network_without_norm_begins_as_its_shortcuts():
    model = from_linen(ResNet(3, blocks=(1,), width=4, norm="none"), IMAGE)
    params, _ = jax.jit(model.init)(KEY)
    assert not params["stage0_block0"]["conv1"]["kernel"].any()
    assert params["stage0_block0"]["conv0"]["kernel"].any()


def test_width_and_depth_make_the_features_of_a_cnn():
    by_width = REGISTRY["cnn"](IMAGE, 3, width=8, depth=3)
    by_features = REGISTRY["cnn"](IMAGE, 3, features=(8, 16, 32))
    a, b = (jax.eval_shape(model.init, KEY)[0] for model in (by_width, by_features))
    assert jax.tree.map(jnp.shape, a) == jax.tree.map(jnp.shape, b)


def test_average_pooling_leaves_the_channels():
    model = REGISTRY["cnn"](IMAGE, 3, pool="average")
    assert jax.eval_shape(model.init, KEY)[0]["dense"]["kernel"].shape == (32, 64)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("cnn", {"pool": "max"}, "pool = 'max': it must be one of flatten, average"),
        ("cnn", {"norm": "layer"}, "norm = 'layer': it must be one of batch, group, none"),
        ("mlp", {"initialiser": "xavier"}, "initialiser = 'xavier': it must be one of he, glorot"),
        ("resnet18", {"stem": "tiny"}, "stem = 'tiny': it must be one of auto, large, small"),
        ("resnet20", {"shortcut": "A"}, "shortcut = 'A': it must be one of projection, pad"),
        ("wideresnet", {"depth": 12}, "depth = 12: it must be 10, 16, 22"),
    ],
)
def test_a_bad_option_is_refused(name, options, says):
    with pytest.raises(ValueError, match=says):
        jax.eval_shape(REGISTRY[name](IMAGE, 3, **options).init, KEY)


def test_lenet_refuses_large_images():
    with pytest.raises(ValueError, match="at most 32"):
        jax.eval_shape(REGISTRY["lenet"](jnp.zeros((1, 33, 8, 1)), 3).init, KEY)


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("he", (2 / 576) ** 0.5),
        ("glorot", (2 / (576 + 1152)) ** 0.5),
        ("lecun", (1 / 576) ** 0.5),
        ("orthogonal", (1 / 576) ** 0.5),
        ("normal", 0.01),
    ],
)
def test_an_initialiser_has_the_published_deviation(name, deviation):
    kernel = initialiser(name)(KEY, (3, 3, 64, 128))
    np.testing.assert_allclose(kernel.std(), deviation, rtol=0.02)
    if name == "orthogonal":
        matrix = kernel.reshape(-1, 128)
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(128), atol=1e-5)


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
