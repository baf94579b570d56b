"""A whole fit in one program: epochs, for all problems at once, until each has stopped."""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.estimators.linear_minibatch import MiniBatches
from jsgd.estimators.linear_rows import Rows, scores
from jsgd.estimators.linear_sgd import Numbers, PlainSGD


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Samples:
    """What is learned from, or scored on: `rows` of all problems, the rest of shape (problems, n).

    All may have more rows than there are samples, with a weight of 0.
    """

    rows: Rows
    y: Any
    weight: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Limits:
    """When to stop."""

    n: Any  # samples
    max_iter: Any
    tol: Any
    patience: Any
    is_adaptive: Any  # divides the rate by 5 instead, until it is at 1e-6


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Progress:
    """Where a problem is."""

    eta: jax.Array
    best: jax.Array  # the least objective, or the negative of the best score
    stale: jax.Array  # epochs since
    epochs: jax.Array
    is_done: jax.Array
    is_finite: jax.Array


@functools.partial(jax.jit, static_argnames=("rule", "score", "shuffle", "verbose"))
def run(
    start: Any,
    samples: Samples,
    held_out: Samples | None,
    numbers: Numbers,
    eta: jax.Array,
    limits: Limits,
    seed: jax.Array,
    *,
    rule: PlainSGD | MiniBatches,
    score: str,
    shuffle: bool,
    verbose: bool,
) -> tuple[Any, tuple[jax.Array, jax.Array], Progress]:
    """Epochs of all problems, each until it has not improved for a while.

    Args:
        start: what `rule.begin` begins with; its leaves have a leading axis of problems.
        samples: to learn from.
        held_out: to score on, unless it is the objective.
        numbers: hyperparameters of the rule.
        eta: the rate to begin with.
        limits: when to stop.
        seed: uint32, of the order of the samples, which is the same for all problems.
        rule: what an epoch does.
        score: what it goes by: `"objective"`, `"accuracy"` or `"r2"`.
        shuffle: whether every epoch has an order of its own.
        verbose: whether every epoch prints a line.

    Returns:
        What `rule.read` reads; coefficients and intercepts; and the progress, of all problems.
    """
    problems, size = samples.y.shape
    epoch_of_all = jax.vmap(rule.epoch, in_axes=(0, 0, 0, 0, None, None, None, None))

    def body(carry):
        epoch, walks, progress = carry
        order = jnp.arange(size, dtype=jnp.int32)
        if shuffle:
            order = permutation(seed, epoch, limits.n, size)
        new, objectives = epoch_of_all(
            walks,
            samples.y,
            samples.weight,
            progress.eta,
            samples.rows,
            order,
            limits.n,
            numbers,
        )
        coef, intercept = jax.vmap(rule.evaluated)(new)
        merit = objectives
        if held_out is not None:
            p = jax.vmap(scores, in_axes=(None, 0))(held_out.rows, coef) + intercept[:, None]
            merit = -jax.vmap(_SCORES[score])(p, held_out.y, held_out.weight)
        if verbose:
            jax.debug.print(
                "epoch {}: objective {}" + ", validation score {}" * (held_out is not None),
                epoch + 1,
                objectives,
                *([-merit] if held_out is not None else []),
                ordered=True,
            )
        is_finite = jnp.isfinite(intercept) & jnp.all(jnp.isfinite(coef), axis=1)
        after = judged(progress, merit, is_finite, limits)
        if problems == 1:  # it is not done yet, and there is less to compile
            return epoch + 1, new, after
        return epoch + 1, *keep_where(progress.is_done, (walks, progress), (new, after))

    def go_on(carry):
        return (carry[0] < limits.max_iter) & ~jnp.all(carry[2].is_done)

    zeros = jnp.zeros(problems, jnp.int32)
    progress = Progress(
        eta=jnp.broadcast_to(eta, (problems,)),
        best=jnp.full((problems,), jnp.inf, eta.dtype),
        stale=zeros,
        epochs=zeros,
        is_done=zeros > 0,
        is_finite=zeros == 0,
    )
    walks = jax.vmap(rule.begin, in_axes=(0, None))(start, samples.rows)
    _, walks, progress = jax.lax.while_loop(go_on, body, (jnp.int32(0), walks, progress))
    return jax.vmap(rule.read)(walks), jax.vmap(rule.evaluated)(walks), progress


def permutation(seed: Any, epoch: Any, n: Any, size: int) -> jax.Array:
    """0 to n - 1 in random order, and then n to size - 1.

    Args:
        seed: uint32.
        epoch: int32; every one has an order of its own.
        n: int32, at most `size`.
        size: static.
    """
    places = jnp.arange(size, dtype=jnp.int32)
    words = jnp.stack([seed, epoch.astype(jnp.uint32)])  # a key, with less to compile than fold_in
    key = jax.random.wrap_key_data(words, impl="threefry2x32")
    tickets = jax.random.bits(key, (size,), jnp.uint32)
    # sorting is stable, so that those from n on stay in order
    tickets = jnp.where(places < n, tickets, jnp.uint32(2**32 - 1))
    return jnp.argsort(tickets).astype(jnp.int32)


def judged(before: Progress, merit: jax.Array, is_finite: jax.Array, limits: Limits) -> Progress:
    """What an epoch of this merit, the less the better, makes of the progress."""
    # a tolerance of -inf, for none, is never missed
    stale = jnp.where(merit > before.best - limits.tol, before.stale + 1, 0)
    is_stuck = stale >= limits.patience
    goes_slower = is_stuck & limits.is_adaptive & (before.eta > 1e-6)
    return Progress(
        eta=jnp.where(goes_slower, before.eta / 5, before.eta),
        best=jnp.minimum(before.best, merit),
        stale=jnp.where(goes_slower, 0, stale),
        epochs=before.epochs + 1,
        is_done=(is_stuck & ~goes_slower) | ~is_finite,
        is_finite=is_finite,
    )


def keep_where(keep: jax.Array, old: Any, new: Any) -> Any:
    """The old where `keep`, of shape (problems,), else the new."""
    return jax.tree.map(
        lambda x, y: jnp.where(keep.reshape(-1, *[1] * (y.ndim - 1)), x, y), old, new
    )


def accuracy(p: jax.Array, y: jax.Array, weight: jax.Array) -> jax.Array:
    """The share of scores on the right side of 0."""
    return jnp.sum(jnp.where((p > 0) == (y > 0), weight, 0)) / jnp.sum(weight)


def r2(p: jax.Array, y: jax.Array, weight: jax.Array) -> jax.Array:
    """The coefficient of determination; of constant targets it is 1 if they are met, else 0."""
    mean = jnp.sum(weight * y) / jnp.sum(weight)
    left, total = jnp.sum(weight * (y - p) ** 2), jnp.sum(weight * (y - mean) ** 2)
    constant = jnp.where(left == 0, 1, 0).astype(p.dtype)
    return jnp.where(total == 0, constant, 1 - left / jnp.where(total == 0, 1, total))


_SCORES = {"accuracy": accuracy, "r2": r2}
