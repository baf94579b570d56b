"""Statistics of batches in a run: carried, used by the test, estimated for averaged parameters."""

from functools import cache
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx

import jsgd
from jsgd.models import from_linen, from_nnx
from jsgd.train import classification, make_run, settle

KEY = jax.random.key(0)
X = 3 * jax.random.normal(KEY, (32, 2)) + 1
DATA = SimpleNamespace(train=(X, jnp.arange(32) % 2), test=(X[:8], jnp.arange(8) % 2), n_classes=2)


class Net(nn.Module):
    momentum: float = 0.9

    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(3, name="hidden")(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=self.momentum, name="norm")(x)
        return nn.Dense(2, name="out")(nn.relu(x))


class NnxNet(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(2, 3, rngs=rngs)
        self.norm = nnx.BatchNorm(3, momentum=0.99, rngs=rngs)
        self.out = nnx.Linear(3, 2, rngs=rngs)
        self.calls = nnx.Variable(jnp.int32(0))

    def __call__(self, x):
        self.calls[...] += 1
        return self.out(nnx.relu(self.norm(self.hidden(x))))


MODELS = {
    "linen": from_linen(Net(), X),
    "forgetful": from_linen(Net(momentum=0.0), X),  # its averages are those of the last batch
    "nnx": from_nnx(NnxNet),
}


@cache
def one_epoch(name, opt, **how):
    """The carry and the metrics of an epoch, in the order of the data."""
    run = make_run(classification(MODELS[name], DATA), opt, shuffle=False, **how)
    return jax.jit(run.advance)(jax.jit(run.init)(KEY, {}))


def held(carry):
    """The averages of the only norm, whether Linen or NNX holds them."""
    state = carry.model_state
    return state.get("batch_stats", state)["norm"]


def of_batches(params, size):
    """Mean and variance of what the norm sees, as means over batches."""
    layer = params["hidden"]
    batches = (X @ layer["kernel"] + layer["bias"][None]).reshape(-1, size, 3)
    return {"mean": batches.mean((0, 1)), "var": batches.var(1).mean(0)}


def assert_close(some, others):
    assert set(some) == set(others)
    for name, x in some.items():
        np.testing.assert_allclose(x, others[name], rtol=2e-4, atol=1e-5)


PLAIN = jsgd.sgd(0.5)
AVERAGED = jsgd.swa(PLAIN)


@pytest.mark.parametrize(
    ("name", "how"),
    [("linen", {}), ("forgetful", {"microbatch": 8}), ("nnx", {})],
)
def test_an_epoch_leaves_averaged_parameters_with_the_statistics_of_its_batches(name, how):
    carry, _ = one_epoch(name, AVERAGED, batch_size=16, **how)
    params = jsgd.eval_params(carry.params, carry.opt_state)
    size = how.get("microbatch", 16)
    assert_close(held(carry), of_batches(params, size))
    apart = held(carry)["mean"] - of_batches(carry.params, size)["mean"]
    assert abs(apart).max() > 1e-3


def test_other_state_is_as_training_left_it():
    carry, _ = one_epoch("nnx", AVERAGED, batch_size=16)
    assert carry.model_state["calls"] == 2


def test_the_test_of_averaged_parameters_has_statistics_of_them():
    carry, metrics = one_epoch("linen", AVERAGED, batch_size=16)
    params = jsgd.eval_params(carry.params, carry.opt_state)
    state = {"batch_stats": {"norm": of_batches(params, 16)}}
    logits, _ = MODELS["linen"].apply(params, state, DATA.test[0])
    loss = optax.losses.softmax_cross_entropy_with_integer_labels(logits, DATA.test[1]).mean()
    np.testing.assert_allclose(metrics["test_loss"], loss, rtol=1e-4)


def test_without_an_average_they_are_those_that_training_left():
    carry, _ = one_epoch("linen", PLAIN, batch_size=16)
    trail = np.abs(held(carry)["mean"] / of_batches(carry.params, 16)["mean"])
    assert trail.max() < 0.5  # two steps of 0.1 from 0


def test_averages_of_the_parameters_do_not_change_what_is_trained():
    plain, averaged = (one_epoch("linen", opt, batch_size=16)[0] for opt in (PLAIN, AVERAGED))
    jax.tree.map(np.testing.assert_array_equal, plain.params, averaged.params)


def test_averages_that_never_move_stay():
    frozen = settle(lambda state, batch: state, {"norm": {"mean": jnp.ones(2)}}, jnp.zeros(3))
    np.testing.assert_array_equal(frozen["norm"]["mean"], 1)


def test_optimizers_see_no_statistics():
    run = make_run(classification(MODELS["linen"], DATA), jsgd.adamw(1e-2), batch_size=16)
    carry = jax.eval_shape(run.init, KEY, {})
    assert set(carry.params["norm"]) == set(carry.opt_state.slots["mu"]["norm"])
    assert set(carry.params["norm"]) == {"scale", "bias"}
    assert set(carry.model_state) == {"batch_stats"}


def test_parts_of_a_batch_leave_the_mean_of_their_statistics():
    carry, _ = one_epoch("forgetful", jsgd.sgd(0.0), batch_size=32, microbatch=16)
    assert_close(held(carry), of_batches(carry.params, 16))


def test_members_of_a_sweep_have_statistics_of_their_own():
    run = make_run(classification(MODELS["linen"], DATA), jsgd.ema(jsgd.sgd(0.1)), batch_size=16)
    go = jax.jit(jax.vmap(lambda lr: run.advance(run.init(KEY, {"lr": lr}))))
    together = held(go(jnp.asarray([0.1, 1.0]))[0])
    alone = held(jax.jit(run.advance)(jax.jit(run.init)(KEY, {"lr": 1.0}))[0])
    assert_close(jax.tree.map(lambda x: x[1], together), alone)
    assert not np.allclose(*together["mean"])


def test_init_scale_is_of_kernels_alone():
    problem = classification(from_linen(Net(), X), DATA)
    one, two = (problem.init(KEY, problem.hyper | {"init_scale": s})[0] for s in (1.0, 2.0))
    np.testing.assert_array_equal(2 * one["hidden"]["kernel"], two["hidden"]["kernel"])
    np.testing.assert_array_equal(one["norm"]["scale"], two["norm"]["scale"])
