"""The run of an estimator: epochs of `make_run`, told its data as it goes, and when to stop.

`advance(state, data)` takes the samples as an argument, and everything that is a number is in the
state. So one compiled program serves every fit of the same network on samples of the same shapes,
whatever the values, and the folds of a cross-validation can be mapped over.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jsgd.core import Optimizer
from jsgd.core.lift import bare
from jsgd.core.numerics import working_dtype
from jsgd.core.tree import choose, dot
from jsgd.estimators.neural_data import Data
from jsgd.models import Model
from jsgd.train.carry import Carry, Run
from jsgd.train.leaves import shapes
from jsgd.train.losses import binary, cross_entropy
from jsgd.train.problem import Problem
from jsgd.train.run import make_run

NUMBERS = {"penalty": 0.0, "fold": 0.0, "max_iter": 0.0, "n_iter_no_change": 0.0, "tol": 0.0}
"""What every run is given a number for; beside these, those of the optimizer and the network."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fitting:
    """Where a fit stands: a pytree of arrays.

    Attributes:
        carry: of `make_run`.
        figure: the least loss of an epoch so far; with early stopping the best score, negative.
        idle: epochs since it was last better by `tol`.
        epoch: epochs done.
        done: there is a reason to stop: it changes no more.
        best: with early stopping, the parameters and the model state of the best epoch.
    """

    carry: Carry
    figure: jax.Array
    idle: jax.Array
    epoch: jax.Array
    done: jax.Array
    best: Any = None

    @property
    def learnt(self) -> tuple[Any, Any]:
        """The parameters to use, and the model state."""
        return self.best or _now(self.carry)


@functools.lru_cache(maxsize=64)
def neural_run(
    model: Model,
    opt: Optimizer,
    output: str,
    batch_size: int | None,
    *,
    shuffle: bool,
    early_stopping: bool,
) -> Run:
    """The pair `init(key, hyper, learnt=None)`, `advance(fitting, data)`.

    Equal arguments give the same functions; those that differ in the numbers of the optimizer
    alone share `advance`. `learnt` is the parameters and the model state to begin with, if there
    are any. Metrics: `loss`, the mean over the epoch, with the penalty; `test_score` with early
    stopping; and `done`.

    Args:
        model: the network.
        opt: the optimizer.
        output: what the outputs of the network are: "softmax" or "logistic" of classes, or
            "identity", values.
        batch_size: `None` for all samples.
        shuffle: as of `make_run`.
        early_stopping: whether the data has test rows, whose score says when to stop.
    """
    init = _init(model, opt, early_stopping)
    return Run(init, _advance(model, bare(opt), output, batch_size, shuffle, early_stopping))


@functools.lru_cache(maxsize=64)
def _init(model: Model, opt: Optimizer, early_stopping: bool) -> Callable:
    def init(key, hyper, learnt=None):
        problem = Problem(partial(_start, model, learnt), _nothing, jnp.zeros(1), None, {})
        own = {name: None for name in hyper if name in _own(model)}
        problem = problem._replace(hyper=NUMBERS | own)
        carry = make_run(problem, opt, batch_size=1).init(key, hyper)
        number = partial(jnp.asarray, dtype=jnp.float32)
        best = None
        if early_stopping:  # until there is one
            params, model_state = _now(carry)
            params = jax.tree.map(partial(jnp.full_like, fill_value=jnp.nan), params)
            best = params, jax.tree.map(jnp.zeros_like, model_state)
        return Fitting(carry, number(jnp.inf), number(0), number(0), jnp.asarray(False), best)

    return init


