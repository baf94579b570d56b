"""The problem of the golden traces: a small network, a batch for every step, gradients by hand.

The same lines give the gradient to NumPy, on which the references run, and to JAX.
"""

from typing import Any

import numpy as np

STEPS = 120
SAVED = (1, 2, 10, 50, 100, 120)

# RandomState's stream is frozen for good; default_rng's is not.
_draw = np.random.RandomState(0).uniform
X = _draw(-2, 2, (STEPS, 8, 4))
_scores = X @ _draw(-2, 2, (4, 3)) + _draw(-1, 1, (STEPS, 8, 3))
Y = np.eye(3)[_scores.argmax(axis=2)]
START = {
    "bias": _draw(-1, 1, 3),
    "scale": np.array(0.7),
    "tall": _draw(-1, 1, (6, 3)),
    "wide": _draw(-1, 1, (4, 6)),
}


def batches(whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """X and Y of every step: a batch of its own, or the `whole` of them."""
    if not whole:
        return X, Y
    x, y = X.reshape(-1, 4), Y.reshape(-1, 3)
    return np.broadcast_to(x, (STEPS, *x.shape)), np.broadcast_to(y, (STEPS, *y.shape))


def value(np: Any, p: dict[str, Any], x: Any, y: Any) -> Any:
    """The mean cross-entropy of `scale * (tanh(x @ wide) @ tall + bias)`; arguments as below."""
    raw = p["scale"] * (np.tanh(x @ p["wide"]) @ p["tall"] + p["bias"][None])
    return (np.log(np.exp(raw).sum(axis=1)) - (y * raw).sum(axis=1)).mean()


def gradient(np: Any, p: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    """Of `value`.

    Args:
        np: the array module, NumPy or `jax.numpy`.
        p: all four parameters.
        x: shape (n, 4).
        y: shape (n, 3), one-hot.
    """
    hidden = np.tanh(x @ p["wide"])
    raw = hidden @ p["tall"] + p["bias"][None]
    weights = np.exp(p["scale"] * raw)
    error = (weights / weights.sum(axis=1, keepdims=True) - y) / len(x)
    back = p["scale"] * error
    return {
        "bias": back.sum(axis=0),
        "scale": (error * raw).sum(),
        "tall": hidden.T @ back,
        "wide": x.T @ (back @ p["tall"].T * (1 - hidden**2)),
    }


def gradients(np: Any, p: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    """Those of the single examples, stacked; arguments as above."""
    each = [gradient(np, p, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
    return {k: np.stack([g[k] for g in each]) for k in each[0]}
