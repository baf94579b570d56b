"""Every registered optimizer finds the minimum of a bowl and of a bent valley."""

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsgd import schedules
from jsgd.core import tree
from jsgd.core.numerics import abs_sq
from jsgd.optimizers import REGISTRY


class Setting(NamedTuple):
    """What a factory is given.

    Attributes:
        lr, valley_lr: in the bowl and in the valley; they fall to 0 along a cosine. A factory
            without `lr` is given none.
        more: other hyperparameters.
        steps: how many are taken.
    """

    lr: float = 0.1
    valley_lr: float = 0.01
    more: Mapping[str, Any] = MappingProxyType({})
    steps: int = 10_000


# What is not here is given the default, and fails if it does not converge with that.
SETTINGS = {
    "acprop": Setting(valley_lr=0.003, more={"eps": 1e-3}),
    "adadelta": Setting(1.0, 0.3),
    "adagrad": Setting(1.0, 1.0),
    "adamaxw": Setting(more={"weight_decay": 1e-4}),
    "adamw": Setting(more={"weight_decay": 1e-4}),
    "asgd": Setting(valley_lr=0.003, steps=20_000),
    "cocob": Setting(steps=40_000),
    "dog": Setting(1.0, 1.0),
    "dowg": Setting(1.0, 0.3),
    "dpsgd": Setting(
        valley_lr=0.001, more={"max_norm": 1e4, "noise_multiplier": 0.0, "momentum": 0.9}
    ),
    "ftrl": Setting(1.0, 0.1),
    "lamb": Setting(valley_lr=0.003),
    "lars": Setting(0.3, 0.3),
    "lbfgs": Setting(1.0, 1.0, steps=100),
    "nadamw": Setting(more={"weight_decay": 1e-4}),
    "noisy_sgd": Setting(valley_lr=0.003, more={"eta": 1e-4}, steps=20_000),
    "optimistic_gradient_descent": Setting(valley_lr=0.001, steps=40_000),
    "sgd": Setting(valley_lr=0.003, more={"momentum": 0.9}),
    "sign_sgd": Setting(valley_lr=0.001, steps=40_000),
    "sm3": Setting(1.0, 0.3),
}


def bowl(x, one):
    """Minimal at (1, -1, 1) times `one`, a number of that size."""
    return jnp.sum(abs_sq(x - one * jnp.array([1, -1, 1], x.dtype)))


def valley(x, one):
    """Rosenbrock's, minimal where x[0] is `one` and x[1] its square."""
    return abs_sq(one - x[0]) + 100 * abs_sq(x[1] - x[0] ** 2)


def check(name, one):
    """The optimizer ends at the minimum of the bowl and of the valley: one program for the two."""
    row, setting = REGISTRY[name], SETTINGS.get(name, Setting())

    def run(in_bowl, start, lr):
        rate = {"lr": schedules.cosine(lr, setting.steps)}
        given = rate if "lr" in inspect.signature(row.factory).parameters else {}
        opt = row.factory(**given, **row.variants[0], **setting.more)

        def loss(params):
            x = jnp.ravel(params)
            return jnp.where(in_bowl, bowl(x, one), valley(x, one))

        def body(carry, _):
            params, state = carry
            value, grads = tree.value_and_grad(loss, params)
            grads = grads[None] if row.per_example else grads
            return opt.step(params, grads, state, value=value, value_fn=loss), None

        params = start[None] if row.takes == "matrices" else start
        (params, _), _ = jax.lax.scan(body, (params, opt.init(params)), length=setting.steps)
        return jnp.ravel(params)

    starts = jnp.array([[-1, 10, 1], [0, 0, 0]], one.dtype)
    ends = jax.jit(jax.vmap(run))(jnp.array([True, False]), starts, jnp.array(setting[:2]))
    expected = one * np.array([[1, -1, 1], [1, one, 0]])
    np.testing.assert_allclose(ends, expected, atol=3e-2)


@pytest.mark.parametrize("name", REGISTRY)
def test_real(name):
    check(name, np.float32(1))


@pytest.mark.parametrize("name", [name for name, row in REGISTRY.items() if row.takes == "all"])
def test_complex(name):
    with jax.numpy_dtype_promotion("standard"):
        check(name, np.complex64((1 + 1j) / 2**0.5))