@functools.lru_cache(maxsize=64)
def _advance(
    model: Model,
    opt: Optimizer,
    output: str,
    batch_size: int | None,
    shuffle: bool,
    early_stopping: bool,
) -> Callable:
    def advance(state, data):
        old = state.carry
        fold = old.hyper["fold"].astype(jnp.int32)
        train, test = ((data.rows, data.weights), (data.test_rows, data.test_weights))
        train, test = jax.tree.map(lambda table: table[fold], (train, test))
        problem = Problem(
            partial(_start, model, None),
            partial(_loss, model, output, data),
            train,
            test if early_stopping else None,
            old.hyper,
        )
        run = make_run(problem, opt, batch_size=batch_size, shuffle=shuffle)
        carry, metrics = run.advance(old)
        figure = -metrics["test_score"] if early_stopping else metrics["loss"]
        idle = jnp.where(figure > state.figure - old.hyper["tol"], state.idle + 1, 0)
        epoch, better = state.epoch + 1, figure < state.figure
        stop = (idle > old.hyper["n_iter_no_change"]) | (epoch >= old.hyper["max_iter"])
        new = Fitting(
            carry,
            jnp.where(better, figure, state.figure),
            idle,
            epoch,
            stop | (carry.diverged_at >= 0),
            choose(better, _now(carry), state.best) if early_stopping else None,
        )
        new = choose(state.done, state, new)
        metrics = {name: x for name, x in metrics.items() if name in ("loss", "test_score")}
        return new, metrics | {"done": new.done}

    return advance


def again(state: Fitting, **hyper: Any) -> Fitting:
    """A fit that goes on from its last epoch, with other numbers, and stops early no more."""
    carry = replace(state.carry, hyper=state.carry.hyper | hyper)
    return replace(state, carry=carry, done=jnp.zeros_like(state.done), best=None)


@functools.lru_cache(maxsize=64)
def begun(run: Run, names: tuple[str, ...]) -> Fitting:
    """The shapes of what a run with numbers of these names begins with."""
    return shapes(run, jax.random.key(0), names)


def _start(model: Model, learnt: Any, key: Any, hyper: dict[str, Any]) -> tuple[Any, Any]:
    params, model_state = model.init(key) if learnt is None else learnt
    held = model_state.get("hyper", {})
    if held:
        held = {name: jnp.asarray(hyper.get(name, x), x.dtype) for name, x in held.items()}
        model_state = model_state | {"hyper": held}
    return params, model_state


@functools.lru_cache(maxsize=64)
def _own(model: Model) -> tuple[str, ...]:
    """The numbers of the network itself, such as `dropout`."""
    return tuple(jax.eval_shape(model.init, jax.random.key(0))[1].get("hyper", {}))


def _nothing(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("a run that only begins has no loss")


def _loss(
    model: Model,
    output: str,
    data: Data,
    params: Any,
    model_state: Any,
    batch: Any,
    hyper: dict[str, Any],
    *,
    train: bool,
    key: Any,
) -> Any:
    """The loss of `Problem`, on rows and their weights."""
    rows, weights = batch
    y = data.y[rows]
    out, model_state = model.apply(params, model_state, data.x[rows], train=train, key=key)
    out = out.astype(working_dtype(out)).reshape(y.shape)
    fold = hyper["fold"].astype(jnp.int32)
    if not train:
        score = jnp.mean(weights * _scores(output, out, y, data.test_scale[fold]))
        return score, ({"score": score}, model_state)
    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]
    value = jnp.mean(weights * _LOSSES[output](out, y))
    value += (hyper["penalty"] * data.decay[fold] / 2 * dot(kernels, kernels)).astype(value.dtype)
    return value, ({"loss": value}, model_state)


def _half_squares(out: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.mean(optax.l2_loss(out, y), axis=-1)


_LOSSES = {"softmax": cross_entropy, "logistic": binary, "identity": _half_squares}


def _scores(output: str, out: jax.Array, y: jax.Array, scale: jax.Array) -> jax.Array:
    """Of each sample: their mean is the accuracy, or R2."""
    if output == "softmax":
        return (jnp.argmax(out, axis=-1) == jnp.argmax(y, axis=-1)).astype(out.dtype)
    if output == "logistic":
        return jnp.all((out > 0) == (y > 0.5), axis=-1).astype(out.dtype)
    return 1 - jnp.mean((out - y) ** 2 * scale[None], axis=-1)


def _now(carry: Carry) -> tuple[Any, Any]:
    return carry.eval_params, carry.model_state
