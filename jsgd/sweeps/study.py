"""A sweep as a study of Optuna, for its plots, importances and dashboard."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jsgd.sweeps.dimension import Interval, Rounded, Values

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
    try:
        import optuna
    except ImportError:
        raise ImportError("to_optuna needs optuna: pip install 'jsgd[optuna]'") from None

    direction = "maximize" if result.mode == "max" else "minimize"
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        out = optuna.create_study(direction=direction)
    finally:
        optuna.logging.set_verbosity(verbosity)
    distributions = {
        name: _distribution(x, result.table[f"param_{name}"]) for name, x in result.space.items()
    }
    curves = result.curves[result.metric].astype(np.float64).mean(axis=1)
    table = {name: x.tolist() for name, x in result.table.items()}
    for row, curve in enumerate(curves.tolist()):
        state = optuna.trial.TrialState[_STATES[table["status"][row]]]
        # whole numbers where Optuna has an IntDistribution
        params = {
            name: x.to_external_repr(x.to_internal_repr(result.params(row)[name]))
            for name, x in distributions.items()
        }
        trial = optuna.trial.create_trial(
            state=state,
            params=params,
            distributions=distributions,
            value=table["mean_score"][row] if state.name in ("COMPLETE", "PRUNED") else None,
            intermediate_values={i: x for i, x in enumerate(curve, 1) if np.isfinite(x)},
            user_attrs={name: table[name][row] for name in ("std_score", "n_steps", "status")},
        )
        out.add_trial(trial)
    return out


def _distribution(dimension: Any, values: np.ndarray) -> Any:
    """Optuna's, of as many numbers; where it has none, of the numbers that were drawn."""
    from optuna import distributions

    if isinstance(dimension, Values):
        return distributions.CategoricalDistribution(tuple(dict.fromkeys(dimension.values)))
    if not isinstance(dimension, Interval) or isinstance(dimension, Rounded):
        low, high = float(values.min()), float(values.max())
        return distributions.FloatDistribution(low, high, log=dimension.log)
    low, high = dimension.low, dimension.high
    if dimension.kind == "randint":
        return distributions.IntDistribution(int(low), int(high) - 1)
    return distributions.FloatDistribution(low, high, log=dimension.log)
