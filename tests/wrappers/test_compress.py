"""Moments in few bits: the map against NumPy, and steps that are almost those in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walks import assert_same

import jsgd
from jsgd.wrappers import blocks
from jsgd.wrappers.blocks import encode

BITS = pytest.mark.parametrize("bits", [8, 16])
SIGNS = pytest.mark.parametrize("signs", [True, False])
PARAMS = {"w": jnp.linspace(-2.0, 2.0, 5000).reshape(50, 100), "b": jnp.ones(100)}


def decode(held):
    return blocks.decode(held, blocks.centres(held.bits))


def edges(bits, signs):
    """Of the cells from 10^-8 to 1: as many in a decade as in all below it, and so on down."""
    first = bits - 1 - signs
    decades = [np.linspace(0.1, 1, 2**n + 1) * 10.0 ** (n - first) for n in range(first + 1)]
    kept = decades[-(8 if bits == 16 else first + 1) :]
    return np.concatenate([kept[0][:1], *(x[1:] for x in kept)])


@BITS
@SIGNS
def test_map_is_that_of_the_paper(bits, signs):
    """Whatever lies well within a cell becomes its centre."""
    rng = np.random.default_rng(0)
    borders = edges(bits, signs)
    i = rng.integers(len(borders) - 1, size=4000)
    i[0] = len(borders) - 2
    low, high = borders[i], borders[i + 1]
    sign = rng.choice([-1, 1], 4000) if signs else 1
    scale = 3e-5 / ((low + high) / 2).max()
    inside = low + (high - low) * np.where(i == i[0], 0.5, rng.uniform(0.1, 0.9, 4000))
    held = encode(jnp.asarray(sign * inside * scale, jnp.float32), bits, 4000)
    np.testing.assert_allclose(decode(held), sign * (low + high) / 2 * scale, rtol=2e-6)
    assert_same(encode(decode(held), bits, 4000).codes, held.codes)


@BITS
def test_blocks_have_scales_and_signs_of_their_own(bits):
    """The largest of each, 0, and what is lost on the way are kept; the last block is short."""
    x = jnp.array([[1e-9, 1e-3, 0.0], [-8.0, 1e-9, 7e8], [0.0, 0.0, 3e-42]], jnp.float32)
    held = encode(x, bits, 2)
    assert held.codes.shape == x.shape
    np.testing.assert_array_equal(held.scales, np.float32([-1e-3, 8.0, -7e8, 0.0, 0.0]))
    np.testing.assert_allclose(decode(held).ravel()[jnp.array([1, 3, 5])], [1e-3, -8.0, 7e8], 1e-6)


@BITS
def test_no_step_is_divided_by_what_was_lost(bits):
    """In a block without signs only 0 is 0, and with them no sign changes, however small it is."""
    x = jnp.append(jnp.logspace(-30, 0, 255), 0.0)
    back = decode(encode(x, bits, 256))
    assert (back > 0).tolist() == (x > 0).tolist()
    assert (jnp.diff(back[:-1]) >= 0).all()
    back = decode(encode(-x, bits, 256))
    assert (back <= 0).all()
    assert (back[:32] == 0).all()


@BITS
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_divergence_shows(bits, bad):
    """A block is lost with one of its numbers; the others are not."""
    back = decode(encode(jnp.array([1.0, bad, 1.0, 2.0]), bits, 2))
    assert not np.isfinite(back[:2]).any()
    np.testing.assert_allclose(back[2:], [1.0, 2.0], rtol=0.04)


@pytest.mark.parametrize(("bits", "most"), [(8, 2.1), (16, 4.1)])
def test_bytes_of_adams_state(bits, most):
    params = jax.ShapeDtypeStruct((1000, 1000), jnp.float32)
    state = jax.eval_shape(jsgd.compress(jsgd.adam(), bits=bits).init, params)
    assert sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state)) <= most * params.size


@pytest.mark.parametrize(("bits", "most"), [(8, 0.03), (16, 1e-3)])
@pytest.mark.parametrize(
    "opt",
    [jsgd.adam(0.01), jsgd.sgd(0.1, momentum=0.9), jsgd.lamb(0.01), jsgd.ema(jsgd.adamw(0.01))],
    ids=["adam", "momentum", "lamb", "nest"],
)
def test_steps_are_almost_those_in_float32(opt, bits, most):
    """On a quadratic of many curvatures."""

    def walk(opt):
        def body(carry, _):
            grads = jax.tree.map(lambda p: p * jnp.linspace(0.01, 1.0, 100), carry[0])
            return opt.step(carry[0], grads, carry[1]), None

        return jax.lax.scan(body, (PARAMS, opt.init(PARAMS)), length=50)[0]

    with jax.numpy_rank_promotion("allow"):
        plain, (got, state) = walk(opt), walk(jsgd.compress(opt, bits=bits))
    codes = [x for x in jax.tree.leaves(state) if x.dtype in (jnp.uint8, jnp.uint16)]
    assert {x.shape for x in codes} == {(50, 100)}
    off, moved = got["w"] - plain[0]["w"], plain[0]["w"] - PARAMS["w"]
    assert jnp.linalg.norm(off) <= most * jnp.linalg.norm(moved)


@BITS
def test_a_block_forgets(bits):
    """By its scale, where no code could change by so little."""
    opt = jsgd.compress(jsgd.adam(b2=0.999), bits=bits)
    params = jnp.zeros(4096)
    state = opt.init(params)

    def walk(state, grad, steps):
        def body(state, _):
            return opt.step(params, jnp.full(4096, grad), state)[1], None

        return jax.lax.scan(body, state, length=steps)[0]

    after = [walk(walk(state, 1.0, 10), 0.0, steps) for steps in (0, 1000)]
    before, now = (decode(x.inner.slots["nu"])[0] for x in after)
    np.testing.assert_allclose(now / before, 0.999**1000, rtol=1e-3)


def test_what_is_kept_as_it_is():
    """Averages of parameters, small leaves, other dtypes."""
    params = PARAMS | {"half": jnp.ones(5000, "bfloat16"), "complex": jnp.ones(5000, "complex64")}
    state = jsgd.compress(jsgd.ema(jsgd.adam())).init(params)
    assert_same(state.inner.slots, jsgd.ema(jsgd.adam()).init(params).slots)
    mu = state.inner.inner.slots["mu"]
    assert (mu["b"].dtype, mu["complex"].dtype) == (jnp.float32, jnp.complex64)
    assert (mu["w"].bits, mu["half"].bits) == (8, 8)  # a moment of bfloat16 is held in float32


def test_buffers_of_a_flat():
    """What is too small as a leaf is not so in a buffer."""
    flat = jsgd.flatten({i: jnp.ones(10) for i in range(500)})
    opt = jsgd.compress(jsgd.adam(0.1))
    flat, state = opt.step(flat, flat, opt.init(flat))
    assert state.inner.slots["mu"].buffers["float32"].codes.shape == (5000,)
    np.testing.assert_allclose(flat.buffers["float32"], 0.9, rtol=1e-5)


def test_pieces_have_their_own_hyperparameters():
    """Those of a `Flat` are as long as its buffers."""
    flat = jsgd.flatten({"a": jnp.zeros(2000), "b": jnp.zeros(3000)})
    opt = jsgd.compress(jsgd.sgd(flat.fill({"a": 0.5, "b": 2.0}), momentum=0.9))
    params, _ = opt.step(flat, flat.fill(1.0), opt.init(flat))
    np.testing.assert_array_equal(params.buffers["float32"], [-0.5] * 2000 + [-2.0] * 3000)


@pytest.mark.parametrize(
    ("argument", "allowed"),
    [({"bits": 4}, "8 or 16"), ({"block_size": 0}, "positive"), ({"min_size": -1}, ">= 0")],
)
def test_bad_arguments(argument, allowed):
    with pytest.raises(ValueError, match=allowed):
        jsgd.compress(jsgd.adam(), **argument)
