"""The parameters of the linear models: what each may be, and what they are as numbers of a rule."""

import inspect
import math
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np

from jsgd.core import Optimizer
from jsgd.core.ranges import INF, Range
from jsgd.estimators.checks import AMOUNT, AT_LEAST_1, FRACTION, check_flags, check_numbers
from jsgd.estimators.linear_sgd import Numbers

_LEARNING_RATES = ("constant", "optimal", "invscaling", "adaptive", "pa1", "pa2")
_PENALTIES = ("l2", "l1", "elasticnet", None)
_INTEGERS = {
    "max_iter": AT_LEAST_1,
    "n_iter_no_change": AT_LEAST_1,
    "batch_size": AT_LEAST_1,
    "verbose": AMOUNT,
}
_REALS = {
    "alpha": AMOUNT,
    "l1_ratio": Range(0, 1),
    "tol": AMOUNT,
    "epsilon": AMOUNT,
    "eta0": Range(0, INF, open_low=True, open_high=True),
    "power_t": AMOUNT,
    "validation_fraction": FRACTION,
}
_FLAGS = ("early_stopping", "fit_intercept", "shuffle", "warm_start")
_ALSO = {"batch_size": None, "l1_ratio": None, "tol": None}
# What optimizer= replaces; each may stay what it is by default.
_OF_PLAIN_SGD = ("learning_rate", "eta0", "power_t", "average")
_SPARSE_INTERCEPT_RATE = 0.01  # scikit-learn's: a sparse row moves few coefficients, but always it


def check_params(
    model: Any, losses: Iterable[str], pa_loss: str, for_partial_fit: bool = False
) -> None:
    """Hold the parameters of an estimator against what they may be.

    Args:
        model: an `SGDClassifier` or `SGDRegressor`.
        losses: the names of its losses.
        pa_loss: the one that passive-aggressive updates are of.
        for_partial_fit: whether it is `partial_fit` that is to follow.

    Raises:
        ValueError: a parameter is none of what it may be; it says which, and what it may be.
    """
    for name, kind in [
        ("loss", losses),
        ("penalty", _PENALTIES),
        ("learning_rate", _LEARNING_RATES),
    ]:
        if getattr(model, name) not in tuple(kind):
            allowed = ", ".join(map(repr, kind))
            raise ValueError(f"{name} = {getattr(model, name)!r}: it must be one of {allowed}")
    check_numbers(vars(model), _INTEGERS, _REALS, _ALSO, bools=True)
    check_flags(vars(model), _FLAGS)
    if not isinstance(model.average, bool | np.bool_ | Integral) or model.average < 0:
        raise ValueError(f"average = {model.average!r}: it must be a bool or a whole number >= 1")
    if for_partial_fit and model.early_stopping:
        raise ValueError("early_stopping must be False for partial_fit, which sees no epochs")
    if model.penalty == "elasticnet" and model.l1_ratio is None:
        raise ValueError("l1_ratio must be a number when penalty is 'elasticnet'")
    if model.optimizer is not None:
        _check_optimizer(model)
        return
    if model.batch_size not in (None, 1):
        raise ValueError(
            f"batch_size = {model.batch_size}: without optimizer= the samples come one at a time; "
            "with optimizer=jsgd.sgd(0.01), say, they come in batches"
        )
    if model.learning_rate == "optimal" and model.alpha == 0:
        raise ValueError("alpha must be > 0 when learning_rate is 'optimal', which is made of it")
    if model.learning_rate in ("pa1", "pa2") and model.loss != pa_loss:
        raise ValueError(f"learning_rate = {model.learning_rate!r} only goes with loss={pa_loss!r}")


def _check_optimizer(model: Any) -> None:
    if not isinstance(model.optimizer, Optimizer):
        raise ValueError(
            f"optimizer = {model.optimizer!r}: it must be a jsgd Optimizer, such as "
            "jsgd.adam(1e-2), or None"
        )
    defaults = inspect.signature(type(model)).parameters
    for name in _OF_PLAIN_SGD:
        if getattr(model, name) != defaults[name].default:
            raise ValueError(
                f"{name} = {getattr(model, name)!r} has no meaning with optimizer=, which has "
                "a learning rate, schedules (jsgd.schedules) and averages (jsgd.ema, jsgd.swa) "
                "of its own"
            )


def numbers(model: Any, dtype: np.dtype, is_sparse: bool) -> tuple[Numbers, np.ndarray]:
    """The numbers of a rule, and the rate that it begins with.

    Args:
        model: an estimator, checked.
        dtype: of the numbers.
        is_sparse: whether the samples are.
    """
    ratio = {"l2": 0, "l1": 1, "elasticnet": model.l1_ratio}.get(model.penalty, 0)
    alpha = 0 if model.penalty is None else model.alpha
    eta, offset, power = model.eta0, 0, 0
    if model.learning_rate == "invscaling":
        power = model.power_t
    if model.learning_rate == "optimal" and model.optimizer is None:
        # the first rate is that of a typical coefficient, sqrt(1 / sqrt(alpha))
        eta, offset, power = 1 / model.alpha, math.pow(model.alpha, -0.75) - 1, 1
    given = Numbers(
        l1=alpha * ratio,
        l2=alpha * (1 - ratio),
        epsilon=model.epsilon,
        offset=offset,
        power=power,
        intercept_rate=model.fit_intercept * (_SPARSE_INTERCEPT_RATE if is_sparse else 1),
        average=int(model.average),
    )
    return Numbers(**{name: dtype.type(x) for name, x in vars(given).items()}), dtype.type(eta)
