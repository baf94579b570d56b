"""Complex leaves as two real ones: optax's numbers, and the rules that only know real ones."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, assert_close, assert_same, lenient, ours

import jsgd
from jsgd.core import tree

_draw = np.random.RandomState(6).standard_normal
Z = {"z": _draw((3, 2)) + 1j * _draw((3, 2)), "x": _draw(4)}
TARGET = {"z": _draw((3, 2)) + 1j * _draw((3, 2)), "x": _draw(4)}


def grads_at(params):
    return jax.tree.map(lambda p, q: p - q, params, TARGET)


def walk(opt, steps=8):
    params = jax.tree.map(jnp.asarray, Z)
    state, path = opt.init(params), []
    step = jax.jit(opt.step)
    for _ in range(steps):
        params, state = step(params, grads_at(params), state)
        path.append(params)
    return path, state


@pytest.mark.parametrize("name", ["adam", "lion"])
def test_equals_optax(x64, name):
    theirs = {"adam": optax.adam(0.1), "lion": optax.lion(0.1, weight_decay=0.0)}[name]
    tx = optax.contrib.split_real_and_imaginary(theirs)
    path, _ = walk(jsgd.split_complex(getattr(jsgd, name)(0.1)))
    params = jax.tree.map(jnp.asarray, Z)
    state = tx.init(params)
    for ours_ in path:
        with lenient():
            updates, state = tx.update(grads_at(params), state, params)
            params = optax.apply_updates(params, updates)
        assert_close(ours_, params, rtol=1e-9)


@pytest.mark.parametrize("make", [jsgd.rprop, jsgd.lion, jsgd.sign_sgd])
def test_is_the_rule_on_two_real_leaves(make):
    """The same as by hand; rprop takes no complex leaves without."""
    path, state = walk(jsgd.split_complex(make(0.01)))
    opt = make(0.01)
    params = {"re": jnp.asarray(Z["z"].real), "im": jnp.asarray(Z["z"].imag)}
    goal = {"re": TARGET["z"].real, "im": TARGET["z"].imag}
    other, step = opt.init(params), jax.jit(opt.step)
    for ours_ in path:
        grads = jax.tree.map(lambda p, q: p - q, params, goal)
        params, other = step(params, grads, other)
        assert_close(ours_["z"].real, params["re"])
        assert_close(ours_["z"].imag, params["im"])
    assert all(jnp.isrealobj(x) for x in jax.tree.leaves(state))


def test_real_trees_stay_as_they_are():
    assert_same(ours(jsgd.split_complex(jsgd.adam(0.1)))[0], ours(jsgd.adam(0.1))[0])


def test_averages_are_found():
    path, state = walk(jsgd.split_complex(jsgd.ema(jsgd.adam(0.1), 0.5)))
    outside, other = walk(jsgd.ema(jsgd.split_complex(jsgd.adam(0.1)), 0.5))
    found = jsgd.eval_params(path[-1], state)
    assert_close(found, jsgd.eval_params(outside[-1], other))
    assert np.abs(found["z"] - path[-1]["z"]).max() > 1e-2


def test_value_fn_takes_complex_numbers_and_paths_name_the_parts():
    seen = []

    def probe(params, grads, s, h):
        return params, {"seen": h.value_fn(params)}

    def mask(path, leaf):
        seen.append(path)
        return True

    probing = jsgd.treewise(probe, slots={"seen": lambda params: jnp.zeros(())})
    opt = jsgd.split_complex(jsgd.masked(probing, mask))
    z = {"z": jnp.array(3 + 4j, jnp.complex64)}
    _, state = opt.step(z, z, opt.init(z), value_fn=lambda p: jnp.abs(p["z"]))
    assert float(state.inner.inner.slots["seen"]) == 5.0
    assert set(seen) == {"z/real", "z/imag"}


def test_rates_per_leaf():
    opt = jsgd.split_complex(jsgd.sgd({"z": 0.5, "x": 0.0}))
    path, _ = walk(opt, 1)
    expected = Z["z"] - 0.5 * (Z["z"] - TARGET["z"])
    assert_close(path[0], {"z": expected, "x": Z["x"]})


def test_split_and_join_are_inverse(x64):
    z = jax.tree.map(jnp.asarray, Z)
    there = tree.split(z, z)
    assert all(x.dtype == jnp.float64 for x in jax.tree.leaves(there))
    assert_same(tree.join(there), z)
    assert tree.join(None) is None
    assert_same(tree.split(PARAMS, PARAMS), PARAMS)
