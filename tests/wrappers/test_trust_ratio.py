"""The trust ratio against optax's and the rules that have it built in; zeros and dtypes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, STEPS, assert_agree, assert_close, assert_same, ours

import jsgd

LR = 0.05
COSINE = optax.cosine_decay_schedule(LR, STEPS)


def one_step(opt, params, grads):
    return opt.step(params, grads, opt.init(params))[0]


@pytest.mark.parametrize(("coefficient", "eps"), [(1.0, 0.0), (0.3, 0.7)])
@pytest.mark.parametrize("lr", [LR, COSINE])
def test_equals_optax(coefficient, eps, lr):
    assert_agree(
        jsgd.trust_ratio(jsgd.adam(lr), coefficient, eps),
        optax.chain(
            optax.scale_by_adam(),
            optax.scale_by_trust_ratio(trust_coefficient=coefficient, eps=eps),
            optax.scale_by_learning_rate(lr),
        ),
    )


LRS = {"layer": {"bias": 0.1, "kernel": 0.02}, "scale": 0.0}


@pytest.mark.parametrize("lr", [LR, COSINE, LRS])
def test_around_adamw_it_is_lamb(lr, x64):
    wrapped = jsgd.trust_ratio(jsgd.adamw(lr, eps=1e-6, weight_decay=0.3))
    assert_close(ours(wrapped)[0], ours(jsgd.lamb(lr, weight_decay=0.3))[0], rtol=1e-9)


def test_around_decayed_sgd_it_is_lars_without_momentum(x64):
    sgd = jsgd.weight_decay(jsgd.sgd(LR), 0.3, mode="l2")
    wrapped = jsgd.trust_ratio(sgd, 0.1, eps=0.2)
    lars = jsgd.lars(LR, 0.0, trust_coefficient=0.1, eps=0.2, weight_decay=0.3)
    assert_close(ours(wrapped)[0], ours(lars)[0], rtol=1e-9)


def test_in_float32_it_is_lamb_too():
    """Though the step is a difference of parameters."""
    wrapped = jsgd.trust_ratio(jsgd.adamw(1e-4, eps=1e-6))
    assert_close(ours(wrapped)[0], ours(jsgd.lamb(1e-4))[0], rtol=1e-6)


def test_zeros():
    """A leaf of zeros takes the plain step; no gradient or no learning rate, no step, no NaN."""
    opt, ones = jsgd.trust_ratio(jsgd.sgd(0.5), 0.1), jnp.ones(2)
    assert_same(one_step(opt, 0 * ones, ones), -0.5 * ones)
    assert_same(one_step(opt, ones, 0 * ones), ones)
    assert_same(one_step(jsgd.trust_ratio(jsgd.sgd(0.0)), ones, ones), ones)
    assert one_step(opt, jnp.zeros((0, 2)), jnp.zeros((0, 2))).shape == (0, 2)


def test_inner_steps_that_rest_move_nothing():
    opt = jsgd.trust_ratio(jsgd.accumulate(jsgd.sgd(0.5), every=2))
    params = jnp.array([3.0, 4.0])
    first, state = opt.step(params, params, opt.init(params))
    assert_same(first, params)
    assert_close(opt.step(first, params, state)[0], 0.5 * params)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.complex64])
def test_dtypes(dtype):
    """The ratio is that of the step before it is rounded to the parameter's dtype."""
    params = {"a": jnp.array([3.0, 4.0], dtype), "b": jnp.array([5.0])}
    grads = {"a": jnp.array([0.0, 1e-3], dtype), "b": jnp.array([0.1])}
    moved = one_step(jsgd.trust_ratio(jsgd.sgd(0.1)), params, grads)
    assert moved["a"].dtype == dtype
    np.testing.assert_allclose(moved["a"].astype(jnp.complex64), [3.0, 3.5], rtol=1e-3)
    np.testing.assert_allclose(moved["b"], [4.5], rtol=1e-6)


def test_one_learning_rate():
    arms = jsgd.partition({"a": jsgd.sgd(1.0), "b": jsgd.sgd(1.0)}, lambda path, leaf: "a")
    opt = jsgd.trust_ratio(arms)
    with pytest.raises(ValueError, match="2 of the wrapped optimizers hold 'lr'"):
        jax.eval_shape(opt.step, PARAMS, PARAMS, opt.init(PARAMS))
