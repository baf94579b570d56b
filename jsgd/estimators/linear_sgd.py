r"""Plain SGD, one sample at a time, as scikit-learn has it.

With a sample :math:`x` of weight :math:`\gamma`, the score :math:`p = w^\top x + b` and its loss
:math:`\ell(p, y)`, update number :math:`t` is

.. math::
    \eta_t &= \eta\,(t + t_0)^{-k} \\
    w &\leftarrow \max(0, 1 - \eta_t\lambda_2)\,w - \eta_t\gamma\,\ell'(p, y)\,x \\
    b &\leftarrow b - r\,\eta_t\gamma\,\ell'(p, y) \\
    w &\leftarrow \text{cut towards zero, by the L1 penalty that is due since } x
        \text{ last had these features}

and every policy of scikit-learn's but the passive-aggressive ones is a choice of :math:`t_0` and
:math:`k`: none and 0 (constant, adaptive), none and `power_t` (invscaling), and for `optimal`,
which is Bottou's :math:`1 / (\alpha (t + t_0))`, some and 1.

References:
    Bottou, "Stochastic Gradient Descent Tricks", 2012,
    https://doi.org/10.1007/978-3-642-35289-8_25, sections 5.1 and 5.2. Tsuruoka, Tsujii and
    Ananiadou, "Stochastic Gradient Descent Training for L1-regularized Log-linear Models with
    Cumulative Penalty", ACL 2009, https://aclanthology.org/P09-1054, Figure 2. Crammer et al.,
    "Online Passive-Aggressive Algorithms", JMLR 7, 2006,
    https://jmlr.org/papers/v7/crammer06a.html, Figures 1 and 2 (PA-I, PA-II).
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.estimators.linear_losses import CLASSIFICATION
from jsgd.estimators.linear_rows import Row, Rows, Weights, place, take, weights

_MAX_SLOPE = 1e12  # scikit-learn's: beyond, a loss has blown up and would only overflow


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Numbers:
    """The hyperparameters of every rule, scalars all."""

    l1: Any
    l2: Any
    epsilon: Any
    offset: Any
    power: Any
    intercept_rate: Any
    average: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Walk:
    """Where plain SGD is."""

    t: jax.Array  # of the next update; the first is 1
    weights: Weights
    intercept: jax.Array
    average_coef: jax.Array | None
    average_intercept: jax.Array | None
    due: jax.Array  # the L1 penalty that any coefficient should have had
    had: jax.Array | None  # ... and that each has had
    norms: tuple[jax.Array, jax.Array]  # the squared L2 norm and the L1 norm
    objective: jax.Array  # summed over the updates


@dataclass(frozen=True)
class PlainSGD:
    """The rule; what decides its structure.

    Attributes:
        loss: its name.
        policy: `"pa1"`, `"pa2"`, or `"rate"` for all others.
        l1: whether there is an L1 penalty.
        average: whether the averages over all updates are taken.
    """

    loss: str
    policy: str
    l1: bool
    average: bool

    def epoch(
        self,
        walk: Walk,
        y: jax.Array,
        weight: jax.Array,
        eta: jax.Array,
        rows: Rows,
        order: jax.Array,
        n: jax.Array,
        h: Numbers,
    ) -> tuple[Walk, jax.Array]:
        """One pass over the first `n` samples of the order, and the mean objective."""

        def body(i, walk):
            j = order[i]
            return self.step(walk, rows.row(j), y[j], weight[j], eta, h)

        coef = walk.weights.all()
        walk = replace(walk, weights=weights(coef, rows), objective=jnp.zeros((), coef.dtype))
        walk = jax.lax.fori_loop(0, n, body, walk)
        return walk, walk.objective / n.astype(coef.dtype)

    def begin(self, start: dict[str, Any], rows: Rows) -> Walk:
        """Where a fit begins.

        Args:
            start: `t`, `coef`, `intercept`, and with `average` the averages so far.
            rows: what is to be fitted.
        """
        coef, zero = start["coef"], jnp.zeros((), start["coef"].dtype)
        return Walk(
            t=start["t"],
            weights=weights(coef, rows),
            intercept=start["intercept"],
            average_coef=start["average_coef"] if self.average else None,
            average_intercept=start["average_intercept"] if self.average else None,
            due=zero,
            had=jnp.zeros_like(coef) if self.l1 else None,
            norms=_norms(coef),
            objective=zero,
        )

    def read(self, walk: Walk) -> dict[str, Any]:
        """What `begin` begins with, after a fit."""
        start = {"t": walk.t, "coef": walk.weights.all(), "intercept": walk.intercept}
        if walk.average_coef is not None and walk.average_intercept is not None:
            start["average_coef"] = walk.average_coef
            start["average_intercept"] = walk.average_intercept
        return start

    def evaluated(self, walk: Walk) -> tuple[jax.Array, jax.Array]:
        """The coefficients and the intercept that a validation score is of."""
        return walk.weights.all(), walk.intercept

    def step(
        self, s: Walk, row: Row, y: jax.Array, weight: jax.Array, eta: jax.Array, h: Numbers
    ) -> Walk:
        """One update with one sample."""
        w, b, t = s.weights.at(row), s.intercept, s.t.astype(eta.dtype)
        p = jnp.dot(row.x, w) + b
        loss, slope = jax.value_and_grad(CLASSIFICATION[self.loss])(p, y, h.epsilon)
        objective = s.objective + loss
        taken = jnp.int32(1)
        if self.policy == "rate":
            objective += h.l2 / 2 * s.norms[0] + h.l1 * s.norms[1]
            eta = eta * (t + h.offset) ** -h.power
            change = -eta * jnp.clip(slope, -_MAX_SLOPE, _MAX_SLOPE)
        else:
            # the slope of a hinge, or of an epsilon-insensitive loss, is -1, 0 or 1 times y or 1
            sq_norm = jnp.dot(row.x, row.x)
            if self.policy == "pa1":  # passes over a sample without features
                taken = (sq_norm > 0).astype(taken.dtype)
                eta = eta * taken.astype(eta.dtype)
                length = jnp.minimum(eta, loss / jnp.where(sq_norm > 0, sq_norm, 1))
            else:
                length = loss / (sq_norm + 0.5 / eta)
            change = -length * slope
        change = change * weight

        shrink = jnp.maximum(0, 1 - eta * h.l2)
        w = shrink * w + change * row.x
        b = b + h.intercept_rate * change
        squares, sizes = _norms(w)
        # like scikit-learn's, after an update these are the norms of what the row met
        norms = (
            jnp.where(change != 0, squares, shrink**2 * s.norms[0]),
            jnp.where(change != 0, sizes, shrink * s.norms[1]),
        )
        due, had = s.due, s.had
        if had is not None:
            due = due + eta * h.l1
            before, paid = w, take(had, row)
            w = jnp.where(
                w > 0,
                jnp.maximum(0, w - (due + paid)),
                jnp.where(w < 0, jnp.minimum(0, w + (due - paid)), w),
            )
            had = place(had, row, paid + w - before)
        coef = s.weights.put(row, w, shrink)

        average_coef, average_intercept = s.average_coef, s.average_intercept
        if average_coef is not None and average_intercept is not None:
            counts = jnp.where(t >= h.average, 1 / jnp.maximum(1, t - h.average + 1), 0)
            counts = counts * taken.astype(t.dtype)
            average_coef = average_coef + counts * (coef.all() - average_coef)
            average_intercept = average_intercept + counts * (b - average_intercept)
        return Walk(
            s.t + taken, coef, b, average_coef, average_intercept, due, had, norms, objective
        )


def _norms(w: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jnp.sum(w * w), jnp.sum(jnp.abs(w))
