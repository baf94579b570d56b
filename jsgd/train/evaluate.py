"""Evaluation: what a trained model says about data, and how right it is, class by class."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core.numerics import working_dtype
from jsgd.core.ranges import check_whole
from jsgd.train.losses import CLASSIFICATION, REGRESSION, pick

_ROWS = 40  # classes that are printed; of more, the first and the last
_MISTAKES = 5  # pairs of classes that are printed


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found. Print it to read it.

    Attributes:
        metrics: of classes `loss`, `accuracy` and `top_K_accuracy`; of values `loss`, `mse`, `mae`
            and `r2` (the mean over the outputs).
        report: of classes, a dict of arrays with one row per class: `class` (its name),
            `precision`, `recall`, `f1`, `support`. A ratio of nothing is 0. Of values it is empty.
        confusion: of classes, int of shape (classes, classes): how many samples of the class of a
            row were taken for the class of a column. Of values it is `None`.
    """

    metrics: dict[str, float]
    report: dict[str, np.ndarray]
    confusion: np.ndarray | None = None

    def __str__(self) -> str:
        lines = ["  ".join(f"{name} {x:.4g}" for name, x in self.metrics.items())]
        if self.confusion is not None:
            table = self.to_pandas()
            how = {"float_format": "{:.3f}".format, "max_rows": _ROWS, "show_dimensions": False}
            lines += ["", table.to_string(index=False, **how)]
            names, mistakes = self.report["class"], self.confusion * ~np.eye(len(table), dtype=bool)
            worst = np.argsort(-mistakes, axis=None, kind="stable")[:_MISTAKES]
            pairs = [np.unravel_index(at, mistakes.shape) for at in worst if mistakes.flat[at]]
            if pairs:
                said = ", ".join(f"{names[i]} as {names[j]} ({mistakes[i, j]})" for i, j in pairs)
                lines += ["", f"most often mistaken: {said}"]
        return "\n".join(lines)

    def to_pandas(self) -> Any:
        """The report as a `pandas.DataFrame`, a row per class; of values, a row of metrics."""
        import pandas as pd

        return pd.DataFrame(self.report) if self.report else pd.DataFrame([self.metrics])

    def plot_confusion(self, path: str | os.PathLike | None = None, *, ax: Any = None) -> Any:
        """Draw the confusion matrix: see `jsgd.train.confusion.confusion_matrix`.

        Args:
            path: a file to write it to, `.png`, `.svg` or `.pdf`; or `None`.
            ax: the matplotlib axes to draw on, or `None` for a figure of its own.

        Returns:
            The matplotlib figure.

        Raises:
            ValueError: this is an evaluation of values, not of classes.
        """
        if self.confusion is None:
            raise ValueError("there is no confusion matrix of values: it is of classes")
        from jsgd.train.confusion import confusion_matrix  # here: matplotlib takes a while

        fig = confusion_matrix(self.confusion, self.report["class"].tolist(), ax)
        if path is not None:
            fig.savefig(path, dpi=160)
        return fig


def predict(
    model: Any, params: Any, model_state: Any, x: Any, *, batch_size: int = 1024
) -> np.ndarray:
    """The outputs of a model for every sample, in batches: logits, or values.

    The likeliest classes are `logits.argmax(-1)`, and probabilities are `jax.nn.softmax(logits)`.
    All batches have one shape, so that the model is compiled once, for further calls too: the last
    batch is filled up, and what fills it is cut off.

    Args:
        model: a `jsgd.models.Model`.
        params, model_state: what it has learnt; of a `Fit`, `fit.params, fit.model_state`.
        x: inputs, an array of shape (samples, ...), such as a `numpy.memmap`.
        batch_size: how many samples at a time, >= 1.

    Returns:
        A NumPy array of shape (samples, ...), float32 where the model computes in less.

    Raises:
        ValueError: there is no sample, or `batch_size` is out of range.

    >>> import jsgd
    >>> x = np.arange(6, dtype=np.float32).reshape(3, 2)
    >>> model = jsgd.models.REGISTRY["linear"](x, outputs=1)
    >>> params, model_state = model.init(jax.random.key(0))
    >>> predict(model, params, model_state, x, batch_size=2).shape
    (3, 1)
    """
    check_whole("batch_size", batch_size, 1)
    n = len(x)
    if n == 0:
        raise ValueError("x holds no sample")
    size = min(batch_size, n)
    rows = [np.minimum(np.arange(start, start + size), n - 1) for start in range(0, n, size)]
    return np.concatenate([_outputs(model.apply, params, model_state, x[at]) for at in rows])[:n]


@partial(jax.jit, static_argnums=0)
def _outputs(apply: Callable, params: Any, model_state: Any, x: Any) -> jax.Array:
    out, _ = apply(params, model_state, x, train=False)
    return out.astype(working_dtype(out))


