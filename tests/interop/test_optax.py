"""A jsgd optimizer keeps optax's public contract, and an optax one keeps ours."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import CASES, example, given
from flax import nnx
from flax.training.train_state import TrainState

import jsgd
from jsgd.core.numerics import abs_sq
from jsgd.core.tree import value_and_grad

PARAMS = {"w": jnp.ones((3, 2)), "b": jnp.full((2,), 0.5)}
GRADS = {"w": jnp.arange(6.0).reshape(3, 2) - 2, "b": jnp.array([1.0, -1.0])}


@pytest.fixture(autouse=True)
def _standard_promotion():
    """optax's own rules do not run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


every_case = pytest.mark.parametrize("name", CASES)


def close(a, b, rtol=1e-5, atol=1e-5):  # optax's own 1 - b2**t is off by 2e-5 in float32
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol, atol), a, b)


def train(tx, params=PARAMS, steps=5, **given):
    state = tx.init(params)
    update = jax.jit(tx.update)
    for _ in range(steps):
        updates, state = update(GRADS, state, params, **given)
        params = optax.apply_updates(params, updates)
    return params


@every_case
def test_updates_are_the_step(name):
    """Under `lax.cond` too: the state keeps its types."""
    case = CASES[name]
    params, grads = example(case, jnp.float32)
    opt = case.make()
    tx = jsgd.to_optax(opt)
    more = given(params, grads)

    @jax.jit
    def both(params, state):
        updates, other = jax.lax.cond(
            True,
            lambda: tx.update(grads, state, params, **more),
            lambda: (jax.tree.map(jnp.zeros_like, params), state),
        )
        return optax.apply_updates(params, updates), other, opt.step(params, grads, state, **more)

    updated, state, (stepped, expected) = both(params, opt.init(params))
    close(updated, stepped)
    close(state, expected)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (jsgd.adam(0.1), optax.adam(0.1)),
        (jsgd.lion(0.1), optax.lion(0.1, weight_decay=0.0)),
        (jsgd.sgd(0.1, momentum=0.9), optax.sgd(0.1, momentum=0.9)),
    ],
)
def test_inside_optax(ours, theirs):
    """In a chain, under MultiSteps, and as one arm of optax.partition."""
    ours = jsgd.to_optax(ours)
    close(train(ours), train(theirs))
    close(train(optax.chain(optax.clip(1.0), ours)), train(optax.chain(optax.clip(1.0), theirs)))
    close(train(optax.MultiSteps(ours, 2)), train(optax.MultiSteps(theirs, 2)))
    arms = [{"a": tx, "b": optax.set_to_zero()} for tx in (ours, theirs)]
    one, other = (optax.partition(arm, {"w": "a", "b": "b"}) for arm in arms)
    close(train(one), train(other))


@every_case
def test_without_params(name):
    """As in optax: the same updates where the rule does not read them, else an error."""
    case = CASES[name]
    params, grads = example(case, jnp.float32)
    opt = case.make()
    tx, state = jsgd.to_optax(opt), opt.init(params)
    if opt.init.needs_params:
        with pytest.raises(ValueError, match="depends on the parameters"):
            tx.update(grads, state)
    else:
        more = given(params, grads)
        without, _ = tx.update(grads, state, **more)
        close(without, tx.update(grads, state, params, **more)[0], atol=1e-5)


def test_small_steps_survive_large_bfloat16_parameters():
    """The update of a bfloat16 parameter is not the difference of two rounded ones."""
    params = jnp.ones(2, jnp.bfloat16)
    tx = jsgd.to_optax(jsgd.adamw(1e-4, weight_decay=0.0))
    updates, _ = tx.update(jnp.ones(2, jnp.bfloat16), tx.init(params), params)
    assert updates.dtype == jnp.bfloat16
    np.testing.assert_allclose(updates.astype(jnp.float32), -1e-4, rtol=5e-3)


