"""How much of what the scores differ by is due to each hyperparameter."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jsgd.sweeps.plots import look

if TYPE_CHECKING:
    from jsgd.sweeps.result import SweepResult

ENOUGH = 20  # settings with a score: of fewer nothing of use can be learnt
_MOST = 1000  # settings, so that it takes little time
_FORESTS, _TREES, _SHUFFLES = 5, 50, 8


class Shares(NamedTuple):
    """What each hyperparameter explains.

    Attributes:
        share: name -> share of the variance, >= 0, the greatest first.
        spread: name -> its standard deviation over forests grown from other seeds.
        r2: R² of the forests, each setting predicted by the trees that were grown without it.
    """

    share: dict[str, float]
    spread: dict[str, float]
    r2: float


def enough(result: "SweepResult") -> bool:
    """Whether there are settings enough for `importances`."""
    return np.isfinite(_scores(result)[0]).sum() >= ENOUGH


def importances(result: "SweepResult") -> Figure:
    """Bars: the share of the variance of the score that each hyperparameter explains.

    See `variance_shares` for what exactly that is. An error bar is the standard deviation over
    forests. The title says how well they predict settings that they did not see: near 1 the bars
    can be trusted, near 0 not at all.

    Raises:
        ValueError: fewer than 20 settings have a score.
    """
    share, spread, r2 = variance_shares(result)
    names = list(share)
    fig = look.figure(5.6, 1.5 + 0.36 * len(names))
    ax = fig.subplots()
    how = {"ecolor": "black", "capsize": 3, "error_kw": {"linewidth": 1}}
    ax.barh(
        range(len(names)), list(share.values()), xerr=[spread[n] for n in names], height=0.62,
        color=look.ordered_colours(3)[1], **how,
    )  # fmt: skip
    ax.set_yticks(range(len(names)), [look.label(n) for n in names])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_xlim(left=0)
    ax.grid(True, axis="x", alpha=0.25)
    ax.set_axisbelow(True)
    scores, epoch = _scores(result)
    words = "log " * look.extent(scores, result.mode).log + look.label(result.metric)
    if (result.table["status"] == "STOPPED").any():
        words += f" at epoch {epoch}"
    ax.set_xlabel(f"share of the variance of {words}")
    count = np.isfinite(scores).sum()
    fig.suptitle(f"{count} settings; R² on settings not seen {r2:.2f}", fontsize=10)
    return fig


def variance_shares(result: "SweepResult") -> Shares:
    """The share of the variance of the score that each hyperparameter explains.

    It is the total-effect Sobol index of a random forest f of the score: half the mean of
    (f(x) - f(x'))^2 over the variance of f, where x' is x with the one hyperparameter shuffled over
    the settings. It counts an interaction to all who take part in it, so shares may add up to more
    than 1.

    Where a hyperparameter does not apply, the forest is shown a value drawn from those it takes
    elsewhere: it learns from the choice, not from the gap, that there it does nothing.

    Hyperparameters with a log axis are seen as their logarithms, and so are losses that lie far
    apart; a score far worse than most counts as one at the edge of the other pictures. Settings
    that diverged have no score and take no part: a hyperparameter that does nothing but make runs
    diverge has a small share. If some were stopped early, the score is that of the last epoch that
    all reached. Of more than a thousand settings a thousand are used, drawn at random. The result
    is the same each time.

    Raises:
        ValueError: fewer than 20 settings have a score.

    References:
        Jansen (1999), Analysis of variance designs for model output: the estimator.
        Hutter, Hoos and Leyton-Brown (2014), An efficient approach for assessing hyperparameter
        importance: forests of hyperparameters; theirs takes the variance apart by each tree.
    """
    scores, _ = _scores(result)
    good = np.isfinite(scores)
    if good.sum() < ENOUGH:
        raise ValueError(f"{good.sum()} settings have a score: importances need {ENOUGH} or more")
    from sklearn.ensemble import RandomForestRegressor  # here: it takes a while to import

    parameters = look.varied(result) or [look.parameter(result, n) for n in result.space]
    rows = np.random.default_rng(0).permutation(np.flatnonzero(good))[:_MOST]
    x = np.stack([_filled((np.log(p.x) if p.log else p.x)[rows]) for p in parameters], axis=1)
    shown = look.extent(scores, result.mode)
    y = np.clip(scores[rows], shown.low, shown.high)
    y = np.log(y) if shown.log else y
    y = (y - y.mean()) / (y.std() or 1)
    shares, r2 = np.zeros((_FORESTS, len(parameters))), []
    for seed in range(_FORESTS):
        rng = np.random.default_rng(seed)
        forest = RandomForestRegressor(_TREES, oob_score=True, random_state=seed).fit(x, y)
        trials = np.tile(x, (1 + len(parameters) * _SHUFFLES, 1, 1))
        for i, trial in enumerate(trials[1:]):
            name = i // _SHUFFLES
            trial[:, name] = rng.permutation(trial[:, name])
        f = forest.predict(trials.reshape(-1, len(parameters))).reshape(len(trials), -1)
        moved = ((f[1:] - f[0]) ** 2).mean(axis=1).reshape(-1, _SHUFFLES).mean(axis=1)
        shares[seed] = moved / (2 * f[0].var() or 1)
        r2.append(forest.oob_score_)
    mean, spread = shares.mean(axis=0), shares.std(axis=0)
    order = np.argsort(-mean, kind="stable")
    return Shares(
        {parameters[i].name: float(mean[i]) for i in order},
        {parameters[i].name: float(spread[i]) for i in order},
        float(np.mean(r2)),
    )


def _filled(x: np.ndarray) -> np.ndarray:
    """The values, and where there is none one drawn from them; 0 if there are none at all."""
    known = x[np.isfinite(x)]
    drawn = np.random.default_rng(0).choice(known if known.size else np.zeros(1), x.shape)
    return np.where(np.isfinite(x), x, drawn)


def _scores(result: "SweepResult") -> tuple[np.ndarray, int]:
    """The score at the last epoch that all reached who did not diverge, and that epoch."""
    good = look.finished(result)
    curves = result.curves[result.metric].astype(np.float64).mean(axis=1)
    epoch = int(look.lengths(curves[good]).min(initial=curves.shape[1]))
    return np.where(good, curves[:, epoch - 1], np.nan), epoch
