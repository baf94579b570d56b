"""Fit: drive one run, epoch by epoch, until it is done or there is nothing more to gain."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jsgd.core import eval_params
from jsgd.train.names import unknown
from jsgd.train.progress import Progress
from jsgd.train.run import Carry, Run


class Fit(NamedTuple):
    """What `fit` returns.

    Attributes:
        carry: where the run is now; it can be advanced further.
        history: metric -> array of shape (epochs done,).
        stopped: why it stopped, in words: `"epochs"`, `"tol"`, `"patience"` or `"diverged"`.
    """

    carry: Any
    history: dict[str, np.ndarray]
    stopped: str

    @property
    def params(self) -> Any:
        """The parameters to use: `jsgd.eval_params` of where the run is (of `make_run`'s runs)."""
        if not isinstance(self.carry, Carry):
            raise ValueError("this run was not made by make_run: look into its carry")
        return eval_params(self.carry.params, self.carry.opt_state)


def fit(
    run: Run,
    *,
    epochs: int,
    key: Any = 0,
    hyper: Mapping[str, Any] | None = None,
    tol: float | None = None,
    patience: int | None = None,
    monitor: str = "test_loss",
    progress: bool = True,
) -> Fit:
    """Drive one run.

    It stops after `epochs`; with `tol`, once the training loss changed by less than that from one
    epoch to the next; with `patience`, once `monitor` has not been better than its best for so
    many epochs; and when it diverges. The carry it returns is that of the last epoch.

    Args:
        run: the pair `(init, advance)`.
        epochs: at most so many, >= 1.
        key: an int seed or a JAX key.
        hyper: hyperparameters other than the run's defaults, by name.
        tol: >= 0, or `None`.
        patience: >= 1, or `None`.
        monitor: the metric that `patience` watches. Higher is better for an accuracy or a score,
            lower for everything else.
        progress: show it: a bar on a terminal, plain lines elsewhere.

    Raises:
        ValueError: a name is unknown or a number out of range.

    >>> import jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> problem = jsgd.train.regression(model, data)
    >>> run = jsgd.train.make_run(problem, jsgd.sgd(lr=0.1))
    >>> result = fit(run, epochs=100, tol=1e-5, progress=False)
    >>> result.params["linear"]["bias"].round(1).tolist(), result.stopped
    ([3.0], 'tol')
    """
    for name, value, low in (("epochs", epochs, 1), ("tol", tol, 0), ("patience", patience, 1)):
        if value is not None and not value >= low:
            raise ValueError(f"{name} = {value}: it must be at least {low}")
    key = jax.random.key(key) if isinstance(key, int) else key
    jax.eval_shape(lambda key: run.init(key, dict(hyper or {})), key)  # range errors, in one line
    carry = jax.jit(run.init)(key, dict(hyper or {}))
    advance = jax.jit(run.advance, donate_argnums=0)
    sign = -1 if higher_is_better(monitor) else 1
    history: dict[str, list] = {}
    best, since, stopped = np.inf, 0, "epochs"
    with Progress("epoch", epochs, progress) as bar:
        for epoch in range(1, epochs + 1):
            carry, metrics = advance(carry)
            metrics = jax.device_get(metrics)
            for name, value in metrics.items():
                history.setdefault(name, []).append(value)
            bar.update(epoch, "  ".join(f"{n} {v:.4g}" for n, v in metrics.items()))
            if metrics.get("diverged_at", -1) >= 0:
                stopped = "diverged"
                break
            if tol is not None and epoch > 1 and _change(history, "loss") < tol:
                stopped = "tol"
                break
            if patience is not None:
                value = sign * float(_metric(metrics, monitor))
                best, since = (value, 0) if value < best else (best, since + 1)
                if since >= patience:
                    stopped = "patience"
                    break
        if stopped != "epochs":
            bar.say(f"stopped after epoch {epoch}: {stopped}")
    return Fit(carry, {name: np.asarray(x) for name, x in history.items()}, stopped)


def higher_is_better(metric: str) -> bool:
    """A guess from the name: an accuracy, a score, a reward; not a loss or an error."""
    words = ("accuracy", "score", "reward", "return", "r2", "auc")
    return any(word in metric.lower() for word in words)


def _change(history: dict[str, list], name: str) -> float:
    before, now = _metric(history, name)[-2:]
    return abs(float(now) - float(before))


def _metric(metrics: dict[str, Any], name: str) -> Any:
    if name not in metrics:
        raise ValueError(unknown("metric", name, metrics))
    return metrics[name]