def test_inject_hyperparams_over_the_factory():
    """Its hyperparameters, schedules too, are what the update uses, wherever the factory nests."""

    def ours(learning_rate, weight_decay):
        return jsgd.to_optax(
            jsgd.weight_decay(jsgd.sgd(learning_rate), weight_decay, mode="independent")
        )

    tx = optax.inject_hyperparams(ours)(optax.linear_schedule(1.0, 0.0, 4), weight_decay=0.5)
    state, params = tx.init(PARAMS), PARAMS
    for lr in (1.0, 0.75, 0.5):
        updates, state = jax.jit(tx.update)(GRADS, state, params)
        expected = jax.tree.map(lambda p, g, lr=lr: 0.5 * p - lr * g, params, GRADS)
        params = optax.apply_updates(params, updates)
        close(params, expected)
    state.hyperparams["weight_decay"] = jnp.float32(0.0)
    updates, state = tx.update(GRADS, state, params)
    close(updates, jax.tree.map(lambda g: -0.25 * g, GRADS))


def test_numbers_live_in_the_state():
    """Set there, they are used; the compiled update serves all of them."""
    tx = jsgd.to_optax(jsgd.sgd(0.1))
    update = jax.jit(tx.update)
    for lr in (0.1, 0.2):
        updates, _ = update(GRADS, jsgd.set_hyper(tx.init(PARAMS), lr=lr), PARAMS)
        close(updates, jax.tree.map(lambda g, lr=lr: -lr * g, GRADS))


def test_optax_tree_functions():
    """`tree.get`, `tree.map_params`, and unknown extra arguments."""
    tx = jsgd.to_optax(jsgd.ema(jsgd.adam(0.1)))
    state = tx.init(PARAMS)
    _, state = tx.update(GRADS, state, PARAMS, value=1.0, nobody_knows=3)
    assert jax.tree.structure(optax.tree.get(state, "mu")) == jax.tree.structure(PARAMS)
    assert float(optax.tree.get(state, "lr")) == pytest.approx(0.1)
    specs = {"w": "spec of w", "b": "spec of b"}
    marked = optax.tree.map_params(
        tx, lambda _, spec: spec, state, specs, transform_non_params=lambda _: None
    )
    assert marked.inner.slots == {"mu": specs, "nu": specs}
    assert marked.slots == {"average": specs}
    assert marked.t is None


@pytest.mark.parametrize(
    "name", ["adam", "sgd-momentum=0.9", "rmsprop-momentum=0.9-centered", "lion", "partition"]
)
def test_abstract_init(name):
    """`jax.eval_shape` and optax's placeholders stand in for parameters."""
    case = CASES[name]
    params, _ = example(case)
    tx = jsgd.to_optax(case.make())
    shapes = jax.eval_shape(tx.init, params)
    assert jax.tree.structure(shapes) == jax.tree.structure(tx.init(params))


def test_flax_train_state():
    """A few steps of Flax's TrainState lower the loss, and equal optax's own adam."""
    model = nn.Dense(1)
    x = jax.random.normal(jax.random.key(0), (32, 3))
    y = x @ jnp.array([[1.0], [-2.0], [0.5]])
    params = model.init(jax.random.key(1), x)["params"]

    def loss(params):
        return jnp.mean((model.apply({"params": params}, x) - y) ** 2)

    def run(tx):
        state = TrainState.create(apply_fn=model.apply, params=params, tx=tx)
        step = jax.jit(lambda state: state.apply_gradients(grads=jax.grad(loss)(state.params)))
        for _ in range(50):
            state = step(state)
        return state.params

    trained = run(jsgd.to_optax(jsgd.adam(0.1)))
    assert loss(trained) < 0.05 * loss(params)
    close(trained, run(optax.adam(0.1)), rtol=1e-3, atol=1e-4)


def test_nnx_optimizer():
    """The same through `nnx.Optimizer`."""
    x = jax.random.normal(jax.random.key(0), (32, 3))
    y = x @ jnp.array([[1.0], [-2.0], [0.5]])

    def run(tx):
        model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
        optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)

        @nnx.jit
        def step(model, optimizer):
            value, grads = nnx.value_and_grad(lambda m: jnp.mean((m(x) - y) ** 2))(model)
            optimizer.update(model, grads)
            return value

        losses = [float(step(model, optimizer)) for _ in range(50)]
        assert losses[-1] < 0.05 * losses[0]
        return model.kernel[...]

    close(run(jsgd.to_optax(jsgd.adam(0.1))), run(optax.adam(0.1)), rtol=1e-3, atol=1e-4)


