"""What must hold whatever the numbers: symmetries of the rules, drawn with hypothesis."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import jsgd
from jsgd.optimizers import REGISTRY

OURS = [name for name in CASES if name.split("-")[0] in REGISTRY]
ELEMENTWISE = [name for name in OURS if CASES[name].make().init.kind == "elementwise"]
SCALED = {  # rules whose steps depend on the scale of the loss
    "acprop",  # its first step is gradient descent
    "adadelta",  # without eps it does not move at all
    "asgd",
    "dpsgd",
    "ftrl",  # in float32 a power rounds
    "lbfgs",  # its first step is no longer than 1
    "madgrad",
    "momo",  # its learning rate caps the step
    "noisy_sgd",
    "optimistic_gradient_descent",
    "polyak_sgd",  # the same cap
    "radam",  # its first steps are plain momentum
    "schedule_free_sgd",
    "sgd",
    "sophia",  # the loss that it is given here is not scaled
}
SCALE_FREE = [name for name in OURS if name.split("-")[0] not in SCALED]  # with eps = 0
SHAPE = (3, 4)
numbers = st.builds(np.copysign, st.floats(0.125, 4, width=32), st.sampled_from([-1, 1]))
leaves = arrays(np.float32, SHAPE, elements=numbers)
gradients = arrays(np.float32, (3, *SHAPE), elements=numbers)


@cache
def program(make, hidden=False):
    """Three steps, one for each gradient; the hyperparameters are an input like the others.

    The loss that the steps are given has the scale of the gradient. Where the parameters are
    hidden, a step is shown zeros in their place, as `to_optax` does without them.
    """

    def value_fn(params):
        return 1e4 * jnp.sum(params**4)  # its curvature depends on them, and shows in the steps

    @jax.jit
    def run(params, grads, hyper):
        opt = make(**hyper)

        def body(carry, grads):
            params, state = carry
            grads = grads[None] if opt.init.per_example else grads
            seen = jnp.zeros_like(params) if hidden else params
            new, state = opt.step(
                seen, grads, state, value=jnp.sum(jnp.abs(grads)), value_fn=value_fn
            )
            return (params + (new - seen) if hidden else new, state), None

        return jax.lax.scan(body, (params, opt.init(params)), grads)[0][0]

    return run


def walk(make, p, g, hidden=False, **hyper):
    return np.asarray(program(make, hidden)(p, g, hyper))


def no_eps(name):
    """What has the scale of a gradient, at 0."""
    return {k: 0.0 for k in ("eps", "initial_accumulator") if k in CASES[name].hyper}


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(p=leaves, g=gradients, order=st.permutations(range(12)))
def test_permuting_coordinates_permutes_steps(name, p, g, order):
    def permuted(x):
        return x.reshape(*x.shape[:-2], 12)[..., order].reshape(x.shape)

    make = CASES[name].make
    np.testing.assert_allclose(
        walk(make, permuted(p), permuted(g)), permuted(walk(make, p, g)), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(p=leaves, g=gradients, others=gradients, here=arrays(bool, SHAPE))
def test_coordinates_do_not_see_one_another(name, p, g, others, here):
    """So an elementwise rule may be run on any piece of the parameters."""
    make = CASES[name].make
    alone = walk(make, np.where(here, p, others[0]), np.where(here, g, others))
    np.testing.assert_allclose(alone[here], walk(make, p, g)[here], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SCALE_FREE)
@given(p=leaves, g=gradients, exponent=st.integers(-12, 12))
def test_scaling_the_loss_changes_nothing(name, p, g, exponent):
    """By a power of two, which rounds nothing: bit for bit."""
    make, scaled = CASES[name].make, g * np.float32(2.0**exponent)
    np.testing.assert_array_equal(
        walk(make, p, scaled, **no_eps(name)), walk(make, p, g, **no_eps(name))
    )


@pytest.mark.parametrize("name", ["sgd", "sgd-momentum=0.9"])
@given(p=leaves, g=gradients, exponent=st.integers(-5, 5))
def test_scaling_the_loss_scales_the_steps_of_sgd(name, p, g, exponent):
    """So the property above can tell."""
    make, zero, scale = CASES[name].make, np.zeros_like(p), np.float32(2.0**exponent)
    np.testing.assert_allclose(walk(make, zero, g * scale), scale * walk(make, zero, g), rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in OURS if name.startswith("muon")])
@given(p=leaves, g=gradients, seed=st.integers(0, 2**31))
def test_change_of_basis_rotates_muon(name, p, g, seed):
    draw, make = np.random.RandomState(seed).standard_normal, CASES[name].make
    left, right = (np.linalg.qr(draw((n, n)))[0] for n in SHAPE)
    p, g = p.astype(float), g.astype(float)
    with jax.enable_x64(True):
        turned = walk(make, left @ p @ right, left @ g @ right, eps=0.0)
        np.testing.assert_allclose(turned, left @ walk(make, p, g, eps=0.0) @ right, atol=1e-8)


def blind(name, p, g):
    """Whether the steps are the same when the parameters are hidden."""
    case = CASES[name]
    large = {k: 0.5 for k in ("lr", "weight_decay", "lambd", "d0") if k in case.hyper}
    paths = walk(case.make, p, g, **large), walk(case.make, p, g, hidden=True, **large)
    return np.allclose(*paths, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", [x for x in OURS if not CASES[x].make().init.needs_params])
@given(p=leaves, g=gradients)
def test_steps_that_do_not_see_the_parameters(name, p, g):
    assert blind(name, p, g)


@pytest.mark.parametrize("name", [x for x in OURS if CASES[x].make().init.needs_params])
@given(p=leaves, g=leaves)
def test_steps_that_see_the_parameters(name, p, g):
    """Along gradients that fall, as in a bowl: on others L-BFGS, say, has no curvature to use."""
    assert not blind(name, p, g * np.float32([[[1]], [[0.75]], [[0.5]]]))


def clipped_sgd(max_norm):
    return jsgd.clip_by_global_norm(jsgd.sgd(0.5), max_norm)


@given(p=leaves, g=gradients, max_norm=st.floats(0.01, 20))
def test_clipped_steps_are_bounded(p, g, max_norm):
    """Whatever comes, no step of clipped SGD is longer than lr * max_norm."""
    bound = 0.5 * max_norm * len(g) * (1 + 1e-5)
    assert np.linalg.norm(walk(clipped_sgd, np.zeros_like(p), g, max_norm=max_norm)) <= bound


@given(p=leaves, g=gradients, lr=st.floats(0.001, 1))
def test_lion_moves_every_coordinate_by_lr(p, g, lr):
    step = walk(jsgd.lion, np.zeros_like(p), g[:1], lr=lr)
    np.testing.assert_allclose(np.abs(step), lr, rtol=1e-6)
