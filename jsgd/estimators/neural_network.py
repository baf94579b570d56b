"""What an estimator is made of, found again: equal networks are one model, and share programs."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
from flax import linen as nn

from jsgd.core import Optimizer, get_hyper
from jsgd.models import Model, from_linen
from jsgd.optimizers.registry import REGISTRY
from jsgd.train.carry import Run
from jsgd.train.names import unknown


def network_of(model: Any, outputs: int) -> nn.Module | Model:
    """The network that the parameter `model` of an estimator stands for.

    Args:
        model: a Linen module, a `Model`, or a function of the number of outputs that makes one.
        outputs: how many there have to be.

    Raises:
        ValueError: it is none of these.
    """
    if callable(model) and not isinstance(model, nn.Module):
        try:
            model = model(outputs)
        except TypeError as error:
            raise ValueError(
                f"model = {model!r}: it was called with the number of outputs, {outputs}, and that "
                f"raised TypeError: {error}"
            ) from error
    if not isinstance(model, nn.Module | Model):
        raise ValueError(
            f"model = {model!r}: it must be a flax.linen.Module, a jsgd.models.Model, or a "
            "function that makes one for a number of outputs"
        )
    return model


def model_of(network: nn.Module | Model, shape: tuple[int, ...]) -> Model:
    """The model of a network for inputs of this shape: the same one for equal networks.

    Raises:
        ValueError: the network cannot be compared with others.
    """
    try:
        return _model(network, shape)
    except TypeError as error:
        if "hash" not in str(error):
            raise
        raise ValueError(
            "model: the fields of a module must be hashable: tuples, (64, 32), and not lists"
        ) from None


@functools.lru_cache(maxsize=64)
def _model(network: nn.Module | Model, shape: tuple[int, ...]) -> Model:
    if isinstance(network, Model):
        return network
    return from_linen(network, jax.ShapeDtypeStruct((1, *shape), "float32"))


@functools.lru_cache(maxsize=64)
def width(model: Model, shape: tuple[int, ...]) -> int:
    """How many outputs a model has."""

    def apply(key, x):
        return model.apply(*model.init(key), x, train=False)[0]

    x = jax.ShapeDtypeStruct((1, *shape), "float32")
    return math.prod(jax.eval_shape(apply, jax.random.key(0), x).shape)


def optimizer_of(optimizer: Any) -> Optimizer:
    """The optimizer that the parameter of an estimator stands for.

    Raises:
        ValueError: it is neither one nor the name of one.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str):
        raise ValueError(f"optimizer = {optimizer!r}: it must be a jsgd.Optimizer, or a name")
    if optimizer not in REGISTRY:
        raise ValueError(unknown("optimizer", optimizer, REGISTRY))
    return REGISTRY[optimizer].factory()


@functools.lru_cache(maxsize=64)
def has_lr(opt: Optimizer) -> bool:
    """Whether an optimizer has one learning rate, and it is called so."""
    like = {"kernel": jax.ShapeDtypeStruct((2, 2), "float32")}
    return "lr" in jax.eval_shape(lambda params: get_hyper(opt.init(params)), like)


@functools.lru_cache(maxsize=64)
def programs(run: Run) -> tuple[Callable, Callable]:
    """Both functions of a run, jitted once: they are compiled for each shape that comes."""

    def jit(fn, level, **how):
        # without LLVM's costly passes programs of CPUs compile faster; an epoch runs no slower
        # without some of them, and the beginning is run once
        cpu = jax.default_backend() == "cpu"
        options = {"xla_backend_optimization_level": level} if cpu else None
        return jax.jit(fn, compiler_options=options, **how)

    return jit(run.init, "0"), jit(run.advance, "1", donate_argnums=0)