def test_from_optax_equals_optax():
    """A finished transformation, and a factory whose numbers are data."""
    expected = train(optax.adamw(0.1, weight_decay=0.01))
    for opt in (
        jsgd.from_optax(optax.adamw(0.1, weight_decay=0.01)),
        jsgd.from_optax(optax.adamw, learning_rate=0.1, weight_decay=0.01),
    ):
        params, state = PARAMS, opt.init(PARAMS)
        for _ in range(5):
            params, state = jax.jit(opt.step)(params, GRADS, state)
        close(params, expected)


def test_from_optax_sweeps():
    """One step for every value, mapped over states; a schedule of ours drives an optax rule."""

    def make(lr):
        return jsgd.from_optax(optax.adam, learning_rate=lr, b1=0.8)

    assert make(0.1).step is make(0.2).step
    assert make(0.1) == make(0.1) != make(0.2)
    lrs = jnp.array([0.1, 0.2])
    states = jax.vmap(lambda lr: make(lr).init(PARAMS))(lrs)
    swept, _ = jax.jit(jax.vmap(make(0.1).step, in_axes=(None, None, 0)))(PARAMS, GRADS, states)
    for i, lr in enumerate(lrs):
        expected = train(optax.adam(float(lr), b1=0.8), steps=1)
        close(jax.tree.map(lambda x, i=i: x[i], swept), expected)
    opt = make(jsgd.schedules.linear(0.4, 0.0, 4))
    params, state = PARAMS, opt.init(PARAMS)
    for _ in range(5):
        params, state = opt.step(params, GRADS, state)
    close(params, train(optax.adam(optax.linear_schedule(0.4, 0.0, 4), b1=0.8)), atol=1e-5)


def test_from_optax_under_a_wrapper_keeps_types():
    """bfloat16 parameters, a key in the state, extra arguments: the types survive."""
    params = jnp.ones(3, jnp.bfloat16)
    for tx in (optax.noisy_sgd(0.1, key=jax.random.key(0)), optax.polyak_sgd(), optax.adam(0.1)):
        opt = jsgd.clip_by_global_norm(jsgd.from_optax(tx), 1.0)
        state = opt.init(params)
        shapes = jax.eval_shape(opt.step, params, params, state, value=jnp.float32(1.0))
        assert jax.tree.map(lambda x: (x.shape, x.dtype), shapes) == jax.tree.map(
            lambda x: (x.shape, x.dtype), (params, state)
        )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64, jnp.bfloat16])
@pytest.mark.parametrize(
    "tx",
    [
        optax.lbfgs(),
        optax.lbfgs(0.1, linesearch=None),
        optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(15)),
    ],
)
def test_from_optax_searches_along_a_line(tx, dtype):
    """They are given the gradient and a loss that sees parameters of their own dtype."""
    opt, end = jsgd.from_optax(tx), jnp.array([1, 2, 3], dtype)

    def loss(x):
        assert x.dtype == dtype
        return jnp.sum(abs_sq(x - end) * jnp.array([1, 3, 1], x.real.dtype))

    def body(carry, _):
        params, state = carry
        value, grads = value_and_grad(loss, params)
        return opt.step(params, grads, state, value=value, value_fn=loss), None

    start = jnp.zeros(3, dtype)
    (params, _), _ = jax.lax.scan(body, (start, opt.init(start)), length=60)
    np.testing.assert_allclose(params.astype(jnp.complex64), end.astype(jnp.complex64), atol=0.04)


def test_from_optax_errors():
    with pytest.raises(ValueError, match="give its factory"):
        jsgd.from_optax(optax.adam(0.1), b1=0.5)
    opt = jsgd.from_optax(optax.sgd, learning_rate=0.1)
    with pytest.raises(ValueError, match="'b' is missing"):
        opt.step(PARAMS, {"w": GRADS["w"]}, opt.init(PARAMS))
