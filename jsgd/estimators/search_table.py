"""`cv_results_`: the table of a search, as scikit-learn's searches have it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

Scores = Mapping[str, np.ndarray]


def cv_results(
    params: Sequence[Mapping[str, Any]],
    times: Scores,
    test: Scores,
    train: Scores,
    more: Mapping[str, Sequence[Any]],
) -> dict[str, Any]:
    """The table, one row for each setting.

    Args:
        params: the settings.
        times: "fit_time" and "score_time", seconds of shape (settings, folds).
        test, train: scorer -> scores of shape (settings, folds); of `train` perhaps none.
        more: other columns.

    >>> scores = {"score": np.array([[0.5, 0.7], [0.9, 0.9]])}
    >>> table = cv_results([{"alpha": 0.1}, {"alpha": 1.0}], {}, scores, {}, {})
    >>> table["mean_test_score"].tolist(), table["rank_test_score"].tolist()
    ([0.6, 0.9], [2, 1])
    """
    table: dict[str, Any] = {}
    for name, x in times.items():
        table |= {f"mean_{name}": x.mean(axis=1), f"std_{name}": x.std(axis=1)}
    table |= {name: np.asarray(x) for name, x in more.items()}
    table |= _columns(params) | {"params": list(params)}
    for name, x in test.items():
        table |= _scores(f"test_{name}", x) | {f"rank_test_{name}": _rank(x.mean(axis=1))}
    for name, x in train.items():
        table |= _scores(f"train_{name}", x)
    return table


def _scores(name: str, x: np.ndarray) -> dict[str, np.ndarray]:
    splits = {f"split{fold}_{name}": column for fold, column in enumerate(x.T)}
    return splits | {f"mean_{name}": x.mean(axis=1), f"std_{name}": x.std(axis=1)}


def _rank(means: np.ndarray) -> np.ndarray:
    """1 is the best, and equal ones share the better rank; what is no number comes last."""
    return rankdata(-np.nan_to_num(means, nan=-np.inf), method="min").astype(np.int32)


def _columns(params: Sequence[Mapping[str, Any]]) -> dict[str, np.ma.MaskedArray]:
    """`param_<name>`, masked where a setting lacks the name."""
    out = {}
    for name in dict.fromkeys(name for one in params for name in one):
        there = [one[name] for one in params if name in one]
        plain = all(isinstance(x, int | float | np.number) for x in there)
        dtype: Any = np.asarray(there).dtype if plain else object
        column = np.ma.masked_all(len(params), dtype)
        for row, one in enumerate(params):
            if name in one:
                column[row] = one[name]
        out[f"param_{name}"] = column
    return out
