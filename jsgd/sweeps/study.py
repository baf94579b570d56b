"""A sweep as a study of Optuna, for its plots, importances and dashboard."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from jsgd.sweeps.conditions import applies
from jsgd.sweeps.dimension import Interval, Rounded, Values
from jsgd.sweeps.space import Either

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult

# what Optuna calls the trial of a setting with such a status
_STATES = {
    "COMPLETED": "COMPLETE",
    "STOPPED": "PRUNED",
    "DIVERGED": "FAIL",
    "RUNNING": "RUNNING",
}


def study(result: "SweepResult") -> Any:
    """The study; see `SweepResult.to_optuna`."""
    with quiet_optuna("to_optuna") as optuna:
        out = optuna.create_study(direction=direction(result.mode))
    columns = {name: result.table[f"param_{name}"] for name in result.space}
    distributions = {
        name: _distribution(result.space[name], x[applies(x)])
        for name, x in columns.items()
        if applies(x).any()
    }
    curves = result.curves[result.metric].astype(np.float64).mean(axis=1)
    table = {name: x.tolist() for name, x in result.table.items()}
    for row, curve in enumerate(curves.tolist()):
        state = optuna.trial.TrialState[_STATES[table["status"][row]]]
        params = result.params(row)
        used = {name: distributions[name] for name in params}
        trial = optuna.trial.create_trial(
            state=state,
            # whole numbers where Optuna has an IntDistribution
            params={n: x.to_external_repr(x.to_internal_repr(params[n])) for n, x in used.items()},
            distributions=used,
            value=table["mean_score"][row] if state.name in ("COMPLETE", "PRUNED") else None,
            intermediate_values={i: x for i, x in enumerate(curve, 1) if np.isfinite(x)},
            user_attrs={name: table[name][row] for name in ("std_score", "n_steps", "status")},
        )
        out.add_trial(trial)
    return out


@contextlib.contextmanager
def quiet_optuna(what: str) -> Iterator[Any]:
    """Optuna itself, which logs errors alone meanwhile, and does not warn of what is experimental.

    Raises:
        ImportError: it is not installed; `what` needs it.
    """
    try:
        import optuna
    except ImportError:
        raise ImportError(f"{what} needs optuna: pip install 'jsgd[optuna]'") from None

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(verbosity)


def direction(mode: str) -> str:
    return "maximize" if mode == "max" else "minimize"


def _distribution(dimension: Any, values: np.ndarray) -> Any:
    """Optuna's, of as many values; where it has none, of the numbers that were drawn."""
    from optuna import distributions

    parts = dimension.parts if isinstance(dimension, Either) else [dimension]
    lists = [x for x in parts if isinstance(x, Values)]
    if len(lists) == len(parts):
        every = dict.fromkeys(value for x in lists for value in x.values)
        return distributions.CategoricalDistribution(tuple(every))
    if not isinstance(dimension, Interval) or isinstance(dimension, Rounded):
        low, high = float(values.min()), float(values.max())
        return distributions.FloatDistribution(low, high, log=dimension.log)
    low, high = dimension.low, dimension.high
    if dimension.kind == "randint":
        return distributions.IntDistribution(int(low), int(high) - 1)
    return distributions.FloatDistribution(low, high, log=dimension.log)
