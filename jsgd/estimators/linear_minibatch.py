"""Mini-batches and any optimizer: what `optimizer=` trains a linear model with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import eval_params
from jsgd.estimators.linear_losses import CLASSIFICATION
from jsgd.estimators.linear_rows import Rows, scores
from jsgd.estimators.linear_sgd import Numbers


@dataclass(frozen=True)
class MiniBatches:
    r"""The rule; what decides its structure.

    The objective of a batch is :math:`\frac1n\sum\gamma_i\ell(p_i, y_i)
    + \tfrac12\lambda_2\lVert w\rVert^2 + \lambda_1\lVert w\rVert_1`, of which the last term has
    the subgradient of `jsgd.l1`, 0 at 0.

    Attributes:
        loss: its name.
        step: the optimizer's.
        batch_size: >= 1. The last batch of an epoch has what is left.
    """

    loss: str
    step: Callable
    batch_size: int

    def epoch(
        self,
        walk: Any,
        y: jax.Array,
        weight: jax.Array,
        eta: jax.Array,
        rows: Rows,
        order: jax.Array,
        n: jax.Array,
        h: Numbers,
    ) -> tuple[Any, jax.Array]:
        """One pass over the first `n` samples of the order, and the mean objective."""
        size = self.batch_size
        places = jnp.arange(size, dtype=n.dtype)

        def body(i, carry):
            params, state, total = carry
            is_there = i * size + places < n
            batch = jax.lax.dynamic_slice_in_dim(order, i * size, size)
            count = jnp.sum(is_there).astype(eta.dtype)
            share = jnp.where(is_there, weight[batch], 0) / count
            here, targets = rows.row(batch), y[batch]

            def objective(params):
                w = params["coef"]
                p = scores(here, w) + params.get("intercept", 0)
                losses = CLASSIFICATION[self.loss](p, targets, h.epsilon)
                # not jnp.abs, whose gradient at 0 is 1
                sizes = jax.lax.stop_gradient(jnp.sign(w)) * w
                return jnp.sum(share * losses) + jnp.sum(h.l2 / 2 * w * w + h.l1 * sizes)

            value, grads = jax.value_and_grad(objective)(params)
            params, state = self.step(params, grads, state, value=value, value_fn=objective)
            return params, state, total + value * count

        zero = jnp.zeros((), eta.dtype)
        steps = (n + size - 1) // size
        *walk, total = jax.lax.fori_loop(0, steps, body, (*walk, zero))
        return tuple(walk), total / n.astype(eta.dtype)

    def begin(self, start: Any, rows: Rows) -> Any:
        return start

    def read(self, walk: Any) -> Any:
        return walk

    def evaluated(self, walk: Any) -> tuple[jax.Array, jax.Array]:
        """The coefficients and the intercept that the optimizer would have evaluated."""
        params = eval_params(*walk)
        return params["coef"], params.get("intercept", jnp.zeros((), params["coef"].dtype))
