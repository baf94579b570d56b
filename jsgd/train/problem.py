"""A problem: what is trained and on what, as pure functions and data."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jsgd.core.hyper import is_concrete
from jsgd.core.numerics import cast_like
from jsgd.core.ranges import Range
from jsgd.core.tree import leaves_by_path, map_with_path, scale


class Problem(NamedTuple):
    """What a run trains: two pure functions, the data, and the names of its own hyperparameters.

    Attributes:
        init: `init(key, hyper) -> (params, model_state)`.
        loss: `loss(params, model_state, batch, hyper, *, train, key) -> (value, (metrics,
            model_state))`; `metrics` is a dict of scalars, means over the batch.
        train: the training data, a pytree of arrays with one row per sample.
        test: the test data, or `None`.
        hyper: name -> default of the hyperparameters that the problem understands. Both functions
            get them all, as arrays; they may change from one step to the next.

    A problem of one's own: find the point nearest to the samples.

    >>> import jax.numpy as jnp, jsgd
    >>> def loss(point, state, batch, hyper, *, train, key):
    ...     value = jnp.mean((point - batch) ** 2)
    ...     return value, ({"loss": value}, state)
    >>> problem = Problem(lambda key, hyper: (jnp.float32(0), {}), loss, jnp.arange(4.0), None, {})
    >>> run = jsgd.train.make_run(problem, jsgd.sgd(lr=0.25), batch_size=None)
    >>> float(jsgd.train.fit(run, epochs=20, progress=False).params)
    1.4999985694885254
    """

    init: Callable
    loss: Callable
    train: Any
    test: Any
    hyper: dict[str, Any]


# What the values of problem-level names may be; a name that is not here may be any number.
_RANGES = {
    "label_smoothing": Range(0, 1),
    "init_scale": Range(0, float("inf"), open_high=True),
    "dropout": Range(0, 1, open_high=True),
}


def classification(model: Any, data: Any) -> Problem:
    """Classification with integer labels: softmax cross-entropy, and the accuracy beside it.

    Hyperparameters: `label_smoothing` in [0, 1] (of the training loss only), `init_scale` (the
    initial kernels are multiplied by it), and the model's own, such as `dropout`.

    Args:
        model: a `Model` whose output is logits of shape (batch, classes).
        data: with `train` and `test`, each `(x, y)`; `y` holds integers, of shape (samples,).

    Raises:
        ValueError: the labels are not integers of shape (samples,).
    """
    for _, y in (data.train, data.test):
        if np.ndim(y) != 1 or not np.issubdtype(y.dtype, np.integer):
            raise ValueError(
                f"labels are integers of shape (samples,), not {y.dtype} of shape {np.shape(y)}"
            )

    def loss(params, model_state, batch, hyper, *, train, key):
        x, y = batch
        logits, model_state = model.apply(params, model_state, x, train=train, key=key)
        value = jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, y))
        if train:
            a = hyper["label_smoothing"].astype(value.dtype)
            value = (1 - a) * value - a * jnp.mean(jax.nn.log_softmax(logits))
        correct = jnp.argmax(logits, axis=-1) == y
        metrics = {"loss": value, "accuracy": jnp.mean(correct, dtype=jnp.float32)}
        return value, (metrics, model_state)

    return _supervised(model, data, loss, {"label_smoothing": 0.0})


def regression(model: Any, data: Any) -> Problem:
    """Regression: the mean squared error.

    Hyperparameters: `init_scale` (the initial kernels are multiplied by it), and the model's own.

    Args:
        model: a `Model` whose output has the size of the targets.
        data: with `train` and `test`, each `(x, y)`.

    Raises:
        ValueError: when traced, if the model's output has another size than the targets.
    """

    def loss(params, model_state, batch, hyper, *, train, key):
        x, y = batch
        out, model_state = model.apply(params, model_state, x, train=train, key=key)
        if out.size != y.size:
            raise ValueError(f"the model's output is {out.shape}, the targets are {y.shape}")
        # (batch, 1) against (batch,) is one number a sample, not a matrix of all differences
        value = jnp.mean(optax.squared_error(out.reshape(y.shape), y))
        return value, ({"loss": value}, model_state)

    return _supervised(model, data, loss, {})


def _supervised(model: Any, data: Any, loss: Callable, hyper: dict[str, Any]) -> Problem:
    # jit, so that the parameters are not computed only to be thrown away
    models_own = jax.jit(lambda key: model.init(key)[1].get("hyper", {}))(jax.random.key(0))
    defaults = {_name(path): float(x) for path, x in leaves_by_path(models_own).items()}

    def told(model_state, hyper):
        """At the start and at each step, so that `hyper` alone says what they are."""
        if not defaults:
            return model_state
        own = map_with_path(lambda at, x: jnp.asarray(hyper[_name(at)], x.dtype), models_own)
        return model_state | {"hyper": own}

    def init(key, hyper):
        _check_ranges(hyper)
        params, model_state = model.init(key)
        scaled = jax.tree.map(cast_like, scale(hyper["init_scale"], params), params)
        # what norms multiply by is no random start, and only the kernels have two axes
        params = jax.tree.map(lambda a, b: a if jnp.ndim(a) > 1 else b, scaled, params)
        return params, told(model_state, hyper)

    def loss_told(params, model_state, batch, hyper, *, train, key):
        return loss(params, told(model_state, hyper), batch, hyper, train=train, key=key)

    train, test = jax.tree.map(jnp.asarray, (tuple(data.train), tuple(data.test)))
    return Problem(init, loss_told, train, test, hyper | {"init_scale": 1.0} | defaults)


def _name(path: str) -> str:
    """A place in the model's collection "hyper" as a name: `dropout`, `block0__dropout`."""
    return path.replace("/", "__")


def _check_ranges(hyper: Mapping[str, Any]) -> None:
    for name, value in hyper.items():
        if name in _RANGES and is_concrete(value) and np.asarray(value) not in _RANGES[name]:
            raise ValueError(f"{name} = {value}: {name} must be in {_RANGES[name]}")
