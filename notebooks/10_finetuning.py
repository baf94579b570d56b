# %% [markdown]
# # Fine-tuning, and checkpoints
#
# What a network has learnt is in its weights. Kept in a file, they serve again: a training that was interrupted goes on, the best epoch comes back, and another task with few labels
# starts from them instead of from nothing. Here a network learns the digits 0 to 4, is interrupted,
# goes on, and is then **fine-tuned** to 5 to 9 with five labels of each.
#
# ## The data
#
# The digits of $8 \times 8$ pixels are put at random places of $12 \times 12$, so that a network has to learn to
# find them. That is what the two tasks have in common.

# %%
import os
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jsgd
from jsgd.train import fit, load_checkpoint, load_weights, make_run, save_weights

jax.config.update("jax_num_cpu_devices", 2)  # a sweep spreads its members over the devices
FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests


def digits(low, high, copies):
    """These digits, at random places of larger images; their labels begin at 0."""
    rng = np.random.default_rng(low)

    def placed(x, y, copies):
        rows = np.tile(np.flatnonzero((low <= y) & (y < high)), copies)
        wide = np.zeros((len(rows), 12, 12, 1), np.float32)
        for image, row, (top, left) in zip(wide, rows, rng.integers(0, 5, (len(rows), 2))):
            image[top : top + 8, left : left + 8] = x[row]
        return wide, y[rows] - low

    train, test = jsgd.data.digits()[:2]
    names = tuple(str(digit) for digit in range(low, high))
    return jsgd.data.Dataset(placed(*train, copies), placed(*test, 1), high - low, names)


first, second = digits(0, 5, copies=3), digits(5, 10, copies=1)
fig, axes = plt.subplots(2, 12, figsize=(9, 1.7))
for row, data in zip(axes, (first, second)):
    for ax, image in zip(row, data.train[0]):
        ax.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("0 to 4", rotation=0, ha="right", va="center")
axes[1, 0].set_ylabel("5 to 9", rotation=0, ha="right", va="center")
fig.tight_layout(pad=0.3)

# %% [markdown]
# ## Interrupted, and gone on with
#
# With `out=` a fit saves all that it is: parameters, optimizer, learning rate, the random keys and with
# them the order of the data. So `resume=True` goes on as if nothing had happened. To see that, one fit runs in one
# go, and another is stopped halfway.

