"""The learning rate study of DeepOBS on `quadratic_deep`, whole, beside what was published.

    python benchmarks/deepobs.py

36 learning rates x (SGD, Momentum 0.99, Adam) x 10 seeds: 1080 trainings of 100 epochs, in two
programs. Plain SGD is momentum 0, so that one sweep holds both; Adam is another rule, and another
sweep. The problem is a noisy quadratic in 100 dimensions whose Hessian has the spectrum of a deep
network: 90 eigenvalues in (0, 1) and 10 in (30, 60), in a random basis.

The optimizers are TensorFlow's, which DeepOBS ran:

    Momentum   v <- 0.99 v + g,  theta <- theta - lr v: `jsgd.sgd` with a momentum, undampened
    Adam       b1 = 0.9, b2 = 0.999, eps = 1e-8. TensorFlow adds eps to the root of the second
               moment before the correction of its start, `jsgd.adam` after it, as Algorithm 1
               has it: in our terms theirs falls from 3.2e-7 to 1.4e-8 over the 700 steps, and
               3.2e-7 throughout changes the losses here by less than 1e-6.

So are the batches. DeepOBS seeds TensorFlow's graph and starts the iterator again every epoch, and
that starts the shuffle again from its seed (https://github.com/tensorflow/tensorflow/issues/13446):
a training has one order of the samples, drawn at its start, and the same seven batches in every
epoch. Their noise averages out over an epoch, which matters to Momentum above all. The published
settings are run with a fresh order each epoch, too, to show that it was not so.

A setting has diverged if the loss or a parameter of any seed stops being finite in float32. The
orders are draws of our own, so that losses can agree only within their spread over the seeds; and
DeepOBS picked the best learning rate by one seed, and ran nine more of that alone, while ours is
the best of the means over ten. What is printed is kept in benchmarks/results/deepobs.json.

References:
    Schneider, Balles and Hennig, "DeepOBS: A Deep Learning Optimizer Benchmark Suite", ICLR 2019,
    https://arxiv.org/abs/1903.05499.
    Diaconis and Shahshahani, "The subgroup algorithm for generating uniform random variables",
    Probability in the Engineering and Informational Sciences, 1987.
"""

import math
import os
import time
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from harness import save

import jsgd
from jsgd.sweeps import sweep
from jsgd.train import Problem, Run, make_run, permutation

DIM, SAMPLES, BATCH, EPOCHS, NOISE = 100, 1000, 128, 100, 0.6
STEPS = SAMPLES // BATCH  # an epoch; what is left over is dropped, in testing too
LEARNING_RATES = [float(f"{10 ** (k / 5):.6g}") for k in range(-25, 11)]
SEEDS = 10
INITIAL = 353.44676
# optimizer -> best learning rate, its mean final test loss, the least that diverges
PUBLISHED = {
    "SGD": (1.58e-2, 87.40, 3.98e-2),
    "Momentum": (2.51e-3, 87.05, 1.0e-1),
    "Adam": (3.98e-2, 87.11, None),
}


def rotation(draw, dim):
    """A rotation drawn evenly from all, by the subgroup algorithm: one reflection a dimension."""
    angle = 2 * np.pi * draw.uniform()
    r = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for d in range(2, dim):
        v = draw.normal(size=d + 1)
        x = np.eye(d + 1)[0] - v / np.linalg.norm(v)
        x /= np.linalg.norm(x)
        b = np.eye(d + 1)
        b[1:, 1:] = r
        r = b - 2 * np.outer(x, x @ b)
    return -r


def hessian():
    """The eigenvalues, the rotation, and the Hessian that they make, in float64."""
    draw = np.random.RandomState(42)
    eigenvalues = np.concatenate([draw.uniform(0, 1, 90), draw.uniform(30, 60, 10)])
    r = rotation(draw, DIM)
    return eigenvalues, r, r.T @ np.diag(eigenvalues) @ r


def samples(seed):
    """Training samples (42) or test samples (43); DeepOBS rounds them to float32."""
    return np.random.RandomState(seed).normal(0, NOISE, (SAMPLES, DIM)).astype(np.float32)


def half_square(q, x):
    """x' Q x / 2 of every row."""
    return jnp.sum(x @ q * x, axis=-1) / 2


def batch(q, x):
    """What the loss has to know of a batch of shape (..., samples, dim).

    The mean of (theta - x)' Q (theta - x) / 2 over samples x is (theta - m)' Q (theta - m) / 2 at
    their mean m, plus a rest without theta: a step costs one product with Q, not one a sample.
    """
    m = jnp.mean(x, axis=-2)
    return m, jnp.mean(half_square(q, x), axis=-1) - half_square(q, m)


def draw_batches(q, x, key):
    """The batches of an epoch, in a random order."""
    order = permutation(key, SAMPLES)[: STEPS * BATCH]
    return batch(q, x[order].reshape(STEPS, BATCH, DIM))


def quadratic_deep():
    """The problem: from theta = 1, with the batches of a training in its `model_state`."""
    floats = jnp.result_type(float)
    q, train, test = (jnp.asarray(x, floats) for x in (hessian()[2], samples(42), samples(43)))

    def init(key, hyper):
        return jnp.ones(DIM), draw_batches(q, train, key)

    def loss(theta, batches, at, hyper, *, train, key):
        m, rest = jax.tree.map(lambda x: x[at[0]], batches) if train else at
        value = half_square(q, theta - m) + rest
        return value, ({"loss": value}, batches)

    return Problem(init, loss, jnp.arange(STEPS), batch(q, test[: STEPS * BATCH]), {})


