"""Statistics of batches in a run: carried, used by the test, restated for averaged parameters."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

import jsgd
from jsgd.models import from_linen, from_nnx
from jsgd.train import classification, make_run

KEY = jax.random.key(0)
X = 3 * jax.random.normal(KEY, (32, 2)) + 1
DATA = SimpleNamespace(train=(X, jnp.arange(32) % 2), test=(X[:8], jnp.arange(8) % 2), n_classes=2)


class Net(nn.Module):
    momentum: float = 0.0  # the statistics are those of the last batch

    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(3, name="hidden")(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=self.momentum, name="norm")(x)
        return nn.Dense(2, name="out")(nn.relu(x))


def nnx_net(rngs):
    return nnx.Sequential(
        nnx.Linear(2, 3, rngs=rngs),
        nnx.BatchNorm(3, momentum=0.0, rngs=rngs),
        nnx.relu,
        nnx.Linear(3, 2, rngs=rngs),
    )


MODELS = pytest.mark.parametrize(
    "model", [from_linen(Net(), X), from_nnx(nnx_net)], ids=["linen", "nnx"]
)


def one_epoch(model, opt, hyper=None, **how):
    problem = classification(model, DATA)
    run = make_run(problem, opt, shuffle=False, **how)
    return problem, jax.jit(run.advance)(jax.jit(run.init)(KEY, hyper or {}))


def evaluated(problem, params, carry, anew=False):
    """The test loss with the statistics of the carry, or with those of the last batch of 16."""

    @jax.jit
    def evaluate(params, state):
        last = jax.tree.map(lambda x: x[16:], problem.train)
        if anew:
            _, (_, state) = problem.loss(params, state, last, carry.hyper, train=True, key=KEY)
        return problem.loss(params, state, problem.test, carry.hyper, train=False, key=KEY)[0]

    return float(evaluate(params, carry.model_state))


@MODELS
def test_the_test_of_averaged_parameters_has_statistics_of_them(model):
    problem, (carry, metrics) = one_epoch(model, jsgd.swa(jsgd.sgd(0.5)), batch_size=16)
    params = jsgd.eval_params(carry.params, carry.opt_state)
    anew, stale = (evaluated(problem, params, carry, anew) for anew in (True, False))
    np.testing.assert_allclose(metrics["test_loss"], anew, rtol=2e-5)
    assert abs(stale - anew) > 1e-4


def test_the_test_of_the_parameters_themselves_has_the_statistics_that_training_left():
    problem, (carry, metrics) = one_epoch(from_linen(Net(), X), jsgd.sgd(0.5), batch_size=16)
    left, anew = (evaluated(problem, carry.params, carry, anew) for anew in (False, True))
    np.testing.assert_allclose(metrics["test_loss"], left, rtol=2e-5)
    assert abs(left - anew) > 1e-4


def test_optimizers_see_no_statistics():
    _, (carry, _) = one_epoch(from_linen(Net(), X), jsgd.adamw(1e-2), batch_size=16)
    assert set(carry.params["norm"]) == set(carry.opt_state.slots["mu"]["norm"])
    assert set(carry.params["norm"]) == {"scale", "bias"}
    assert set(carry.model_state) == {"batch_stats"}


def test_parts_of_a_batch_leave_the_mean_of_their_statistics():
    model = from_linen(Net(), X)
    _, (carry, _) = one_epoch(model, jsgd.sgd(0.0), batch_size=32, microbatch=16)
    params, _ = model.init(jax.random.split(KEY)[1])
    hidden = X @ params["hidden"]["kernel"]
    held = carry.model_state["batch_stats"]["norm"]
    np.testing.assert_allclose(held["mean"], hidden.mean(0), rtol=1e-4, atol=1e-5)
    halves = (hidden[:16].var(0) + hidden[16:].var(0)) / 2
    np.testing.assert_allclose(held["var"], halves, rtol=2e-5)


def test_members_of_a_sweep_have_statistics_of_their_own():
    run = make_run(classification(from_linen(Net(0.9), X), DATA), jsgd.sgd(0.1), batch_size=16)
    go = jax.jit(jax.vmap(lambda lr: run.advance(run.init(KEY, {"lr": lr}))))
    held = go(jnp.asarray([0.1, 1.0]))[0].model_state["batch_stats"]["norm"]["mean"]
    alone, _ = jax.jit(run.advance)(run.init(KEY, {"lr": 1.0}))
    mean = alone.model_state["batch_stats"]["norm"]["mean"]
    np.testing.assert_allclose(held[1], mean, rtol=1e-4, atol=1e-5)
    assert not np.allclose(held[0], held[1])


def test_init_scale_is_of_kernels_alone():
    problem = classification(from_linen(Net(), X), DATA)
    one, two = (problem.init(KEY, problem.hyper | {"init_scale": s})[0] for s in (1.0, 2.0))
    np.testing.assert_array_equal(2 * one["hidden"]["kernel"], two["hidden"]["kernel"])
    np.testing.assert_array_equal(one["norm"]["scale"], two["norm"]["scale"])
