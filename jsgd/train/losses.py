"""Losses and what belongs to them: the values of samples, weights of classes, penalties.

A loss is `loss(outputs, targets, **own)`; its keyword-only arguments are hyperparameters of the
problem, and their defaults are those.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jsgd.core.tree import dot
from jsgd.train.names import unknown


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Softmax cross-entropy of each sample: `optax.softmax_cross_entropy`."""
    return optax.softmax_cross_entropy(logits, targets)


def binary(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Each class against the others: `optax.sigmoid_binary_cross_entropy`, summed over the classes.

    Of two classes the model may have one output, the logit of class 1.
    """
    return jnp.sum(optax.sigmoid_binary_cross_entropy(logits, targets), axis=-1)


def focal(logits: jax.Array, targets: jax.Array, *, focal_gamma: Any = 2.0) -> jax.Array:
    """As `binary`, with less weight on what is right already: `optax.sigmoid_focal_loss`, summed.

    References:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017,
        https://arxiv.org/abs/1708.02002, equation 4 (alpha is what class weights are for).
    """
    return jnp.sum(optax.sigmoid_focal_loss(logits, targets, gamma=focal_gamma), axis=-1)


def huber(outputs: jax.Array, targets: jax.Array, *, huber_delta: Any = 1.0) -> jax.Array:
    """Squared error, of big errors the absolute one: `optax.huber_loss`."""
    return optax.huber_loss(outputs, targets, delta=huber_delta)


CLASSIFICATION: dict[str, Callable] = {
    "cross_entropy": cross_entropy,
    "binary": binary,
    "focal": focal,
}
REGRESSION: dict[str, Callable] = {"squared_error": optax.squared_error, "huber": huber}


def pick(loss: str | Callable, known: Mapping[str, Callable]) -> tuple[Callable, dict[str, float]]:
    """The loss as `loss(outputs, targets, hyper)`, and its own hyperparameters with defaults.

    Raises:
        ValueError: there is none of this name.

    >>> loss, own = pick("focal", CLASSIFICATION)
    >>> own
    {'focal_gamma': 2.0}
    """
    if not callable(loss) and loss not in known:
        raise ValueError(unknown("loss", loss, known))
    fn: Callable = loss if callable(loss) else known[loss]
    own = {
        name: parameter.default
        for name, parameter in inspect.signature(fn).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
        and type(parameter.default) in (int, float)  # a bool is no hyperparameter
    }

    def values(outputs, targets, hyper):
        return fn(outputs, targets, **{name: hyper[name].astype(outputs.dtype) for name in own})

    return values, own


def class_weights(weight: Any, labels: np.ndarray, n_classes: int) -> np.ndarray | None:
    """The weight of each class, float32 of shape (n_classes,), or `None` if all are 1.

    Args:
        weight: `None`, `"balanced"` or an array of shape (n_classes,), >= 0. Balanced weights are
            scikit-learn's: every class counts as much as every other, and a sample 1 on average.
        labels: what is trained on.
        n_classes: how many classes there are.

    Raises:
        ValueError: `weight` is none of these.

    >>> class_weights("balanced", np.array([0, 0, 0, 1]), 2)
    array([0.6666667, 2.       ], dtype=float32)
    """
    if weight is None:
        return None
    if isinstance(weight, str):
        if weight != "balanced":
            raise ValueError(f"class_weight = {weight!r}: it must be 'balanced', None or an array")
        counts = np.bincount(labels, minlength=n_classes)
        there = np.count_nonzero(counts)
        return (len(labels) / (there * np.maximum(counts, 1))).astype(np.float32)
    weight = np.asarray(weight, np.float32)
    if weight.shape != (n_classes,) or not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError(f"class_weight = {weight}: it must be {n_classes} numbers >= 0")
    return weight


def penalty(params: Any, l1: Any = 0.0, l2: Any = 0.0) -> jax.Array:
    r"""The elastic net, :math:`l_1 \sum |w| + \tfrac12 l_2 \sum w^2`, over all weights.

    Weights are the leaves of two dimensions and more: neither biases nor the scales of norms.
    The gradients are :math:`l_1 \mathrm{sign}(w)` and :math:`l_2 w`, those of `jsgd.l1` and of
    `jsgd.weight_decay(mode="l2")`.

    >>> float(penalty({"kernel": jnp.full((1, 2), -2.0), "bias": jnp.ones(1)}, l1=1.0, l2=0.5))
    6.0

    References:
        Zou and Hastie, "Regularization and variable selection via the elastic net", JRSS B 67,
        2005, https://doi.org/10.1111/j.1467-9868.2005.00503.x, equation 3 (with l2 halved).
    """
    weights = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]
    # the gradient of |w| is to be 0 at 0, where many models start; that of jnp.abs is 1
    signs = jax.lax.stop_gradient(jax.tree.map(jnp.sign, weights))
    return l1 * dot(signs, weights) + l2 * dot(weights, weights) / 2