def make(problem, opt, reshuffle=False):
    """The run: a sample is a batch. With `reshuffle` each epoch draws its batches anew."""
    run = make_run(problem, opt, batch_size=1, shuffle=False)

    def advance(carry):
        key, ours = jax.random.split(carry.key)
        _, batches = problem.init(ours, {})
        return run.advance(replace(carry, key=key, model_state=batches))

    return Run(run.init, advance) if reshuffle else run


def initial_loss():
    """The test loss at the start, in float64."""
    with jax.enable_x64(True):
        problem = quadratic_deep()
        theta, state = problem.init(jax.random.key(0), {})
        value, _ = problem.loss(theta, state, problem.test, {}, train=False, key=None)
        return float(value)


def study(learning_rates, seeds=SEEDS, reshuffle=False, progress=False):
    """Sweep learning rates of all three.

    Args:
        learning_rates: optimizer -> the values to try.
        seeds: of each setting.
        reshuffle: draw fresh batches each epoch.

    Returns:
        optimizer -> final test losses, of shape (learning rates, seeds), NaN where one diverged;
        the seconds of compiling and of all.
    """
    problem, losses, compiling, start = quadratic_deep(), {}, 0.0, time.perf_counter()
    either = sorted({*learning_rates["SGD"], *learning_rates["Momentum"]})
    for names, opt, space in (
        (("SGD", "Momentum"), jsgd.sgd(momentum=0.0), {"momentum": [0.0, 0.99], "lr": either}),
        (("Adam",), jsgd.adam(eps=1e-8), {"lr": learning_rates["Adam"]}),
    ):
        result = sweep(
            make(problem, opt, reshuffle), space,
            seeds=seeds, epochs=EPOCHS, metric="test_loss", progress=progress,
            layout="vmap",  # a step of everyone is then one product of matrices
        )  # fmt: skip
        compiling += result.info["compile_seconds"]
        final, bad = (result.curves[name][..., -1] for name in ("test_loss", "diverged_at"))
        final = np.where((bad < 0) & np.isfinite(final), final.astype(np.float64), np.nan)
        for name, rows in zip(names, np.split(final, len(names)), strict=True):
            losses[name] = rows[np.isin(space["lr"], learning_rates[name])]
    return losses, {"compiling": compiling, "all": time.perf_counter() - start}


def summary(learning_rates, losses):
    """What the losses of one optimizer, of shape (learning rates, seeds), say.

    Returns:
        The best learning rate `lr`, its `mean` and `std` over the seeds, and `diverges_from`, the
        least learning rate from which on all diverge, or `None`.
    """
    mean = losses.mean(axis=1)
    best = int(np.nanargmin(mean))
    beyond = int(np.flatnonzero(np.isfinite(mean))[-1]) + 1
    return {
        "lr": learning_rates[best],
        "mean": float(mean[best]),
        "std": float(losses[best].std(ddof=1)),
        "diverges_from": learning_rates[beyond] if beyond < len(mean) else None,
    }


def nearest(learning_rate):
    """The grid's value for a published one, which has three digits."""
    return min(LEARNING_RATES, key=lambda x: abs(math.log(x / learning_rate)))


def main():
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    initial = initial_loss()
    losses, seconds = study(dict.fromkeys(PUBLISHED, LEARNING_RATES))
    fresh, _ = study({name: [nearest(x[0])] for name, x in PUBLISHED.items()}, reshuffle=True)
    results = {"initial": initial, "published initial": INITIAL, "seconds": seconds}
    print(f"initial test loss {initial:.6f}, published {INITIAL}\n")
    row = "{:34s} {:>17s} {:>9s}".format
    for name, (lr, mean, diverges) in PUBLISHED.items():
        ours = summary(LEARNING_RATES, losses[name])
        there = losses[name][LEARNING_RATES.index(nearest(lr))]
        alone = np.argmin(np.nan_to_num(losses[name], nan=np.inf), axis=0)
        ours |= {
            "at the published lr": _spread(there),
            "seeds that alone choose the published lr": int(
                np.sum(alone == LEARNING_RATES.index(nearest(lr)))
            ),
            "at the published lr, a fresh order each epoch": _spread(fresh[name][0]),
        }
        print(row(name, "ours", "published"))
        print(row("  best lr", _short(ours["lr"]), _short(lr)))
        print(row("  mean final test loss", _plus_minus(ours), f"{mean:.2f}"))
        print(row("  the same at the published lr", _plus_minus(_spread(there)), f"{mean:.2f}"))
        print(row("  and in a fresh order each epoch", _plus_minus(_spread(fresh[name][0])), "-"))
        alone = ours["seeds that alone choose the published lr"]
        print(row("  seeds that choose the published lr", f"{alone} of {SEEDS}", "-"))
        print(row("  diverges from", _short(ours["diverges_from"]), _short(diverges)), "\n")
        results[name] = ours | {
            "published": dict(zip(("lr", "mean", "diverges_from"), PUBLISHED[name], strict=True)),
            "lrs": LEARNING_RATES,
            "means": [x if math.isfinite(x) else None for x in losses[name].mean(axis=1)],
        }
    count = sum(x.size for x in losses.values())
    print(
        f"{count} trainings of {EPOCHS} epochs in {seconds['all']:.1f} s, of which compiling took "
        f"{seconds['compiling']:.1f} s"
    )
    save("deepobs", results, sources=[__file__])


def _spread(losses):
    return {"mean": float(losses.mean()), "std": float(losses.std(ddof=1))}


def _plus_minus(spread):
    return f"{spread['mean']:.3f} +- {spread['std']:.3f}"


def _short(x):
    return "never" if x is None else f"{x:.2e}"


if __name__ == "__main__":
    main()
