"""A problem: what is trained and on what, as pure functions and data."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jsgd.core.numerics import cast_like, working_dtype
from jsgd.core.tree import leaves_by_path, map_with_path, scale
from jsgd.data.augment import STRENGTHS, augment
from jsgd.train.losses import CLASSIFICATION, REGRESSION, class_weights, penalty, pick
from jsgd.train.names import unknown
from jsgd.train.ranges import check_ranges


class Problem(NamedTuple):
    """What a run trains: two pure functions, the data, and the names of its own hyperparameters.

    Attributes:
        init: `init(key, hyper) -> (params, model_state)`.
        loss: `loss(params, model_state, batch, hyper, *, train, key) -> (value, (metrics,
            model_state))`; `metrics` is a dict of scalars, means over the batch.
        train: the training data, a pytree of arrays with one row per sample.
        test: the test data, likewise, or `None`; arrays with other axes are given to `loss` whole.
        hyper: name -> default of the hyperparameters that the problem understands. Both functions
            get them all, as arrays; they may change from one step to the next. One whose default
            is `None` is off: they get it if the run is given a value for it, else they do not.

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


def classification(
    model: Any,
    data: Any,
    *,
    loss: str | Callable = "cross_entropy",
    class_weight: Any = None,
    compute: str | None = None,
    **defaults: float,
) -> Problem:
    """Classification with integer labels: a loss, and the accuracy beside it.

    Hyperparameters: `label_smoothing` in [0, 1], `init_scale` (the initial kernels are
    multiplied by it), the model's own, such as `dropout`, and the loss's, `focal_gamma`.

    Others are off, and cost nothing, until the run or a sweep is given them by name, or they have
    a default here: the penalties `l1` and `l2` of the weights (`jsgd.train.losses.penalty`; a name
    that the optimizer has too is then the optimizer's), and the augmentations that suit the data:
    `mixup`, and of pictures all of `jsgd.data.augment.STRENGTHS`, such as `flip` and `rotate`.

    Label smoothing, class weights, penalties and augmentation are of training alone: the test loss
    is plain.

    Args:
        model: a `Model` whose output is logits of shape (batch, classes).
        data: with `train` and `test`, each `(x, y)`; `y` holds integers, of shape (samples,).
        loss: `"cross_entropy"`, `"binary"` (each class against the others), `"focal"`, or a
            function of logits and one-hot targets, both of shape (batch, classes), that gives a
            value per sample, such as `optax.poly_loss_cross_entropy`. Its keyword-only arguments
            with numbers as defaults become hyperparameters.
        class_weight: `None`, `"balanced"`, or an array of one number >= 0 per class: what a sample
            counts. The mean is over the samples, not over their weights.
        compute: `"bfloat16"` applies the model in it, which pays on GPUs and TPUs; the parameters,
            the gradients, the state of the model and the loss stay as wide as they are.
        **defaults: other defaults of the hyperparameters, by name.

    Raises:
        ValueError: the labels are not classes, integers of shape (samples,), or an argument is not
            one of these; when traced, if the output or the loss has another shape.

    >>> import jsgd
    >>> data = jsgd.data.digits()
    >>> model = jsgd.models.REGISTRY["mlp"](data.train[0], data.outputs)
    >>> problem = jsgd.train.classification(model, data, shift=1, l2=1e-4)
    >>> run = jsgd.train.make_run(problem, jsgd.adam(1e-3))
    >>> hyper = {"shift": 2, "rotate": 10, "mixup": 0.2}  # from here on data, which may be mapped
    >>> carry = jax.jit(run.init)(jax.random.key(0), hyper)
    """
    for _, y in (data.train, data.test):
        if np.ndim(y) != 1 or not np.issubdtype(y.dtype, np.integer):
            raise ValueError(
                f"labels are integers of shape (samples,), not {y.dtype} of shape {np.shape(y)}"
            )
    labels = np.asarray(data.train[1])
    n_classes = getattr(data, "n_classes", None) or 1 + int(labels.max())
    for y in (labels, np.asarray(data.test[1])):
        if y.size and not 0 <= y.min() <= y.max() < n_classes:
            raise ValueError(f"labels are 0 to {n_classes - 1}, not {y.min()} to {y.max()}")
    weights = class_weights(class_weight, labels, n_classes)
    values, own = pick(loss, CLASSIFICATION)

    def value(logits, targets, hyper, train):
        hot = targets.astype(logits.dtype)
        if train:
            hot = optax.smooth_labels(hot, hyper["label_smoothing"].astype(hot.dtype))
        one_logit = logits.shape[1:] == (1,) and n_classes == 2 and loss != "cross_entropy"
        if not one_logit and logits.shape != hot.shape:
            raise ValueError(
                f"the model's output is {logits.shape}: for {n_classes} classes it must be "
                f"{hot.shape}" + ", or of one column and loss='binary'" * (n_classes == 2)
            )
        each = values(logits, hot[:, 1:] if one_logit else hot, hyper)
        if each.shape != logits.shape[:1]:
            raise ValueError(f"loss: it gives {each.shape}, not a value for each of {len(logits)}")
        if train and weights is not None:
            each = each * (targets @ jnp.asarray(weights, targets.dtype)).astype(each.dtype)
        scores = jnp.pad(logits, ((0, 0), (1, 0))) if one_logit else logits  # that of class 0 is 0
        correct = jnp.argmax(scores, axis=-1) == jnp.argmax(targets, axis=-1)
        return jnp.mean(each), {"accuracy": jnp.mean(correct, dtype=jnp.float32)}

    def one_hot(y):
        return jax.nn.one_hot(y, n_classes, dtype=jnp.float32)

    own = {"label_smoothing": 0.0} | own
    return _supervised(model, data, value, own, defaults, one_hot, compute)


