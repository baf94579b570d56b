"""Projected steps against optax's projections; the whole tree, each leaf, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import NOISE, PARAMS, assert_close, assert_same, gradient, lenient, ours

import jsgd
from jsgd.wrappers.project import _SETS

THEIRS = optax.projections
NORMAL = jax.tree.map(lambda n: n[0], NOISE)
SETS = {
    "box": ({"lower": -0.2, "upper": 0.3}, THEIRS.projection_box),
    "hypercube": ({"side": 0.4}, THEIRS.projection_hypercube),
    "linf_ball": ({"radius": 0.3}, THEIRS.projection_linf_ball),
    "l1_ball": ({"radius": 1.1}, THEIRS.projection_l1_ball),
    "l1_sphere": ({"radius": 1.1}, THEIRS.projection_l1_sphere),
    "l2_ball": ({"radius": 0.6}, THEIRS.projection_l2_ball),
    "l2_sphere": ({"radius": 0.6}, THEIRS.projection_l2_sphere),
    "simplex": ({"total": 1.1}, THEIRS.projection_simplex),
    "hyperplane": ({"normal": NORMAL, "offset": 0.4}, THEIRS.projection_hyperplane),
    "halfspace": ({"normal": NORMAL, "offset": -0.4}, THEIRS.projection_halfspace),
    "line": ({"direction": NORMAL}, THEIRS.projection_vector),
}


def projected_walk(onto, each_leaf):
    """Of gradient descent; optax's functions have no transformation around them."""
    numbers, theirs = SETS[onto]
    params, noise, numbers = jax.tree.map(lambda x: jnp.asarray(x, float), (PARAMS, NOISE, numbers))
    spelled = {
        {"side": "scale", "radius": "scale"}.get(name, name): x for name, x in numbers.items()
    }

    def project(x):
        with lenient():
            if onto in ("box", "hypercube", "linf_ball"):
                return jax.tree.map(lambda leaf: theirs(leaf, **spelled), x)
            if not each_leaf:
                return theirs(x, *numbers.values())
            vector, *rest = numbers.values()
            if not isinstance(vector, dict):
                return jax.tree.map(lambda leaf: theirs(leaf, vector), x)
            return jax.tree.map(lambda leaf, a: theirs(leaf, a, *rest), x, vector)

    path = []
    for t in range(4):
        grads = gradient(params, jax.tree.map(lambda n, t=t: n[t], noise))
        params = project(jax.tree.map(lambda p, g: p - 0.1 * g, params, grads))
        path.append(params)
    return jax.tree.map(lambda *xs: jnp.stack(xs), *path)


@pytest.mark.parametrize("each_leaf", [False, True])
@pytest.mark.parametrize("onto", SETS)
def test_equals_optax(x64, onto, each_leaf):
    opt = jsgd.project(jsgd.sgd(0.1), onto, each_leaf=each_leaf, **SETS[onto][0])
    path, _ = ours(opt)
    path = jax.tree.map(lambda x: x[:4], path)
    assert_close(path, projected_walk(onto, each_leaf), rtol=1e-7, atol=1e-8)


def test_all_sets_are_tested():
    assert SETS.keys() == _SETS.keys()


def test_keep_nonnegative_equals_optax():
    """Once there; from below zero optax's update goes to 0 by a formula of its own."""
    start = jax.tree.map(jnp.abs, PARAMS)
    opt = jsgd.keep_nonnegative(jsgd.sgd(0.5))
    tx = optax.chain(optax.sgd(0.5), optax.keep_params_nonnegative())
    params, state, other, tx_state = start, opt.init(start), start, tx.init(start)
    for t in range(6):
        noise = jax.tree.map(lambda n, t=t: n[t], NOISE)
        params, state = opt.step(params, gradient(params, noise), state)
        with lenient():
            updates, tx_state = tx.update(gradient(other, noise), tx_state, other)
        other = optax.apply_updates(other, updates)
        assert_close(params, other)
    assert min(float(x.min()) for x in jax.tree.leaves(params)) == 0.0


