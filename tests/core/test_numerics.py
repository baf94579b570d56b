"""Numbers held so that nothing is lost, against float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jsgd
from jsgd.core.hyper import as_hyper
from jsgd.core.numerics import Decay, abs_sq, cast_like, real_dtype, working_dtype

rates = st.one_of(st.just(0.0), st.floats(1e-6, 0.99), st.floats(1e-9, 1e-2).map(lambda x: 1 - x))


@jax.jit
def complements(a, b, t):
    """`1 - a`, `1 - a**t`, `1 - a * b`, `1 - (a * b)**t` as a rule writes them."""
    return 1 - a, 1 - a**t, 1 - a * b, 1 - (a * b) ** t


@given(a=rates, b=rates, t=st.integers(1, 1_000_000))
def test_complements_are_exact(a, b, t):
    """To a few units of float32's last place, where plain float32 is off by 1e-3."""
    got = complements(as_hyper("b1", a), as_hyper("b2", b), jnp.float32(t))
    log = np.log1p(-(1 - np.float64(a))) if a else -np.inf
    log_ab = log + (np.log1p(-(1 - np.float64(b))) if b else -np.inf)
    exact = 1 - a, -np.expm1(t * log), -np.expm1(log_ab), -np.expm1(t * log_ab)
    np.testing.assert_allclose(np.array(got, float), exact, rtol=1e-6)


def test_plain_float32_would_not_do():
    """The reason for all this: what the test above would see without `Decay`."""
    assert abs((1 - np.float32(0.99999)) / 1e-5 - 1) > 1e-3
    assert abs(float(1 - as_hyper("b2", 0.99999)) / 1e-5 - 1) < 1e-6


ARITHMETIC = {
    "1 - b": lambda b: 1 - b,
    "3 - b": lambda b: 3 - b,
    "b - 3": lambda b: b - 3,
    "b + 3": lambda b: b + 3,
    "3 + b": lambda b: 3 + b,
    "b * 3": lambda b: b * 3,
    "3 * b": lambda b: 3 * b,
    "b / 3": lambda b: b / 3,
    "3 / b": lambda b: 3 / b,
    "b * b": lambda b: b * b + 0,
    "b ** 3": lambda b: b**3 + 0,
    "b * array": lambda b: (b * jnp.arange(3.0))[2],
}


@pytest.mark.parametrize("expression", ARITHMETIC)
@pytest.mark.parametrize("b", [0.0, 0.25, 0.9])
def test_reads_like_a_number(expression, b):
    if (expression, b) == ("3 / b", 0.0):
        return
    f = ARITHMETIC[expression]
    np.testing.assert_allclose(f(as_hyper("b1", b)), f(np.float32(b)), rtol=1e-6)


def test_a_decay_is_a_pytree_of_one_array():
    b = as_hyper("decay", np.array([0.9, 0.99]))
    mapped = jax.vmap(lambda b: 1 - b**10)(b)
    np.testing.assert_allclose(mapped, 1 - np.array([0.9, 0.99]) ** 10, rtol=1e-6)
    assert b.astype(jnp.float16).complement.dtype == jnp.float16
    assert isinstance(b * b, Decay)


def test_slow_averages_in_an_optimizer():
    """b2 = 1 - 1e-6 through the whole of Adam: the first step is exactly lr, as by its formula."""
    opt = jsgd.adam(lr=1.0, b2=1 - 1e-6, eps=0.0)
    params, state = opt.step(jnp.zeros(1), jnp.full(1, 2.0), opt.init(jnp.zeros(1)))
    np.testing.assert_allclose(params, -1.0, rtol=1e-6)
    np.testing.assert_allclose(state.slots["nu"], 4e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "working", "real"),
    [
        (jnp.bfloat16, jnp.float32, jnp.float32),
        (jnp.float16, jnp.float32, jnp.float32),
        (jnp.float8_e4m3fn, jnp.float32, jnp.float32),
        (jnp.float32, jnp.float32, jnp.float32),
        (jnp.float64, jnp.float64, jnp.float64),
        (jnp.complex64, jnp.complex64, jnp.float32),
        (jnp.complex128, jnp.complex128, jnp.float64),
    ],
)
def test_working_dtypes(dtype, working, real, x64):
    leaf = jnp.zeros(2, dtype)
    assert working_dtype(leaf) == working
    assert real_dtype(working) == real
    assert abs_sq(jnp.asarray(leaf, working)).dtype == real


def test_computed_wide_and_rounded_once():
    """In bfloat16 the second term would be lost: 1 - 2**-9 rounds to 1."""

    def rule(p, g, s, h):
        return (p - h.lr * g) - h.lr * g, {}

    opt = jsgd.elementwise(rule, lr=2.0**-9)
    one = jnp.ones(1, jnp.bfloat16)
    assert float(opt.step(one, one, opt.init(one))[0][0]) == 1 - 2.0**-8


@pytest.mark.parametrize("like", [jnp.asarray(0.5), jnp.full((2, 3), 0.5), jnp.bfloat16(0.5)])
def test_cast_like_keeps_dtype_and_weak_type(like):
    x = jnp.full(like.shape, 2.0, jnp.float32)
    out = jax.jit(cast_like)(x, like)
    assert jax.typeof(out) == jax.typeof(like)
    assert np.all(np.asarray(out, np.float32) == 2.0)


def test_abs_sq():
    np.testing.assert_array_equal(abs_sq(jnp.array([3 + 4j])), [25.0])
    np.testing.assert_array_equal(abs_sq(jnp.array([-3.0])), [9.0])
