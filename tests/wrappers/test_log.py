"""The numbers of a step, against NumPy, wherever they lie in a nest and however it is mapped."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import NOISE, PARAMS, STEPS, assert_close, gradient, ours

import jsgd


def norm(params):
    leaves = (np.asarray(x, complex).ravel() for x in jax.tree.leaves(params))
    return np.linalg.norm(np.concatenate(list(leaves)))


def test_numbers_of_every_step():
    """Under a schedule; stacked by a scan."""
    opt = jsgd.log_metrics(jsgd.adam(jsgd.schedules.cosine(0.1, STEPS)))

    def body(carry, noise):
        params, state = opt.step(carry[0], gradient(carry[0], noise), carry[1])
        return (params, state), (params, jsgd.metrics(state))

    _, (path, seen) = jax.lax.scan(body, (PARAMS, opt.init(PARAMS)), NOISE)
    cosine, before = optax.cosine_decay_schedule(0.1, STEPS), PARAMS
    for t in range(STEPS):
        noise, after = (jax.tree.map(lambda x, t=t: x[t], tree) for tree in (NOISE, path))
        expected = {
            "grad_norm": norm(gradient(before, noise)),
            "lr": cosine(t),
            "param_norm": norm(after),
            "update_norm": norm(jax.tree.map(lambda a, b: a - b, after, before)),
        }
        assert_close(jax.tree.map(lambda x, t=t: x[t], seen), expected)
        before = after


def test_under_vmap_one_of_each_a_member():
    opt = jsgd.log_metrics(jsgd.sgd(0.1))
    states = jax.vmap(lambda lr: jsgd.set_hyper(opt.init(PARAMS), lr=lr))(jnp.array([0.1, 0.2]))
    _, states = jax.vmap(opt.step, (None, None, 0))(PARAMS, PARAMS, states)
    seen = jsgd.metrics(states)
    assert_close(seen["lr"], jnp.array([0.1, 0.2]))
    assert_close(seen["update_norm"], norm(PARAMS) * np.array([0.1, 0.2]))
    assert_close(seen["grad_norm"], np.full(2, norm(PARAMS)))


def test_halves_and_complex_numbers():
    """Norms are summed in float32, and the change of a half is not lost before it is measured."""
    params = {"h": jnp.full(10_000, 1.0, jnp.bfloat16), "z": jnp.array([3 + 4j], jnp.complex64)}
    opt = jsgd.log_metrics(jsgd.sgd(0.5))
    seen = jsgd.metrics(opt.step(params, params, opt.init(params))[1])
    assert_close(seen["grad_norm"], np.sqrt(10_025))
    assert_close(seen["update_norm"], np.sqrt(10_025) / 2)
    assert all(x.dtype == jnp.float32 for x in seen.values())


@pytest.mark.parametrize(
    "opt",
    [
        jsgd.partition(
            {"a": jsgd.sgd(0.1), "b": jsgd.sgd(0.2)}, lambda path, _: "ab"[len(path) > 5]
        ),
        jsgd.sgd({"layer": 0.1, "scale": 0.2}),
        jsgd.elementwise(lambda p, g, s, h: (p - g, {})),
    ],
    ids=["several", "a tree", "none"],
)
def test_no_one_learning_rate(opt):
    assert np.isnan(jsgd.metrics(ours(jsgd.log_metrics(opt))[1])["lr"])


def test_found_in_a_nest():
    """Behind wrappers by plain names; where there are several, by their paths."""
    inside = jsgd.ema(jsgd.clip_by_global_norm(jsgd.log_metrics(jsgd.sgd(0.1)), 0.5))
    assert_close(jsgd.metrics(ours(inside)[1])["grad_norm"], np.float32(0.5))
    both = jsgd.log_metrics(inside)
    seen = jsgd.metrics(ours(both)[1])
    assert len(seen) == 8
    assert_close(seen["inner__grad_norm"], np.float32(0.5))
    assert seen["outer__grad_norm"] > 3
    arms = {"a": jsgd.log_metrics(jsgd.sgd(0.1)), "b": jsgd.log_metrics(jsgd.sgd(0.2))}
    seen = jsgd.metrics(ours(jsgd.partition(arms, {"layer": "a", "scale": "b"}))[1])
    assert_close((seen["a__lr"], seen["b__lr"]), (np.float32(0.1), np.float32(0.2)))


def test_without_it_there_are_none():
    assert jsgd.metrics(jsgd.adam().init(PARAMS)) == {}


def test_before_the_first_step_they_are_zero():
    seen = jsgd.metrics(jsgd.log_metrics(jsgd.adam()).init(PARAMS))
    assert seen == dict.fromkeys(("grad_norm", "lr", "param_norm", "update_norm"), 0.0)