@pytest.mark.parametrize(
    ("onto", "numbers"),
    [
        ("box", {}),
        ("linf_ball", {"radius": np.inf}),
        ("l1_ball", {"radius": np.inf}),
        ("l2_ball", {"radius": np.inf}),
        ("halfspace", {"offset": np.inf}),
    ],
)
def test_at_infinity_nothing_changes(onto, numbers):
    """Law 9, bit for bit."""
    path, state = ours(jsgd.project(jsgd.adam(0.1), onto, **numbers))
    plain, expected = ours(jsgd.adam(0.1))
    assert_same((path, state.inner), (plain, expected))


def test_numbers_are_hyperparameters():
    """Mapped, set, scheduled, and, where each leaf has its own, trees."""
    opt = jsgd.project(jsgd.sgd(1.0), "l2_ball")
    assert opt.step is jsgd.project(jsgd.sgd(0.1), "l2_ball", radius=3.0).step
    radii = jnp.array([0.5, 2.0])
    zero, grads = jnp.zeros(2), jnp.array([-3.0, -4.0])
    states = jax.vmap(lambda r: jsgd.set_hyper(opt.init(zero), radius=r))(radii)
    params, _ = jax.vmap(opt.step, (None, None, 0))(zero, grads, states)
    assert_close(jnp.linalg.norm(params, axis=1), radii)
    shrinking = jsgd.project(jsgd.sgd(1.0), "l2_ball", radius=lambda t: 1 / (1 + t))
    params, state = shrinking.step(zero, grads, shrinking.init(zero))
    params, _ = shrinking.step(params, grads, state)
    assert_close(jnp.linalg.norm(params), jnp.float32(0.5))
    opt = jsgd.project(jsgd.sgd(1.0), "l2_ball", each_leaf=True, radius={"a": 1.0, "b": 10.0})
    params = {"a": zero, "b": zero}
    new, _ = opt.step(params, {"a": grads, "b": grads}, opt.init(params))
    assert_close(new, {"a": jnp.array([0.6, 0.8]), "b": jnp.array([3.0, 4.0])})


def test_goes_around_what_is_frozen():
    """The norm is that of the leaves the projection is given."""
    ball = jsgd.project(jsgd.sgd(1.0), "l2_ball", radius=1.0)
    params = {"w": jnp.array([3.0, 4.0]), "still": jnp.full(2, 9.0)}
    opt = jsgd.freeze(ball, {"w": False, "still": True})
    new, _ = opt.step(params, jax.tree.map(jnp.zeros_like, params), opt.init(params))
    assert_close(new, {"w": jnp.array([0.6, 0.8]), "still": params["still"]})


def test_complex_leaves():
    z = {"z": jnp.array([3 + 4j], jnp.complex64)}
    opt = jsgd.project(jsgd.sgd(1.0), "l2_ball")
    assert_close(
        opt.step(z, {"z": jnp.zeros_like(z["z"])}, opt.init(z))[0],
        {"z": jnp.array([0.6 + 0.8j], jnp.complex64)},
    )
    for onto in ("box", "hypercube", "simplex", "hyperplane", "halfspace", "line"):
        with pytest.raises(ValueError, match=r"parameter 'z': .* no complex leaves"):
            jsgd.project(jsgd.sgd(1.0), onto).init(z)
    with pytest.raises(ValueError, match=r"parameter 'z': .* no complex leaves"):
        jsgd.keep_nonnegative(jsgd.sgd(1.0)).init(z)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jsgd.project(jsgd.sgd(), "ball"), "onto = 'ball': it must be one of 'box', "),
        (
            lambda: jsgd.project(jsgd.sgd(), "box", radius=1),
            "'box' has no 'radius'; it has lower, ",
        ),
        (lambda: jsgd.project(jsgd.sgd(), "l1_ball", radius=0), r"radius must be in \(0, inf\]"),
        (
            lambda: jsgd.project(jsgd.sgd(), "l2_ball", radius={"a": 1.0}),
            "radius is one number or schedule",
        ),
        (
            lambda: ours(jsgd.project(jsgd.sgd(), "line", direction={"scale": 1.0})),
            "direction is a tree that is no prefix",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
