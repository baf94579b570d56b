"""Batch statistics of given parameters: what running averages of them would come to rest at."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core.numerics import ratio
from jsgd.core.tree import leaves_by_path, map_with_path


def has_batch_stats(model_state: Any) -> bool:
    """Whether a model keeps running averages, as Flax's BatchNorm does: leaves "mean" and "var".

    >>> has_batch_stats({"batch_stats": {"norm": {"mean": 0.0, "var": 1.0}}}), has_batch_stats({})
    (True, False)
    """
    return bool(_averages(model_state))


def settle(move: Callable, model_state: Any, batches: Any) -> Any:
    r"""The model state with the means of mean and variance over batches as its running averages.

    With batch i a training step moves a running average s to :math:`f_i(s) = m s + (1 - m) b_i`,
    and never reads it. Two points tell m, which each module has its own way to spell:

    .. math::
        m = \frac{f_i(K) - f_i(0)}{K}, \qquad
        \frac{1}{n} \sum_i b_i = \frac{1}{n} \sum_i \frac{f_i(0)}{1 - m}

    (no derivative would do: Flax's NNX stops it). What does not depend on s, which is all of a
    network but these averages, is computed once for both points.

    Args:
        move: `move(model_state, batch) -> model_state`, a training step that leaves the parameters
            alone: those that the averages shall suit.
        model_state: its leaves "mean" and "var" change, if training moves them. Other state stays.
        batches: a pytree of arrays whose leading axis is the batch.

    >>> import jax.numpy as jnp
    >>> def move(state, batch):
    ...     return {"mean": 0.75 * state["mean"] + 0.25 * batch, "seen": state["seen"] + 1}
    >>> settle(move, {"mean": jnp.float32(1), "seen": 7}, jnp.array([4.0, 6.0]))
    {'mean': Array(5., dtype=float32), 'seen': 7}

    References:
        Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization",
        UAI 2018, https://arxiv.org/abs/1803.05407, the last lines of Algorithm 1. Equal weights
        for all batches are also `torch.optim.swa_utils.update_bn`'s.
    """
    averages = _averages(model_state)

    def with_averages(new):
        return map_with_path(lambda at, x: new.get(at, x), model_state)

    def moved(point, batch):
        state = with_averages({at: jnp.full_like(s, point) for at, s in averages.items()})
        after = leaves_by_path(move(state, batch))
        return {at: after[at] for at in averages}

    def add(seen, batch):
        total, _ = seen
        points = jax.vmap(moved, in_axes=(0, None))(jnp.asarray([0, _FAR], jnp.float32), batch)
        momentum = jax.tree.map(lambda x: (x[1] - x[0]) / _FAR, points)
        return (jax.tree.map(lambda x, y: x + y[0], total, points), momentum), None

    zeros = jax.tree.map(jnp.zeros_like, averages)
    (total, momentum), _ = jax.lax.scan(add, (zeros, zeros), batches)
    n = len(jax.tree.leaves(batches)[0])

    def rest(s, total, m):
        return jnp.where(m == 1, s, ratio(total / n, 1 - m))  # at 1 nothing ever moves

    return with_averages(jax.tree.map(rest, averages, total, momentum))


# Far from any average, so that rounding hides nothing of m; a power of 2, so that it adds nothing.
_FAR = 2.0**20


def _averages(model_state: Any) -> dict[str, Any]:
    leaves = leaves_by_path(model_state)
    return {at: x for at, x in leaves.items() if at.split("/")[-1] in ("mean", "var")}