def regression(
    model: Any,
    data: Any,
    *,
    loss: str | Callable = "squared_error",
    compute: str | None = None,
    **defaults: float,
) -> Problem:
    """Regression: the mean squared error, or another.

    Hyperparameters: `init_scale` (the initial kernels are multiplied by it), the model's own,
    the loss's, `huber_delta`; and, off until they are given, those of `classification`: `l1`, `l2`
    and the augmentations, of training alone.

    Args:
        model: a `Model` whose output has the size of the targets.
        data: with `train` and `test`, each `(x, y)`.
        loss: `"squared_error"`, `"huber"`, or a function of outputs and targets, both of the
            targets' shape, that gives values to take the mean of.
        compute: as of `classification`.
        **defaults: other defaults of the hyperparameters, by name.

    Raises:
        ValueError: an argument is not one of these; when traced, if the model's output has another
            size than the targets.
    """
    values, own = pick(loss, REGRESSION)

    def value(out, y, hyper, train):
        if out.size != y.size:
            raise ValueError(f"the model's output is {out.shape}, the targets are {y.shape}")
        # (batch, 1) against (batch,) is one number a sample, not a matrix of all differences
        return jnp.mean(values(out.reshape(y.shape), y, hyper)), {}

    return _supervised(model, data, value, own, defaults, lambda y: y, compute)


def _supervised(
    model: Any,
    data: Any,
    value: Callable,
    own: dict[str, Any],
    given: dict[str, Any],
    as_targets: Callable,
    compute: str | None,
) -> Problem:
    """The problem of `value(outputs, targets, hyper, train) -> (value, metrics)`."""
    if compute not in (None, "bfloat16"):
        raise ValueError(f"compute = {compute!r}: it must be 'bfloat16' or None")
    # jit, so that the parameters are not computed only to be thrown away
    models_own = jax.jit(lambda key: model.init(key)[1].get("hyper", {}))(jax.random.key(0))
    models = {_name(path): float(x) for path, x in leaves_by_path(models_own).items()}
    off = dict.fromkeys(("l1", "l2", *_augmentations(data.train[0])))
    defaults = own | {"init_scale": 1.0} | models | off
    for name in given:
        if name not in defaults:
            raise ValueError(unknown("hyperparameter", name, defaults))
    defaults |= given
    check_ranges(defaults)

    def told(model_state, hyper):
        """At the start and at each step, so that `hyper` alone says what they are."""
        if not models:
            return model_state
        held = map_with_path(lambda at, x: jnp.asarray(hyper[_name(at)], x.dtype), models_own)
        return model_state | {"hyper": held}

    def init(key, hyper):
        check_ranges(hyper)
        params, model_state = model.init(key)
        is_fresh = getattr(model.init, "is_fresh", lambda path: True)  # of `jsgd.train.pretrained`

        def scaled(path, x):
            # what norms multiply by is no random start, and only the kernels have two axes
            if jnp.ndim(x) < 2 or not is_fresh(path):
                return x
            return cast_like(scale(hyper["init_scale"], x), x)

        params = map_with_path(scaled, params)
        return params, told(model_state, hyper)

    def loss(params, model_state, batch, hyper, *, train, key):
        x, y = batch[0], as_targets(batch[1])
        strengths = {name: s for name, s in hyper.items() if name in STRENGTHS}
        if train and strengths:
            key, draws = jax.random.split(key)
            x, y = augment(draws, x, y, strengths)
        used, x = (_narrow(params), _narrow(x)) if compute else (params, x)
        out, model_state = model.apply(used, told(model_state, hyper), x, train=train, key=key)
        out = out.astype(working_dtype(out))
        total, metrics = value(out, y, hyper, train)
        if train and (sizes := {name: hyper[name] for name in ("l1", "l2") if name in hyper}):
            total = total + penalty(params, **sizes).astype(total.dtype)
        return total, ({"loss": total} | metrics, model_state)

    train, test = jax.tree.map(jnp.asarray, (tuple(data.train), tuple(data.test)))
    return Problem(init, loss, train, test, defaults)


def _augmentations(x: Any) -> list[str]:
    """The names of those that suit such data."""
    if not np.issubdtype(x.dtype, np.floating):
        return []
    return [name for name in STRENGTHS if name == "mixup" or np.ndim(x) == 4]


def _narrow(tree: Any) -> Any:
    """Floats as bfloat16; their gradients come back as wide as the floats were."""
    return jax.tree.map(
        lambda x: x.astype(jnp.bfloat16) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def _name(path: str) -> str:
    """A place in the model's collection "hyper" as a name: `dropout`, `block0__dropout`."""
    return path.replace("/", "__")
