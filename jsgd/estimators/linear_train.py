"""One program from samples in NumPy to coefficients in NumPy: `train`, of both linear models."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils import check_random_state

from jsgd.core import Optimizer
from jsgd.estimators.linear_epochs import Limits, Samples, run
from jsgd.estimators.linear_minibatch import MiniBatches
from jsgd.estimators.linear_params import numbers
from jsgd.estimators.linear_rows import pack
from jsgd.estimators.linear_sgd import PlainSGD

_BATCH_SIZE = 32
_LARGEST_SEED = np.iinfo(np.int32).max


class Problems(NamedTuple):
    """Samples, and the targets of one problem or several.

    Attributes:
        X: (n, n_features), an array or a CSR matrix, float32 or float64.
        y: (problems, n), as the loss takes them.
        weight: (n,), of the samples.
        factor: (problems, n) or (1, 1), what a sample counts beyond its weight, for its class.
        strata: the classes of the samples, (n,), or `None` where there are none.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    factor: np.ndarray
    strata: np.ndarray | None


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
    dtype, count = problems.X.dtype, len(problems.y)
    samples, held_out = _split(model, problems)
    n = samples.X.shape[0]
    size = _room(n)
    rule, size = _rule(model, size)
    key = check_random_state(model.random_state).randint(_LARGEST_SEED)
    with jax.enable_x64(dtype == np.float64):
        if model.optimizer is None:
            walk = walk | {"t": np.full(count, t, np.int32)}
        elif walk[1] is None:
            walk = walk[0], jax.vmap(model.optimizer.init)(jax.tree.map(jnp.asarray, walk[0]))
        given, eta = numbers(model, dtype, sparse.issparse(problems.X))
        walk, (coef, intercept), progress = jax.device_get(
            run(
                walk,
                _samples(samples, samples.factor, size),
                None if held_out is None else _samples(held_out, np.ones((1, 1)), _room(1)),
                given,
                eta,
                Limits(
                    n=np.int32(n),
                    max_iter=np.int32(max_iter),
                    tol=dtype.type(-np.inf if model.tol is None else model.tol),
                    patience=np.int32(model.n_iter_no_change),
                    is_adaptive=np.bool_(
                        model.learning_rate == "adaptive" and model.optimizer is None
                    ),
                ),
                jax.random.key(key),
                rule=rule,
                score=None
                if held_out is None
                else ("r2" if held_out.strata is None else "accuracy"),
                shuffle=bool(model.shuffle),
                verbose=bool(model.verbose),
            )
        )
    n_iter = int(progress.epochs.max())
    if not progress.is_finite.all():
        raise ValueError(
            f"Floating-point under-/overflow occurred at epoch #{n_iter}. Scaling input data with "
            "StandardScaler or MinMaxScaler might help, and so might a lower learning rate."
        )
    return Fitted(coef, intercept, walk, n_iter)


def _rule(model: Any, size: int) -> tuple[PlainSGD | MiniBatches, int]:
    """The rule, and how many rows it needs where there would be `size` of them."""
    if isinstance(model.optimizer, Optimizer):
        batch_size = min(model.batch_size or _BATCH_SIZE, size)
        return MiniBatches(model.loss, model.optimizer.step, batch_size), size + -size % batch_size
    policy = model.learning_rate if model.learning_rate in ("pa1", "pa2") else "rate"
    has_l1 = model.penalty in ("l1", "elasticnet")
    return PlainSGD(model.loss, policy, has_l1, bool(model.average)), size


def _split(model: Any, problems: Problems) -> tuple[Problems, Problems | None]:
    """The samples to learn from and, for early stopping, those to score on."""
    if not model.early_stopping:
        return problems, None
    splitter = ShuffleSplit if problems.strata is None else StratifiedShuffleSplit
    parts = splitter(test_size=model.validation_fraction, random_state=model.random_state)
    train, test = next(parts.split(np.zeros((len(problems.weight), 1)), problems.strata))
    if not np.any(problems.weight[test]):
        raise ValueError(
            "sample_weight is 0 for all samples that early_stopping has set aside; "
            "another random_state sets others aside"
        )
    # in the order that they had
    return _take(problems, np.sort(train)), _take(problems, np.sort(test))


def _take(problems: Problems, rows: np.ndarray) -> Problems:
    X, y, weight, factor, strata = problems
    factor = factor[:, rows] if factor.shape[1] > 1 else factor
    return Problems(
        X[rows], y[:, rows], weight[rows], factor, None if strata is None else strata[rows]
    )


def _samples(problems: Problems, factor: np.ndarray, size: int) -> Samples:
    X, y, weight = problems.X, problems.y, problems.weight
    size = max(size, _room(len(weight)))
    room = [(0, 0), (0, size - len(weight))]
    weights = np.broadcast_to(weight * factor, y.shape).astype(X.dtype)
    return Samples(pack(X, size), np.pad(y, room), np.pad(weights, room))


def _room(n: int) -> int:
    """How many rows there are for `n` samples, so that other numbers of them find a program ready.

    >>> [_room(n) for n in (3, 65, 2000, 2049)]
    [64, 128, 2048, 2304]
    """
    unit = 1 << max(0, (n - 1).bit_length() - 4)
    return max(64, 1 << (n - 1).bit_length() if n <= 1024 else -(-n // unit) * unit)