def evaluate(
    model: Any,
    params: Any,
    model_state: Any,
    data: Any,
    *,
    loss: str | Callable | None = None,
    top_k: int | None = None,
    class_names: Sequence[str] | None = None,
    batch_size: int = 1024,
) -> Evaluation:
    """Hold a model against data: classes, where the targets are integers, and values otherwise.

    The parameters are those that it is given: of an optimizer that keeps an average (`jsgd.ema`),
    `jsgd.eval_params(params, opt_state)`, as `fit.params` is. Statistics of batch norm are those in
    the model state, which a fit's carry has for those parameters.

    Args:
        model: a `jsgd.models.Model`.
        params, model_state: what it has learnt; of a `Fit`, `fit.params, fit.model_state`.
        data: a `Dataset`, whose test part is taken, or a pair (x, y).
        loss: that of the `loss` in the metrics, as of `jsgd.train.classification` and
            `regression`; `None` is the cross-entropy, of values the squared error.
        top_k: a sample counts where its class is among so many of the likeliest, 1 to the number of
            classes; `None` is 5, or all but one where there are fewer than 6.
        class_names: one for each class; `None` takes those of the data set, and numbers them where
            it has none.
        batch_size: how many samples at a time, >= 1.

    Raises:
        ValueError: an argument is not one of these, the model's output does not match the targets,
            or is not finite.

    >>> import jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> run = jsgd.train.make_run(jsgd.train.regression(model, data), jsgd.sgd(lr=0.1))
    >>> fit = jsgd.train.fit(run, epochs=30, progress=False)
    >>> print(evaluate(model, fit.params, fit.model_state, data))
    loss 0.008148  mse 0.008148  mae 0.06912  r2 0.9935
    """
    x, y = _pair(data)
    outputs = predict(model, params, model_state, x, batch_size=batch_size)
    wrong = np.flatnonzero(~np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1))
    if wrong.size:
        raise ValueError(f"the model's output for sample {wrong[0]} is not finite: did it diverge?")
    if np.issubdtype(y.dtype, np.integer) and y.ndim == 1:
        names = getattr(data, "class_names", None) if class_names is None else class_names
        return _classes(outputs, y, loss or "cross_entropy", top_k, names)
    if top_k is not None or class_names is not None:
        raise ValueError(
            f"top_k, class_names: these are of classes, and the targets are {y.dtype} of shape "
            f"{y.shape}; classes are integers of shape (samples,)"
        )
    return _values(outputs, y, loss or "squared_error")


def _pair(data: Any) -> tuple[Any, np.ndarray]:
    pair = getattr(data, "test", data)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"data: a Dataset or a pair (x, y), not a {type(data).__name__}")
    x, y = pair[0], np.asarray(pair[1])
    if len(x) != len(y):
        raise ValueError(f"data: {len(x)} inputs and {len(y)} targets")
    return x, y


def _classes(
    logits: np.ndarray,
    y: np.ndarray,
    loss: str | Callable,
    top_k: int | None,
    class_names: Sequence[str] | None,
) -> Evaluation:
    from sklearn import metrics  # here: it takes a second to import

    if logits.ndim != 2:
        raise ValueError(f"the model's output is {logits.shape}: logits are (samples, classes)")
    one_logit = logits.shape[1] == 1  # that of class 1; that of class 0 is 0
    scores = np.pad(logits, ((0, 0), (1, 0))) if one_logit else logits
    n = scores.shape[1]
    k = min(5, n - 1) if top_k is None else top_k
    names = list(map(str, range(n) if class_names is None else class_names))
    if not 0 <= y.min() <= y.max() < n:
        raise ValueError(f"labels are 0 to {n - 1} for this model, not {y.min()} to {y.max()}")
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= n:
        raise ValueError(f"top_k = {top_k!r}: it must be 1 to {n} classes")
    if len(names) != n:
        raise ValueError(f"class_names: {len(names)} names for {n} classes")
    if one_logit and loss == "cross_entropy":
        loss = "binary"  # the same, of one logit
    hot = np.eye(n, dtype=logits.dtype)[y]
    likeliest = np.argsort(-scores, axis=1, kind="stable")  # of equal ones the first, as argmax
    guess, labels = likeliest[:, 0], np.arange(n)
    how: Any = {"labels": labels, "zero_division": 0}
    columns: Any = metrics.precision_recall_fscore_support(y, guess, **how)
    report = dict(zip(("precision", "recall", "f1", "support"), columns, strict=True))
    return Evaluation(
        {
            "loss": _mean_loss(loss, CLASSIFICATION, logits, hot[:, 1:] if one_logit else hot),
            "accuracy": float(metrics.accuracy_score(y, guess)),
            f"top_{k}_accuracy": float((likeliest[:, :k] == y[:, None]).any(axis=1).mean()),
        },
        {"class": np.array(names), **report},
        metrics.confusion_matrix(y, guess, labels=labels),
    )


def _values(outputs: np.ndarray, y: np.ndarray, loss: str | Callable) -> Evaluation:
    from sklearn import metrics

    if outputs.size != y.size:
        raise ValueError(f"the model's output is {outputs.shape}, the targets are {y.shape}")
    outputs = outputs.reshape(y.shape)
    table = {
        "loss": _mean_loss(loss, REGRESSION, outputs, y.astype(outputs.dtype)),
        "mse": float(metrics.mean_squared_error(y, outputs)),
        "mae": float(metrics.mean_absolute_error(y, outputs)),
        "r2": float(metrics.r2_score(y, outputs)) if len(y) > 1 else float("nan"),
    }
    return Evaluation(table, {})


def _mean_loss(
    loss: str | Callable, known: dict[str, Callable], outputs: np.ndarray, targets: np.ndarray
) -> float:
    """The mean of the values that a loss has, with its own hyperparameters at their defaults."""
    values, own = pick(loss, known)
    hyper = {name: jnp.asarray(x, jnp.float32) for name, x in own.items()}
    return float(jnp.mean(values(jnp.asarray(outputs), jnp.asarray(targets), hyper)))
