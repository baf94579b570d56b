"""One program from samples in NumPy to coefficients in NumPy: `train`, of both linear models."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from jsgd.core import Optimizer
from jsgd.estimators.linear_epochs import Limits, Samples, run
from jsgd.estimators.linear_minibatch import MiniBatches
from jsgd.estimators.linear_params import numbers
from jsgd.estimators.linear_problems import Problems, split
from jsgd.estimators.linear_rows import pack, room
from jsgd.estimators.linear_sgd import PlainSGD

_BATCH_SIZE = 32
_LEAST_ROWS, _LEAST_FEATURES = 256, 16  # so few cost nothing, and share a program
_LARGEST_SEED = np.iinfo(np.int32).max


class Fitted(NamedTuple):
    """What `train` has learned.

    Attributes:
        coef: (problems, n_features).
        intercept: (problems,).
        walk: what it goes on from: the parameters and the state of an optimizer; else a dict of
            `coef` and `intercept`, before averaging, and their averages where there are any.
        n_iter: epochs, of the problem that took the most.
    """

    coef: np.ndarray
    intercept: np.ndarray
    walk: Any
    n_iter: int


def train(model: Any, problems: Problems, walk: Any, t: int, max_iter: int) -> Fitted:
    """Fit all problems at once.

    Args:
        model: an estimator whose parameters are checked.
        problems: what to fit.
        walk: where to begin, as `Fitted.walk`; of an optimizer the state may be `None`.
        t: the number of the next update, from 1 on.
        max_iter: the most epochs.

    Raises:
        ValueError: a coefficient has become infinite or NaN, or there is no splitting the samples
            for early stopping.
    """
    dtype, (n_problems, _) = problems.X.dtype, problems.y.shape
    samples, held_out = split(model, problems)
    seed = check_random_state(model.random_state).randint(_LARGEST_SEED)
    n, n_features = samples.X.shape
    rule, size, width = _rule(model, n, n_features)
    limits = Limits(
        n=np.int32(n),
        max_iter=np.int32(max_iter),
        tol=dtype.type(-np.inf if model.tol is None else model.tol),
        patience=np.int32(model.n_iter_no_change),
        is_adaptive=np.bool_(model.learning_rate == "adaptive"),
    )
    score = "objective"
    if held_out is not None:
        score = "r2" if held_out.strata is None else "accuracy"
    with jax.enable_x64(dtype == np.float64):
        if isinstance(rule, PlainSGD):
            walk = _wider(walk, width) | {"t": np.full(n_problems, t, np.int32)}
        elif walk[1] is None:
            params = jax.tree.map(jnp.asarray, walk[0])
            walk = params, jax.vmap(model.optimizer.init)(params)
        given, eta = numbers(model, dtype, sparse.issparse(problems.X))
        learned = run(
            walk,
            _samples(samples, size, width),
            held_out and _samples(held_out, room(len(held_out.weight), _LEAST_ROWS), width),
            given,
            eta,
            limits,
            np.uint32(seed),
            rule=rule,
            score=score,
            shuffle=bool(model.shuffle),
            verbose=bool(model.verbose),
        )
        walk, (coef, intercept), progress = jax.device_get(learned)
    n_iter = int(progress.epochs.max())
    if not progress.is_finite.all():
        raise ValueError(
            f"Floating-point under-/overflow occurred at epoch #{n_iter}. Scaling input data with "
            "StandardScaler or MinMaxScaler might help, and so might a lower learning rate."
        )
    if isinstance(rule, PlainSGD):
        walk = {k: x[:, :n_features] if x.ndim == 2 else x for k, x in walk.items() if k != "t"}
    return Fitted(coef[:, :n_features], intercept, walk, n_iter)


def _rule(model: Any, n: int, n_features: int) -> tuple[PlainSGD | MiniBatches, int, int]:
    """The rule, and how many rows and features it is to be given."""
    size = room(n, _LEAST_ROWS)
    if isinstance(model.optimizer, Optimizer):
        batch_size = min(model.batch_size or _BATCH_SIZE, size)
        # no features beyond, since a rule may take means over all of them
        size += -size % batch_size
        return MiniBatches(model.loss, model.optimizer.step, batch_size), size, n_features
    policy = model.learning_rate if model.learning_rate in ("pa1", "pa2") else "rate"
    has_l1 = model.penalty in ("l1", "elasticnet")
    rule = PlainSGD(model.loss, policy, has_l1, bool(model.average))
    return rule, size, room(n_features, _LEAST_FEATURES)


def _samples(problems: Problems, size: int, width: int) -> Samples:
    X, y, weight, factor, _ = problems
    beyond = [(0, 0), (0, size - len(weight))]
    weight = np.broadcast_to(weight * factor, y.shape).astype(X.dtype)
    return Samples(pack(X, size, width), np.pad(y, beyond), np.pad(weight, beyond))


def _wider(walk: dict[str, np.ndarray], width: int) -> dict[str, np.ndarray]:
    """Coefficients of features beyond those that there are: they stay 0."""
    return {
        name: np.pad(x, [(0, 0), (0, width - x.shape[1])]) if x.ndim == 2 else x
        for name, x in walk.items()
    }
