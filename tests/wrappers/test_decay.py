"""Weight decay in its three modes, and L1, against optax and the formulas in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import NOISE, PARAMS, STEPS, assert_agree, assert_close, assert_same, gradient, ours

import jsgd

LR, RATE = 0.05, 0.3
COSINE = optax.cosine_decay_schedule(LR, STEPS)
TREE_MASK = {"layer": {"kernel": True, "bias": False}, "scale": False}
MODES = {
    "decoupled": optax.adamw(LR, weight_decay=RATE),
    "independent": optax.chain(optax.adam(LR), optax.add_decayed_weights(-RATE)),
    "l2": optax.chain(optax.add_decayed_weights(RATE), optax.adam(LR)),
}
MASKED = {
    "decoupled": optax.adamw(LR, weight_decay=RATE, mask=TREE_MASK),
    "independent": optax.chain(optax.adam(LR), optax.add_decayed_weights(-RATE, TREE_MASK)),
    "l2": optax.chain(optax.add_decayed_weights(RATE, TREE_MASK), optax.adam(LR)),
}


@pytest.mark.parametrize("mode", MODES)
def test_equals_optax(mode):
    assert_agree(jsgd.weight_decay(jsgd.adam(LR), RATE, mode=mode), MODES[mode])


@pytest.mark.parametrize("mode", MASKED)
def test_mask_equals_optax(mode):
    for mask in (
        TREE_MASK,
        {"layer": TREE_MASK["layer"], "scale": False},
        lambda path, leaf: path == "layer/kernel" and leaf.ndim == 2,
    ):
        assert_agree(jsgd.weight_decay(jsgd.adam(LR), RATE, mode=mode, mask=mask), MASKED[mode])


def test_mask_may_be_a_prefix_and_leaves_the_rest_alone():
    opt = jsgd.weight_decay(jsgd.sgd(0.5), 0.5, mask={"layer": False, "scale": True})
    zero = jax.tree.map(jnp.zeros_like, PARAMS)
    params, _ = opt.step(PARAMS, zero, opt.init(PARAMS))
    assert_same(params["layer"], PARAMS["layer"])
    assert_close(params["scale"], 0.75 * PARAMS["scale"])


def test_decoupled_adam_is_adamw():
    wrapped, _ = ours(jsgd.weight_decay(jsgd.adam(LR), RATE))
    whole, _ = ours(jsgd.adamw(LR, weight_decay=RATE))
    assert_close(wrapped, whole, rtol=1e-6)


def test_l2_equals_torch():
    """torch.optim.Adam(weight_decay=): `grad = grad + weight_decay * param`, worked in float64."""
    path, _ = ours(jsgd.weight_decay(jsgd.adam(LR), RATE, mode="l2"))
    p = np.asarray(PARAMS["layer"]["kernel"], float)
    mu = nu = np.zeros_like(p)
    for t, noise in enumerate(np.asarray(NOISE["layer"]["kernel"], float), 1):
        g = gradient(p, noise) + RATE * p
        mu, nu = 0.9 * mu + 0.1 * g, 0.999 * nu + 0.001 * g**2
        p = p - LR * mu / (1 - 0.9**t) / (np.sqrt(nu / (1 - 0.999**t)) + 1e-8)
        assert_close(path["layer"]["kernel"][t - 1], p)


@pytest.mark.parametrize(
    "schedule", [COSINE, jsgd.schedules.cosine(LR, STEPS)], ids=["optax", "jsgd"]
)
def test_decoupled_follows_a_scheduled_lr(schedule):
    """Read from the state at the step that uses it, however deep it lies."""
    tx = optax.adamw(COSINE, weight_decay=RATE)
    assert_agree(jsgd.weight_decay(jsgd.adam(schedule), RATE), tx)
    deep = jsgd.skip_nonfinite(jsgd.ema(jsgd.adam(schedule)))
    assert_agree(jsgd.weight_decay(deep, RATE), tx)


def test_decoupled_follows_a_new_lr():
    opt = jsgd.weight_decay(jsgd.sgd(0.5), 0.5)
    state = jsgd.set_hyper(opt.init(jnp.ones(1)), lr=0.1)
    assert_close(opt.step(jnp.ones(1), jnp.zeros(1), state)[0], jnp.array([0.95]))


def test_rates_per_leaf():
    """Rates that are trees, under learning rates that are trees: each leaf has its own product."""
    opt = jsgd.weight_decay(jsgd.sgd({"a": 0.5, "b": 0.1}), {"a": 0.0, "b": 1.0})
    params = {"a": jnp.ones(1), "b": {"c": jnp.ones(1)}}
    new, _ = opt.step(params, jax.tree.map(jnp.zeros_like, params), opt.init(params))
    assert_close(new, {"a": jnp.array([1.0]), "b": {"c": jnp.array([0.9])}})


def test_l1_equals_the_formula():
    def add_sign(grads, params):
        return jax.tree.map(lambda g, p: g + RATE * jnp.sign(p), grads, params)

    tx = optax.chain(optax.stateless(add_sign), optax.sgd(LR, momentum=0.9))
    assert_agree(jsgd.l1(jsgd.sgd(LR, momentum=0.9), RATE), tx)


def test_l1_per_leaf():
    opt = jsgd.l1(jsgd.sgd(1.0), {"a": 0.25, "b": 0.0})
    params = {"a": jnp.array([2.0, -2.0, 0.0]), "b": jnp.array([2.0])}
    new, _ = opt.step(params, jax.tree.map(jnp.zeros_like, params), opt.init(params))
    assert_same(new, {"a": jnp.array([1.75, -1.75, 0.0]), "b": jnp.array([2.0])})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jsgd.weight_decay(jsgd.sgd(), mode="L2"), "'L2': it must be one of 'decoupled'"),
        (lambda: jsgd.weight_decay(jsgd.sgd(), -1.0), r"weight_decay must be in \[0, inf\)"),
        (lambda: jsgd.l1(jsgd.sgd(), -1.0), "l1 must be in"),
        (
            lambda: ours(jsgd.weight_decay(jsgd.sgd(), mask={"scale": True})),
            "mask is a tree that is",
        ),
        (
            lambda: ours(jsgd.weight_decay(jsgd.sgd(), {"scale": 0.1})),
            "weight_decay is a tree that is",
        ),
        (
            lambda: ours(
                jsgd.weight_decay(
                    jsgd.partition({"a": jsgd.sgd(), "b": jsgd.sgd()}, lambda *_: "a")
                )
            ),
            "2 of the wrapped optimizers hold 'lr', one must: there are a__lr, b__lr",
        ),
        (
            lambda: ours(jsgd.weight_decay(jsgd.elementwise(lambda p, g, s, h: (p - g, {})))),
            "0 of the wrapped optimizers hold 'lr'",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
