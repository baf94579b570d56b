"""Fine-tuning: what is kept and what is fresh, and how fast each layer moves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jsgd
from jsgd.data import Dataset
from jsgd.models import CNN, MLP, from_linen
from jsgd.train import classification, layer_names, layerwise_lr, make_run, pretrained

X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
Y = np.arange(12, dtype=np.int32) % 3
DATA = Dataset((X, Y), (X, Y), 3)
PICTURES = jax.ShapeDtypeStruct((1, 4, 4, 1), jnp.float32)
LAYERS = ("dense0", "dense1", "out")


def mlp(outputs=3, dropout=0.0):
    return from_linen(MLP(outputs, features=(5, 5), dropout_rate=dropout), X)


@pytest.fixture(scope="module")
def weights():
    return jax.jit(mlp(outputs=7, dropout=0.5).init)(jax.random.key(9))


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_weights_are_kept_and_what_is_fresh_is_the_models(weights):
    new = mlp()
    params, _ = jax.jit(pretrained(new, *weights, fresh="out").init)(jax.random.key(1))
    assert_equal(params, weights[0] | {"out": jax.jit(new.init)(jax.random.key(1))[0]["out"]})


def test_hyperparameters_are_the_models(weights):
    _, state = pretrained(mlp(dropout=0.25), *weights, fresh=["out"]).init(jax.random.key(1))
    assert float(state["hyper"]["dropout"]) == 0.25


def test_the_state_is_kept_if_it_is_given():
    net = from_linen(nn.BatchNorm(), X)
    params, held = net.init(jax.random.key(0))
    moved = jax.tree.map(lambda x: x + 2, held)
    assert_equal(pretrained(net, params, moved).init(jax.random.key(1))[1], moved)
    assert_equal(pretrained(net, params).init(jax.random.key(1))[1], held)


def test_init_scale_is_of_what_is_fresh(weights):
    problem = classification(pretrained(mlp(), *weights, fresh=("out",)), DATA)
    one, _ = problem.init(jax.random.key(1), problem.hyper)
    two, _ = problem.init(jax.random.key(1), problem.hyper | {"init_scale": 2.0})
    assert_equal(two, one | {"out": one["out"] | {"kernel": 2 * one["out"]["kernel"]}})


def test_training_gives_the_weights_to_nobody(weights):
    """Neither to a run that donates its carry, nor to one that fits another head."""
    problem = classification(pretrained(mlp(), *weights, fresh=("out",)), DATA)
    run = make_run(problem, jsgd.sgd(0.1), batch_size=None)
    carry = run.init(jax.random.key(0), {})
    jax.block_until_ready(jax.jit(run.advance, donate_argnums=0)(carry))
    assert carry.params["dense0"]["kernel"].is_deleted()
    assert not any(x.is_deleted() for x in jax.tree.leaves(weights))


@pytest.mark.parametrize(
    ("fresh", "says"),
    [
        ((), r"'out/bias' is float32\[7\], not float32\[3\].*fresh=\('head', ...\)"),
        (("outs",), "fresh: there is no path 'outs': did you mean 'out'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, fresh, says):
    with pytest.raises(ValueError, match=says):
        pretrained(mlp(), *weights, fresh=fresh)


def test_layers_are_in_the_order_of_the_network():
    assert layer_names(mlp()) == list(LAYERS)
    net = from_linen(CNN(3, features=(2, 2), hidden=2, norm="group"), PICTURES)
    assert layer_names(net) == ["conv0", "norm0", "conv1", "norm1", "dense", "out"]


def test_rates_fall_towards_the_input(weights):
    rates = layerwise_lr(weights[0], 0.8, 0.5, LAYERS)
    assert rates == {
        name: dict.fromkeys(("kernel", "bias"), rate)
        for name, rate in zip(LAYERS, (0.2, 0.4, 0.8), strict=True)
    }


def test_a_leaf_is_of_the_first_layer_that_it_fits(weights):
    rates = layerwise_lr(weights[0], 1.0, 0.5, ("*0", "*/bias", "*"))
    assert rates["dense0"] == {"kernel": 0.25, "bias": 0.25}
    assert rates["out"] == {"kernel": 1.0, "bias": 0.5}


@pytest.mark.parametrize("lr", [0.1, jsgd.schedules.linear(0.1, 0.0, 20)], ids=["number", "linear"])
def test_layers_thaw_one_after_another(weights, lr):
    params, _ = weights
    opt = jsgd.sgd(layerwise_lr(params, lr, 0.5, LAYERS, thaw_every=2))

    def step(carry, _):
        new, state = opt.step(carry[0], jax.tree.map(jnp.ones_like, params), carry[1])
        return (new, state), {name: (carry[0][name]["bias"] - new[name]["bias"])[0] for name in new}

    _, moved = jax.lax.scan(step, (params, opt.init(params)), length=6)
    rate = np.array([lr(t) if callable(lr) else lr for t in range(6)])
    for name, above in zip(LAYERS, (2, 1, 0), strict=True):
        wanted = rate * 0.5**above * (np.arange(6) >= 2 * above)
        np.testing.assert_allclose(moved[name], wanted, atol=1e-7)


def test_rate_and_decay_are_swept_in_one_program(weights):
    """As the same run with numbers, and with a body that does not move where the decay is 0."""
    model = pretrained(mlp(), *weights, fresh=("out",))
    run = make_run(classification(model, DATA), jsgd.sgd(), batch_size=None)

    @jax.jit
    def init(lr, decay):
        rates = layerwise_lr(weights[0], lr, decay, LAYERS)
        return run.init(jax.random.key(0), {"lr": rates})

    lr, decay = jnp.array([0.1, 0.2]), jnp.array([0.0, 0.5])
    carries, _ = jax.jit(jax.vmap(run.advance))(jax.vmap(init)(lr, decay))
    alone, _ = jax.jit(run.advance)(init(0.2, 0.5))
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x[1], y, rtol=1e-5, atol=1e-6),
        carries.params,
        alone.params,
    )
    first = jax.tree.map(lambda x: x[0], carries.params)
    assert_equal(first["dense0"], weights[0]["dense0"])
    assert not np.array_equal(first["out"]["bias"], np.zeros(3))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"layers": ("dense0", "out")}, "layers: 'dense1/bias' is in none of dense0, out"),
        ({"layers": ("dense*", "dense1", "out")}, "layers: 'dense1' has no leaf"),
        ({"decay": -0.5}, "decay = -0.5: it must be at least 0"),
        ({"thaw_every": -1}, "thaw_every = -1: it must be at least 0"),
    ],
)
def test_what_is_impossible_is_refused(weights, how, says):
    with pytest.raises(ValueError, match=says):
        layerwise_lr(weights[0], **{"lr": 0.1, "decay": 0.5, "layers": LAYERS} | how)