# %%
EPOCHS, DEPTH = (4, 1) if FAST else (24, 3)
model = jsgd.models.REGISTRY["cnn"](
    first.train[0], first.outputs, depth=DEPTH, pool="average", dropout_rate=0.2
)
problem = jsgd.train.classification(model, first)
run = make_run(problem, jsgd.adam(2e-3), batch_size=32)

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
whole = fit(run, epochs=EPOCHS, out=folder / "whole", progress=False)
half = fit(run, epochs=EPOCHS // 2, out=folder / "parts", progress=False)  # and here it stops
parts = fit(run, epochs=EPOCHS, out=folder / "parts", resume=True, progress=False)


def same(a, b):
    """Whether two trees hold the same numbers, to the last bit."""
    return all(jax.tree.leaves(jax.tree.map(lambda x, y: bool((x == y).all()), a, b)))


print(
    f"stopped after {len(half.history['loss'])} epochs, gone on with to {len(parts.history['loss'])}"
)
print("the same parameters, optimizer and keys, to the bit:", same(whole.carry, parts.carry))
assert same(whole.carry, parts.carry)
whole.plot(metric="loss")

# %% [markdown]
# `out` has the last three checkpoints and the best, and the history as a table. The best epoch is that with the
# least test loss, unless `monitor=` says otherwise. Its parameters come back with `load_checkpoint`, which needs the
# run, since a file has numbers and no program.

# %%
kept = sorted(int(path.name) for path in (folder / "whole" / "checkpoints").iterdir())
print("checkpoints of the epochs", kept)
best = load_checkpoint(folder / "whole", run, "best")
last = load_checkpoint(folder / "whole", run, "latest")
assert same(best.params, whole.best.params)
assert same(last.params, whole.params)
for name, carry in (("best", best), ("last", last)):
    found = jsgd.train.evaluate(model, carry.eval_params, carry.model_state, first)
    epoch = int(carry.t) // int(last.t // EPOCHS)
    print(
        f"{name}: epoch {epoch}, test loss {found.metrics['loss']:.4f}, accuracy {found.metrics['accuracy']:.3f}"
    )

# %% [markdown]
# ## The weights
#
# What another task needs of this are the weights alone. They go into a file that others can read, too: `.npz`, or
# `.safetensors`.

# %%
weights = folder / "digits.npz"
save_weights(weights, best.params, best.model_state)
with np.load(weights) as arrays:
    for name, array in arrays.items():
        print(f"{name:14s} {array.shape}")
print(f"{weights.stat().st_size:,} bytes")

# %% [markdown]
# Now the second task. Its last layer, the **head**, has to be new: its five outputs mean other digits. So `load_weights`
# leaves it alone, and `pretrained` gives the same model that starts from these weights, with a fresh head.

# %%
model = jsgd.models.REGISTRY["cnn"](
    second.train[0], second.outputs, depth=DEPTH, pool="average", dropout_rate=0.2
)
like = jax.eval_shape(model.init, jax.random.key(0))
params, model_state = load_weights(weights, *like, ignore="out")
tuned = jsgd.train.pretrained(model, params, model_state, fresh="out")

start, _ = jax.jit(tuned.init)(jax.random.key(1))
for name in jsgd.train.layer_names(model):
    print(f"{name:6s} starts from the file: {same(start[name], best.params[name])}")

# %% [markdown]
# ## What moves, and how fast
#
# Old layers may need smaller changes than a new head. One may **freeze** all but the head. Or one gives each layer a rate
# of its own, less the nearer it is to the input. Or one **thaws** layer by layer, from the head down. A learning rate
# may be a tree with a number, or a schedule, for every leaf of the parameters, and `layerwise_lr` makes such a tree:
# in layer $l$ of $L$, at step $t$,
#
# $$\eta_l(t) = \eta\, \gamma^{L - l} \; \text{ if } t \ge (L - l)\, k, \text{ else } 0 .$$
#
# With $\gamma = 1$ and $k = 0$ all layers have the same rate, and with $\gamma = 0$ all but the head are frozen. `jsgd.freeze`
# freezes what one names, and with it nothing is remembered for what does not move.

# %%
frozen = jsgd.freeze(jsgd.adam(), lambda path, leaf: not path.startswith("out/"))
gradients = jax.tree.map(jnp.ones_like, start)
moved, _ = jax.jit(frozen.step)(start, gradients, frozen.init(start))
layers = jsgd.train.layer_names(model)
print(
    "moved by a step of the frozen optimizer:", [x for x in layers if not same(moved[x], start[x])]
)

for name, opt in {"all layers": jsgd.adam(), "the head alone": frozen}.items():
    size = sum(x.size for x in jax.tree.leaves(jax.eval_shape(opt.init, start)))
    print(f"numbers that the optimizer remembers for {name}: {size:,}")

STEPS, DECAY, THAW = 80, 0.6, 10
rates = jsgd.train.layerwise_lr(params, 1.0, DECAY, layers, thaw_every=THAW)
fig, ax = plt.subplots(figsize=(6.4, 3.2))
for name, colour in zip(reversed(layers), plt.cm.viridis(np.linspace(0, 0.9, len(layers)))):
    rate = jax.vmap(rates[name]["kernel"])(jnp.arange(STEPS))
    ax.step(range(STEPS), rate, where="post", color=colour, label=name)
title = rf"$\gamma = {DECAY}$, $k = {THAW}$"
ax.set(xlabel="step", ylabel="share of the learning rate", title=title)
ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
fig.tight_layout()

# %% [markdown]
# ## The contest
#
# Which five pictures of each digit have labels is a matter of luck. So each seed draws its own, and its own head. To do
# this, the run is wrapped: a run is a pair of functions, `init` and `advance`, and this one keeps the rows that it has
# drawn. It advances by ten steps, each on all 25 pictures, and then tests.

# %%
LABELS, SEEDS = 5, 2 if FAST else 8
LRS = [0.01] if FAST else [0.003, 0.01, 0.03]
x, y = map(jnp.asarray, second.train)


def with_few_labels(model, opt):
    n = LABELS * second.outputs
    problem = jsgd.train.classification(model, second)
    run = jsgd.train.make_stream_run(problem, opt, batch_size=n)

    def init(key, hyper):
        order = jax.random.permutation(key, len(y))
        of_class = y[order] == jnp.arange(second.outputs)[:, None]
        rows = order[jnp.argsort(~of_class, axis=1, stable=True)[:, :LABELS].ravel()]
        return rows, run.init(key, hyper)

    def advance(carry):
        rows, carry = carry
        rows_of_steps = jnp.tile(rows, 10)
        carry, metrics = run.advance(carry, (x[rows_of_steps], y[rows_of_steps]))
        return (rows, carry), metrics

    return jsgd.train.Run(init, advance)


scratch = with_few_labels(model, jsgd.adam())
one_rate = with_few_labels(tuned, jsgd.adam())


def init(key, hyper):
    rates = jsgd.train.layerwise_lr(
        params, hyper["lr"], hyper["decay"], layers, thaw_every=hyper["thaw_every"]
    )
    return one_rate.init(key, {"lr": rates})


tuning = jsgd.train.Run(init, one_rate.advance)

# %% [markdown]
# The decay $\gamma$ and the interval $k$ are numbers. So all ways of tuning, all learning rates and all seeds are one program. That
# from scratch begins differently and is a second one.

# %%
ways = {
    "all layers": {"decay": 1.0, "thaw_every": 0},
    "layerwise": {"decay": DECAY, "thaw_every": 0},
    "thawed": {"decay": DECAY, "thaw_every": THAW},
    "head alone": {"decay": 0.0, "thaw_every": 0},
}
how = {"seeds": SEEDS, "epochs": STEPS // 10, "layout": "vmap", "progress": False}
space = [way | {"lr": lr} for way in ways.values() for lr in LRS]
results = jsgd.sweeps.sweep(scratch, {"lr": LRS}, **how), jsgd.sweeps.sweep(tuning, space, **how)
curves = np.concatenate([result.curves["test_accuracy"] for result in results])
curves = dict(zip(["from scratch", *ways], curves.reshape(-1, len(LRS), SEEDS, STEPS // 10)))
print(f"{sum(result.info['compilations'] for result in results)} programs, ", end="")
print(f"{len(curves) * len(LRS) * SEEDS} networks")
for name, of_rates in curves.items():
    best = of_rates[..., -1].mean(1).argmax()
    curves[name] = of_rates[best]
    final = curves[name][:, -1]
    won = (final > curves["from scratch"][:, -1]).sum()
    print(
        f"{name:13s} lr {LRS[best]:.3f}  mean {final.mean():.3f}  least {final.min():.3f}  ", end=""
    )
    print(f"better than from scratch with {won} of {SEEDS} seeds")

# %%
colours = dict(zip(curves, ("#000000", "#d55e00", "#0072b2", "#56b4e9", "#cc79a7")))
fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4), width_ratios=[1.4, 1], sharey=True)
steps = np.arange(1, STEPS // 10 + 1) * 10
for i, (name, values) in enumerate(curves.items()):
    left.plot(steps, values.mean(0), "o-", color=colours[name], markersize=4, label=name)
    right.plot(np.full(SEEDS, i), values[:, -1], "o", color=colours[name], markersize=5, alpha=0.6)
    right.plot(i, values[:, -1].mean(), "_", color=colours[name], markersize=32, markeredgewidth=2)
for finals in np.stack([values[:, -1] for values in curves.values()], axis=1):
    right.plot(finals, color="0.85", linewidth=0.8, zorder=0)
left.set(xlabel="step", ylabel="test accuracy, digits 5 to 9", title=f"mean of {SEEDS} seeds")
left.axhline(0.2, color="0.6", linestyle=":", label="by chance")
left.set_xlim(0, STEPS + 4)
left.legend(loc="lower right", bbox_to_anchor=(1, 0.06), ncols=2, fontsize=9)
right.set_xticks(range(len(curves)), list(curves), rotation=30, ha="right")
right.set_xlim(-0.5, len(curves) - 0.5)
right.set_title("in the end: each seed, and the mean")
for ax in (left, right):
    ax.grid(alpha=0.25)
fig.tight_layout()

mean = {name: values[:, -1].mean() for name, values in curves.items()}
early = {name: values[:, 0].mean() for name, values in curves.items()}
assert FAST or all(mean[name] > mean["from scratch"] + 0.02 for name in ways)
at_once = [name for name in ways if name != "thawed"]  # there only the head moves at first
assert FAST or all(early[name] > early["from scratch"] + 0.02 for name in at_once)
temporary.cleanup()

# %% [markdown]
# Weights that have seen other digits help: every way of using them is better than starting from nothing, on average,
# and, where layers do not wait to be thawed, from the first steps on. Between all layers, layerwise rates and thawing the differences are small against the
# spread between the seeds, which draw the labels and are the same for all. The head alone learns less: the
# layers below it were made for other digits, and may not change. (Each way is shown with the rate that is best for it
# on the test set: fair between them, and no estimate.)
