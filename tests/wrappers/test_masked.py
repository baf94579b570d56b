"""Some leaves move and the others stay: optax's numbers where it moves them, and no state spent."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, assert_agree, assert_close, assert_same, ours

import jsgd

MOVES = {"layer": {"bias": False, "kernel": True}, "scale": True}
STAYS = jax.tree.map(lambda m: not m, MOVES)


def by_path(path, leaf):
    return path != "layer/bias"


def clipped():
    return jsgd.clip_by_global_norm(jsgd.adam(0.1), 0.5)


@pytest.mark.parametrize("mask", [MOVES, by_path], ids=["tree", "function"])
def test_equals_optax(mask):
    """Its `masked`, with the raw gradients that it passes through taken out."""
    inner = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.1))
    tx = optax.chain(optax.masked(inner, MOVES), optax.masked(optax.set_to_zero(), STAYS))
    assert_agree(jsgd.masked(clipped(), mask), tx)


def test_freeze_is_masked_the_other_way_round():
    (path, state), (other, same) = (
        ours(jsgd.freeze(clipped(), STAYS)),
        ours(jsgd.masked(clipped(), MOVES)),
    )
    assert_same((path, state), (other, same))
    assert_same(path["layer"]["bias"], np.tile(PARAMS["layer"]["bias"], (12, 1)))


def test_no_state_for_what_stays():
    state = jsgd.masked(jsgd.adam(0.1), {"layer": False, "scale": True}).init(PARAMS)
    assert [x.shape for x in jax.tree.leaves(state.inner.slots)] == [(), ()]
    assert jsgd.get_hyper(state).keys() == {"lr", "b1", "b2", "eps"}


@pytest.mark.parametrize("kind", [jax.dtypes.float0, np.int32])
def test_what_stays_may_be_of_any_dtype_and_have_any_gradient(kind):
    params = {"w": jnp.ones(2), "table": jnp.arange(3), "dead": jnp.ones(1)}
    grads = {"w": jnp.ones(2), "table": np.zeros(3, kind), "dead": jnp.full(1, jnp.nan)}
    opt = jsgd.masked(jsgd.sgd(1.0), {"w": True, "table": False, "dead": False})
    new, _ = jax.jit(lambda p, s: opt.step(p, grads, s))(params, opt.init(params))
    assert_same(new, params | {"w": jnp.zeros(2)})
    assert new["table"].dtype == params["table"].dtype


def test_rates_per_leaf_and_averages_pass_through():
    """A tree of rates is one of the whole tree; the average of what moves is found."""
    opt = jsgd.masked(jsgd.ema(jsgd.sgd({"layer": 0.5, "scale": 0.1}), 0.5), MOVES)
    params, state = opt.step(PARAMS, jax.tree.map(jnp.ones_like, PARAMS), opt.init(PARAMS))
    assert_close(PARAMS["layer"]["kernel"] - params["layer"]["kernel"], jnp.full((3, 2), 0.5))
    assert_close(PARAMS["scale"] - params["scale"], jnp.float32(0.1))
    assert_close(jsgd.eval_params(params, state), params)
    assert set(state.inner.slots["average"]["layer"]) == {"bias", "kernel"}
    assert state.inner.slots["average"]["layer"]["bias"] is None


def test_value_fn_sees_the_whole_tree():
    def probe(params, grads, s, h):
        return params, {"seen": h.value_fn(jax.tree.map(lambda x: x + 1, params))}

    def loss(params):
        return params["a"] + 10 * params["b"]

    probing = jsgd.treewise(probe, slots={"seen": lambda params: jnp.zeros(())})
    opt = jsgd.masked(probing, {"a": True, "b": False})
    params = {"a": jnp.float32(1), "b": jnp.float32(2)}
    _, state = opt.step(params, params, opt.init(params), value_fn=loss)
    assert float(state.inner.slots["seen"]) == 22.0


def test_prints_and_compares():
    opt = jsgd.freeze(jsgd.sgd(0.1), True)
    assert repr(opt) == "freeze(sgd(lr=0.1, momentum=None), mask=True)"
    assert opt != jsgd.freeze(jsgd.sgd(0.1), False)
    assert opt != jsgd.freeze(jsgd.sgd(0.2), True)
    assert opt.step is jsgd.freeze(jsgd.sgd(0.2), True).step


def test_held_by_a_step_without_its_numbers():
    """A wrapper that makes its inner optimizer's slots anew shares one step for all of them."""
    one, other = (
        jsgd.lookahead(jsgd.masked(jsgd.adam(lr), True), reset_state=True) for lr in (0.1, 0.2)
    )
    assert one.step is other.step
    assert_same(ours(one)[0], ours(jsgd.lookahead(jsgd.adam(0.1), reset_state=True))[0])


@pytest.mark.parametrize("wrap", [jsgd.masked, jsgd.freeze])
def test_errors(wrap):
    with pytest.raises(ValueError, match="mask is a tree that is no prefix"):
        wrap(jsgd.sgd(), {"scale": True}).init(PARAMS)
    with pytest.raises(ValueError, match="a wrapper takes the optimizer first"):
        wrap(True, jsgd.sgd())
