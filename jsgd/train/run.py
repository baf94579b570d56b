"""Training a problem with an optimizer, as a run: an epoch is one scan, and so one program."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core import Optimizer, get_hyper
from jsgd.core.hyper import is_concrete
from jsgd.core.tree import all_finite, norm, widen
from jsgd.train.batch_stats import has_batch_stats, settle
from jsgd.train.batches import count_samples, mean_over_batches, over_parts
from jsgd.train.carry import Carry, Run, with_hyper
from jsgd.train.folds import fold_rows
from jsgd.train.parallel import Devices, mesh_of, place, spread
from jsgd.train.problem import Problem
from jsgd.train.shuffle import permutation


def make_run(
    problem: Problem,
    opt: Optimizer,
    *,
    batch_size: int | None = 64,
    microbatch: int | None = None,
    shuffle: bool = True,
    folds: int | None = None,
    test_batch_size: int = 1024,
    devices: Devices = None,
    shard_state: bool = False,
    norms: bool = False,
) -> Run:
    """Training as a `Run`: an epoch is one scan over its batches, then the test.

    Full-batch, mini-batch and single-sample descent are `batch_size=None`, a number, and 1. Every
    epoch draws a fresh permutation; the `samples % batch_size` samples at its end are left out of
    that epoch (others each time). The test evaluates `jsgd.eval_params`. An optimizer that takes
    the gradients of single examples (`jsgd.dpsgd`) is given those.

    Where those are averages (`jsgd.ema`, `jsgd.swa`) and the model has batch norm, its statistics
    are estimated for them at the end of each epoch, by one more pass over its batches: the model
    state of the carry is the one to use with `jsgd.eval_params` (`jsgd.train.settle`).

    `hyper` may hold the optimizer's names, as `jsgd.get_hyper` shows them, and the problem's. What
    the problem has off by default (`None`) is on if `hyper` holds it, and else no part of the
    program; where the optimizer has that name too, it is the optimizer's. In the `hyper` of
    `set_hyper` a name that only matters at the start (`init_scale`) changes nothing.
    Metrics: those of the problem as means over the epoch's batches (`loss`, `accuracy`), those of
    the test (`test_loss`, `test_accuracy`), `step` and `diverged_at`. A run that diverges goes on:
    that it did is data.

    With `folds=K` it is one part of a cross-validation: `hyper` must hold `fold`, 0 to K - 1, the
    run trains on all of the training data but that fold, and its test metrics are of the fold
    (`jsgd.train.fold_rows` says which rows). The fold is a number like any other: one program
    serves all folds, and holds the data once. The problem's own test data is left alone.

    Args:
        problem: what is trained.
        opt: the optimizer; its numbers are the defaults of its hyperparameters.
        batch_size: static; samples a step, 1 to the number of samples (that a fold trains on), or
            `None` for all.
        microbatch: static; the gradient of a batch is the mean over parts of so many samples, a
            divisor of the batch size, one after another: the same, but for rounding and for what is
            drawn (dropout) or normalised (batch norm) within a part. It takes less memory, and on
            CPU a convolutional network is faster whose activations fit into the cache (16 images of
            28x28: 1.3 times). `None` is all of the batch.
        shuffle: static; `False` takes the samples in their order, and never the last
            `samples % batch_size`.
        folds: static; how many folds the training data is cut into, 2 to the number of samples, or
            `None` for the problem's own test data.
        test_batch_size: static; the test is evaluated so many samples at a time, >= 1, for the sake
            of memory. None is left out: the last, partial batch counts by its size.
        devices: static; how many of `jax.devices()`, or which ones, share the work: each computes
            on its part of every batch (and of the test's), whose size they must divide, and holds
            all of the data and the parameters. The results are those of one device but for
            rounding: batch norm sees the whole batch. Such a run is jitted and fitted as any other;
            a sweep, which spreads its members over the devices, does not take it.
        shard_state: static; with `devices`, each has a part of what the optimizer remembers, and
            with it of the work of the step (stage 1 of Rajbhandari et al., "ZeRO", SC 2020,
            https://arxiv.org/abs/1910.02054, section 5.1). Arrays of less than 1024 numbers, and
            those of which no axis is a multiple of the devices, stay whole.
        norms: static; metrics beside the others: the norms of the gradient (of the batch, before
            the optimizer clips it), of the update and of the parameters, `grad_norm`, `update_norm`
            and `param_norm`, each over all parameters together, and the mean over the steps.

    Raises:
        ValueError: the batch size, the microbatch, the number of folds or the devices are not
            possible; and from `init` and `set_hyper`, if a name in `hyper` is unknown, a number out
            of its range, or `fold` missing.

    >>> import jax, jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> problem = jsgd.train.regression(model, data)
    >>> run = make_run(problem, jsgd.sgd(lr=0.1), batch_size=16)
    >>> carry = run.init(jax.random.key(0), {"lr": 0.05})
    >>> carry, metrics = jax.jit(run.advance)(carry)
    >>> sorted(metrics), int(metrics["step"])
    (['diverged_at', 'loss', 'step', 'test_loss'], 16)
    """
    mesh = mesh_of(devices)
    if shard_state and mesh is None:
        raise ValueError("shard_state = True: it takes devices to cut the state for")
    problem = problem._replace(loss=spread(problem.loss, mesh))
    placed = partial(place, mesh=mesh, shard_state=shard_state)
    samples, known = count_samples(problem.train), problem.hyper
    if folds is not None:
        if "fold" in known:
            raise ValueError("'fold' is the problem's name: rename it, or leave folds out")
        known = known | {"fold": 0}
        train_rows, test_rows = map(jnp.asarray, fold_rows(problem.train, folds))
        samples = train_rows.shape[1]
    size = samples if batch_size is None else batch_size
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= samples:
        raise ValueError(f"batch_size = {batch_size!r}: it must be None or 1 to {samples} samples")
    if not isinstance(test_batch_size, int) or test_batch_size < 1:
        raise ValueError(f"test_batch_size = {test_batch_size!r}: it must be a whole number >= 1")
    steps = samples // size
    part, alone = microbatch or size, getattr(opt.init, "per_example", False)
    parts = size // part
    if microbatch == 0 or parts * part != size or (parts > 1 and alone):
        raise ValueError(
            f"microbatch = {microbatch!r}: it must be None or a divisor of the batch size {size}"
            + ", and None for gradients of single examples" * alone
        )
    if mesh is not None and part % mesh.size:
        raise ValueError(
            f"{batch_size = }, {microbatch = }: {part} samples at a time are no multiple of "
            f"{mesh.size} devices"
        )

    def init(key, hyper):
        key, model_key = jax.random.split(key)
        own = {name: hyper.get(name, default) for name, default in known.items()}
        own = {name: x for name, x in own.items() if x is not None}
        if folds is not None:
            _check_fold(hyper.get("fold"), folds)
        params, model_state = problem.init(model_key, own)
        opt_state = opt.init(params)
        for name in get_hyper(opt_state):
            if name in known and known[name] is None:
                own.pop(name, None)  # the optimizer's
        off = [name for name in known if name not in own]
        carry = Carry(params, model_state, opt_state, own, key, _int32(0), _int32(-1))
        return placed(with_hyper(carry, hyper, off))

    def change(carry, hyper):
        own = {name: hyper.get(name, x) for name, x in carry.hyper.items()}
        jax.eval_shape(lambda key: problem.init(key, own), carry.key)  # it knows what is in range
        return placed(with_hyper(carry, hyper))

    def samples_of(rows):
        return jax.tree.map(lambda x: x[rows], problem.train)

    def own_rows(table, carry):
        return table[carry.hyper["fold"].astype(jnp.int32)]

    def batches(carry, key):
        """The rows of every batch of an epoch, of shape (steps, size); `None` for all samples."""
        if batch_size is None and folds is None:
            return None
        in_order = batch_size is None or not shuffle
        order = jnp.arange(samples) if in_order else permutation(key, samples)
        rows = order if folds is None else own_rows(train_rows, carry)[order]
        return rows[: steps * size].reshape(steps, size)

    def step(carry, xs):
        rows, key = xs
        batch = problem.train if rows is None else samples_of(rows)

        def loss(params, batch, key):
            return problem.loss(params, carry.model_state, batch, carry.hyper, train=True, key=key)

        def value_fn(params):
            return over_parts(partial(loss, params), batch, key, parts)

        def slope(params, batch, key):
            return jax.value_and_grad(loss, has_aux=True)(params, batch, key)

        if alone:
            value, (metrics, model_state) = value_fn(carry.params)
            one, keys = jax.tree.map(lambda x: x[:, None], batch), jax.random.split(key, size)
            _, grads = jax.vmap(partial(slope, carry.params))(one, keys)
        else:
            (value, (metrics, model_state)), grads = over_parts(
                partial(slope, carry.params), batch, key, parts
            )
        grads = jax.tree.map(jnp.conj, grads)  # of complex parameters: the way up, as steps want it
        params, opt_state = opt.step(
            carry.params, grads, carry.opt_state, value=value, value_fn=lambda p: value_fn(p)[0]
        )
        if norms:
            metrics = metrics | _norms(carry.params, params, grads, alone)
        t = carry.t + 1
        bad = ~(jnp.isfinite(value) & all_finite(params))
        diverged_at = jnp.where(bad & (carry.diverged_at < 0), t, carry.diverged_at)
        new = Carry(params, model_state, opt_state, carry.hyper, carry.key, t, diverged_at)
        return placed(new), metrics

    def settled(carry, xs):
        """The carry with batch statistics of the parameters to evaluate, if those are others."""
        params = carry.eval_params
        if not (_differ(params, carry.params) and has_batch_stats(carry.model_state)):
            return carry

        def move(model_state, xs):
            rows, key = xs
            batch = problem.train if rows is None else samples_of(rows)

            def loss(batch, key):
                return problem.loss(params, model_state, batch, carry.hyper, train=True, key=key)

            _, (_, model_state) = over_parts(loss, batch, key, parts)
            return model_state

        return replace(carry, model_state=settle(move, carry.model_state, xs))

    def test(carry):
        data = problem.test
        if folds is not None:
            data = samples_of(own_rows(test_rows, carry))
        if data is None:
            return {}
        params = carry.eval_params

        def evaluate(batch):
            _, (metrics, _) = problem.loss(
                params, carry.model_state, batch, carry.hyper, train=False, key=carry.key
            )
            return metrics

        metrics = mean_over_batches(evaluate, data, test_batch_size)
        return {f"test_{name}": x for name, x in metrics.items()}

    def advance(carry):
        key, order_key, steps_key = jax.random.split(carry.key, 3)
        xs = batches(carry, order_key), jax.random.split(steps_key, steps)
        carry, metrics = jax.lax.scan(step, replace(carry, key=key), xs, length=steps)
        carry = placed(settled(carry, xs))
        metrics = {name: jnp.mean(x, axis=0) for name, x in metrics.items()} | test(carry)
        return carry, metrics | {"step": carry.t, "diverged_at": carry.diverged_at}

    return Run(init, advance, change, steps * size)


def _norms(old: Any, new: Any, grads: Any, alone: bool) -> dict[str, jax.Array]:
    """Of a step; with `alone`, the gradient is the mean of those of single examples."""
    if alone:
        grads = jax.tree.map(lambda g: jnp.mean(g, axis=0), grads)
    update = jax.tree.map(jnp.subtract, widen(new), widen(old))
    return {"grad_norm": norm(grads), "update_norm": norm(update), "param_norm": norm(new)}


def _differ(params: Any, trained: Any) -> bool:
    """Whether any leaf is another array: an average, which an optimizer keeps."""
    leaves = zip(jax.tree.leaves(params), jax.tree.leaves(trained), strict=True)
    return any(a is not b for a, b in leaves)


def _check_fold(fold: Any, folds: int) -> None:
    if fold is None:
        raise ValueError(
            f"there is no fold: give fold, 0 to {folds - 1}, or sweep(..., folds={folds})"
        )
    if is_concrete(fold) and np.asarray(fold) not in range(folds):
        raise ValueError(f"fold = {fold}: it must be 0 to {folds - 1}, one of {folds} folds")


def _int32(x: int) -> jax.Array:
    return jnp.asarray(x, jnp.int32)
