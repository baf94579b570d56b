# %% [markdown]
# # A sweep is an experiment
#
# Which learning rate is best? The honest answer is a curve, not a number: how does the result depend
# on the learning rate, how sure are we, and what does it cost to find out? In jsgd a hyperparameter
# is an array in the state, so a sweep is one compiled program over a population of states, and its
# result is a table. This notebook runs three sweeps: one whose answer is known exactly, one that
# compares eight optimizers over five decades of learning rates, and one that stops most settings
# early.

# %%
import os
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jsgd
from jsgd.sweeps import halving, loggrid, loguniform, plots, sweep, uniform

FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests

# %% [markdown]
# ## A sweep with a known answer
#
# Gradient descent with heavy-ball momentum on a quadratic moves every eigendirection of the Hessian
# by itself. With learning rate $\alpha$, momentum $\beta$ and eigenvalue $\lambda$, a step is a
# linear map of the buffer $z$ and the coordinate $w$:
#
# $$\begin{pmatrix} z \\ w \end{pmatrix} \leftarrow
# \begin{pmatrix} \beta & \lambda \\ -\alpha\beta & 1 - \alpha\lambda \end{pmatrix}
# \begin{pmatrix} z \\ w \end{pmatrix}.$$
#
# In the long run the error shrinks by a constant factor a step, the **contraction rate**: the largest
# modulus of the eigenvalues of these maps, over all $\lambda$. It is below 1 exactly if
# $0 < \alpha\lambda_{\max} < 2 + 2\beta$, and it is least, $\sqrt{\beta}$, at
#
# $$\alpha^* = \left(\frac{2}{\sqrt{\lambda_{\min}} + \sqrt{\lambda_{\max}}}\right)^2, \qquad
# \beta^* = \left(\frac{\sqrt{\kappa} - 1}{\sqrt{\kappa} + 1}\right)^2, \qquad
# \kappa = \frac{\lambda_{\max}}{\lambda_{\min}}.$$
#
# The smallest sweep is a `vmap`: three settings in the states, one step for all of them. The slopes of
# the lines are the logarithms of the contraction rates.

# %%
EIGENVALUES = np.geomspace(1, 20, 8)
STEPS = 32
opt = jsgd.sgd(momentum=0.0)  # 0.0: there is a buffer; the values are in the states

w = jnp.ones(len(EIGENVALUES))
lrs, momenta = np.array([2 / 21, 0.134, 0.21]), np.array([0.0, 0.40, 0.95])
set_both = lambda lr, momentum: jsgd.set_hyper(opt.init(w), lr=lr, momentum=momentum)  # noqa: E731
states = jax.vmap(set_both)(lrs, momenta)


def descend(state):
    def step(carry, _):
        w, state = opt.step(carry[0], EIGENVALUES * carry[0], carry[1])
        return (w, state), jnp.linalg.norm(w)

    return jax.lax.scan(step, (w, state), length=2 * STEPS)[1]


fig, ax = plt.subplots(figsize=(6.4, 3.6))
for lr, momentum, error in zip(lrs, momenta, jax.vmap(descend)(states)):
    ax.semilogy(error, label=f"{lr:.3f}, {momentum:.2f}")
ax.set(xlabel="step", ylabel="distance from the minimum", ylim=(1e-7, 1e4))
ax.legend(title="lr, momentum", loc="lower left")
fig.tight_layout()

# %% [markdown]
# Now the whole plane, and precisely. A sweep takes any pair of functions `init(key, hyper) -> carry` and
# `advance(carry) -> (carry, metrics)`. Ours starts every direction from $(z, w) = (1, 0)$ and from
# $(0, 1)$ and takes 32 steps of `jsgd.sgd`. Where these arrive are the two columns of the 32nd power
# of the map, whatever the map is. The formula above is not used.


# %%
def init(key, hyper):
    z, w = (jnp.broadcast_to(row, (len(EIGENVALUES), 2)) for row in jnp.eye(2))
    state = jsgd.set_hyper(opt.init(w), **hyper)
    return w, replace(state, slots={"trace": z})


def advance(carry):
    def step(carry, _):
        w, state = carry
        return opt.step(w, EIGENVALUES[:, None] * w, state), None

    (w, state), _ = jax.lax.scan(step, carry, length=STEPS)
    z = state.slots["trace"]
    half_trace = (z[:, 0] + w[:, 1]) / 2
    square = half_trace**2 - (z[:, 0] * w[:, 1] - z[:, 1] * w[:, 0])
    real = jnp.abs(half_trace) + jnp.sqrt(jnp.maximum(square, 0))
    radius = jnp.where(square >= 0, real, jnp.sqrt(half_trace**2 + jnp.abs(square)))
    return (w, state), {"rate": jnp.max(radius) ** (1 / STEPS)}


SIDE = 16 if FAST else 48
space = {
    "momentum": np.arange(SIDE) / SIDE,
    "lr": np.linspace(0, 4.4 / EIGENVALUES.max(), SIDE + 1)[1:],
}
run = jsgd.train.Run(init, advance)
with jax.enable_x64(True):
    measured = sweep(run, space, epochs=1, metric="rate", mode="min", progress=False)
print(f"{len(measured.table['rank'])} settings, {measured.info['compilations']} program")

# %% [markdown]
# The table has a row for each setting. For each of them we ask LAPACK for the eigenvalues of the maps
# above.

# %%
table = measured.to_pandas()
lr, momentum = table["param_lr"].to_numpy(), table["param_momentum"].to_numpy()
a, b, x = np.broadcast_arrays(lr[:, None], momentum[:, None], EIGENVALUES)
maps = np.stack([np.stack([b, x], -1), np.stack([-a * b, 1 - a * x], -1)], -2)
theory = np.abs(np.linalg.eigvals(maps)).max(axis=(-1, -2))

low, high = EIGENVALUES.min(), EIGENVALUES.max()
root = np.sqrt(high / low)
best_lr, best_momentum = (2 / (np.sqrt(low) + np.sqrt(high))) ** 2, ((root - 1) / (root + 1)) ** 2
print(f"largest deviation from theory: {np.abs(table['mean_score'] - theory).max():.1e}")
print(f"best of the grid: {measured.best_params}, rate {measured.best_score:.4f}")
print(f"best of theory:   lr {best_lr:.4f}, momentum {best_momentum:.4f}, rate", end=" ")
print(f"{np.sqrt(best_momentum):.4f}")
plain = table[momentum == 0].nsmallest(1, "mean_score").iloc[0]
kappa = high / low
print(f"without momentum: lr {plain['param_lr']:.4f}, rate {plain['mean_score']:.4f};", end=" ")
print(f"of theory: lr {2 / (low + high):.4f}, rate {(kappa - 1) / (kappa + 1):.4f}")
assert abs(plain["mean_score"] - (kappa - 1) / (kappa + 1)) < (0.1 if FAST else 0.03)
assert np.abs(table["mean_score"] - theory).max() < 1e-6
assert abs(measured.best_score - np.sqrt(best_momentum)) < (0.05 if FAST else 0.02)

# %% [markdown]
# `jsgd.sweeps.plots.heat_map` draws the measurement; theory is drawn over it. The valley of good
# settings is narrow and curved, so the two cannot be tuned one after the other: the best learning rate
# without momentum is not the best one with it. At the bottom, momentum 0, the best rate is
# $(\kappa - 1) / (\kappa + 1)$; at the star it is $(\sqrt\kappa - 1) / (\sqrt\kappa + 1)$.

# %%
fig = plots.heat_map(measured, "lr", "momentum")
ax = fig.axes[0]
line = np.linspace(0, 1, 101)
theirs = ax.plot((2 + 2 * line) / high, line, color="#ff6040", linewidth=3, label="theory: rate 1")
rates = table.pivot(index="param_momentum", columns="param_lr", values="mean_score")
ax.contour(rates.columns, rates.index, rates, [1], colors="white", linestyles=":")
ours = ax.plot([], [], "w:", label="measured: rate 1")
star = ax.plot(
    best_lr, best_momentum, "w*", ms=14, markeredgecolor="k", zorder=5, label="theory: best"
)
ax.legend(handles=theirs + ours + star, loc="lower right", facecolor="0.3", labelcolor="white")
ax.set(xlim=(lr.min(), lr.max()), ylim=(0, momentum.max()))
fig.axes[1].set_ylabel("contraction rate a step")
fig

# %% [markdown]
# ## Eight optimizers, five decades of learning rates
#
# Now a question without a formula. A network with one hidden layer learns handwritten digits. A part
# of the training data is held out to choose by (`validation_split`), so that the test set stays
# unseen until the end.
#
# The optimizer cannot be an array: another optimizer is another program. Such a choice is **static**.
# `sweep` is given a function `make(optimizer) -> Run` in place of a run; settings that share an
# optimizer share a program, and all of them share one table. Every setting is trained from the same
# few seeds: setting by setting the same initial parameters, and the same batches.

# %%
OPTIMIZERS = {
    "SGD": jsgd.sgd,
    "SGD, momentum 0.9": partial(jsgd.sgd, momentum=0.9),
    "Adagrad": jsgd.adagrad,
    "RMSprop": jsgd.rmsprop,
    "Adam": jsgd.adam,
    "Lion": jsgd.lion,
    "LAMB": jsgd.lamb,
    "Prodigy": jsgd.prodigy,
}
names = ["SGD", "LAMB"] if FAST else list(OPTIMIZERS)
EPOCHS, SEEDS = (2, 2) if FAST else (9, 5)

digits = jsgd.data.digits()
data = jsgd.data.validation_split(digits)
model = jsgd.models.REGISTRY["mlp"](data.train[0], data.outputs)
problem = jsgd.train.classification(model, data)


def make(optimizer):
    return jsgd.train.make_run(problem, OPTIMIZERS[optimizer](), batch_size=64)


result = sweep(
    make,
    {"optimizer": names, "lr": loggrid(1e-4, 10, 6 if FAST else 11)},
    epochs=EPOCHS,
    seeds=SEEDS,
    progress=False,
)
rows, seeds, epochs = result.curves["test_accuracy"].shape
print(f"{rows} settings x {seeds} seeds x {epochs} epochs, {result.info['compilations']} programs")
print(f"{result.info['seconds']:.1f} s, of them compiling {result.info['compile_seconds']:.1f} s")

# %% [markdown]
# `plots.sensitivity` is the first look: a panel for each hyperparameter, and in it every setting. In
# the sweep `test_accuracy` is what it was given to test on, here the validation part.

# %%
plots.sensitivity(result)

# %% [markdown]
# ## Reading the table
#
# `to_pandas` gives a row for each setting: the mean over the seeds, their standard deviation
# (`std_score`), the half-width of the 95 % confidence interval of the mean (`ci_score`), and the rank.

# %%
table = result.to_pandas()
columns = ["param_optimizer", "param_lr", "mean_score", "std_score", "ci_score", "rank", "status"]
table.sort_values("rank")[columns].head(8).round(4)

# %% [markdown]
# A setting whose loss or parameters cease to be finite has the status DIVERGED. It has no score, it
# ranks last, and `first_bad_step` says when it happened; its neighbours in the same program do not
# notice. A finite result is not yet a good one: several settings with a learning rate that is far too
# large end with finite parameters and the accuracy of guessing, 0.1. They are COMPLETED, and rank low.

# %%
diverged = table[table["status"] == "DIVERGED"]
guessing = table[(table["status"] == "COMPLETED") & (table["mean_score"] < 0.2)]
print(f"{len(diverged)} settings diverged, {len(guessing)} of the others do not learn")
print(diverged[["param_optimizer", "param_lr", "rank", "first_bad_step"]].to_string(index=False))
assert len(diverged) > 0
assert diverged["rank"].min() > len(table) - len(diverged)

# %% [markdown]
# A group-by on this table is the picture that we wanted. The height of a curve says how good an
# optimizer can be, its width how carefully the learning rate must be chosen, its place where to look.

# %%
LOSS = 0.05  # of accuracy
fig, axes = plt.subplots(2, 4, figsize=(11, 5.4), sharex=True, sharey=True)
widths, tops = {}, {}
for place, (ax, name) in enumerate(zip(axes.flat, names)):
    for other in names:
        rows = table[table["param_optimizer"] == other]
        ax.semilogx(rows["param_lr"], rows["mean_score"], color="0.85", linewidth=1)
    rows, colour = table[table["param_optimizer"] == name], f"C{place}"
    low, high = (rows["mean_score"] + sign * rows["ci_score"] for sign in (-1, 1))
    ax.fill_between(
        rows["param_lr"], low, high.clip(upper=1), color=colour, alpha=0.25, linewidth=0
    )
    ax.semilogx(rows["param_lr"], rows["mean_score"], "o-", color=colour, markersize=4)
    lost = rows[rows["status"] == "DIVERGED"]["param_lr"]
    ax.plot(lost, np.full(len(lost), 0.03), "x", color=colour)
    ax.set(title=name, ylim=(0, 1.02))
    ax.grid(alpha=0.3)
    top = tops[name] = rows.loc[rows["mean_score"].idxmax()]
    good = rows["param_lr"][rows["mean_score"] > top["mean_score"] - LOSS]
    widths[name] = good.max() / good.min()
fig.supxlabel("learning rate")
fig.supylabel("validation accuracy")
fig.suptitle(f"digits, {EPOCHS} epochs: mean of {SEEDS} seeds, 95 % interval, crosses: diverged")
fig.tight_layout()

for name, top in tops.items():
    print(f"{name:18s} best {top['mean_score']:.3f} at {top['param_lr']:7.2g};", end=" ")
    print(f"within {LOSS} of it: a factor of {widths[name]:.3g}")

# %% [markdown]
# The best learning rates lie decades apart, so comparing two optimizers at one learning rate compares
# nothing. At their best rates the optimizers differ far less than each differs from itself over the
# rates. And the widths differ. LAMB's steps are as long as the parameters themselves, times the
# learning rate, and leave little room. Prodigy estimates the size of its steps, and what is called its
# learning rate is a factor of that estimate.

# %%
best_rates = [top["param_lr"] for top in tops.values()]
best_scores = [top["mean_score"] for top in tops.values()]
print(f"best rates: a factor of {max(best_rates) / min(best_rates):.3g} apart")
print(f"scores at the best rates: {max(best_scores) - min(best_scores):.3f} apart")
swings = table.groupby("param_optimizer")["mean_score"].agg(
    lambda scores: scores.max() - scores.min()
)
print(f"scores of one optimizer over the rates: {swings.min():.2f} apart or more")
if not FAST:
    assert max(best_rates) / min(best_rates) >= 30
    assert max(best_scores) - min(best_scores) < 0.04 < swings.min()
    assert widths["Prodigy"] > 3 * widths["LAMB"]

# %% [markdown]
# ## How sure are we?
#
# Rank 1 is the best of many noisy means. Which others might be as good? Since all settings share their
# seeds, the differences are better than the intervals one by one: seed by seed, take the accuracy of
# the best setting minus that of another. If the 95 % interval of the mean difference contains 0, these
# seeds do not tell the two apart. And the mean of the winner is biased: it was chosen because it was
# large. New seeds give a fair one.

# %%
from scipy.stats import t as student

order = result.order
final = result.curves["test_accuracy"][:, :, -1]
difference = final[order[0]] - final[order]
spread = difference.std(axis=1, ddof=1) / np.sqrt(SEEDS)
half_width = student.ppf(0.975, SEEDS - 1) * spread
close = order[1:][(difference.mean(axis=1) - half_width <= 0)[1:]]
print(f"best: {result.best_params}, {result.best_score:.4f}")
print(f"{len(close)} of {len(order) - 1} others cannot be told from it by {SEEDS} seeds, of:")
print("; ".join(sorted({str(table["param_optimizer"][row]) for row in close})))
best = {name: [value] for name, value in result.best_params.items()}
again = sweep(make, best, epochs=EPOCHS, seeds=range(100, 104 if FAST else 120), progress=False)
ci = again.table["ci_score"][0]
print(f"the best setting from new seeds: {again.best_score:.4f} +- {ci:.4f}")
if not FAST:
    assert 3 <= len(close) < len(order) / 2

# %% [markdown]
# The sweep keeps where its best setting ended: `best_run` is a finished training, ready to use. Now,
# once, the test set.

# %%
fitted = result.best_run()
found = jsgd.train.evaluate(model, fitted.params, fitted.model_state, digits)
print(f"test accuracy of the best run: {found.metrics['accuracy']:.3f}")
assert found.metrics["accuracy"] > (0.5 if FAST else 0.93)

# %% [markdown]
# ## Stopping early
#
# Most settings are seen to be bad long before they are finished. **Successive halving** trains all of
# them for a little, keeps the best third, trains those three times as long, and so on.
# `halving(27)` are the epochs of these *rungs*: 1, 3, 9. Masking the others out would save nothing,
# as a mapped program computes every member; jsgd gathers the survivors into a smaller population.
#
# Draw settings of learning rate and momentum at random; run them all to the end, and with rungs. A
# member's training depends on its seed and its setting alone, so the two sweeps differ in what was
# stopped, and in nothing else.

# %%
run = jsgd.train.make_run(problem, jsgd.sgd(momentum=0.9), batch_size=64)
space = {"lr": loguniform(1e-4, 10), "momentum": uniform(0, 0.99)}
n, long = (9, 9) if FAST else (81, 27)
rungs = halving(long)
whole = sweep(run, space, n=n, epochs=long, progress=False)
cut = sweep(run, space, n=n, epochs=long, rungs=rungs, progress=False)

steps = cut.table["n_steps"].sum() / whole.table["n_steps"].sum()
print(f"rungs after epochs {rungs}: {cut.to_pandas()['status'].value_counts().to_dict()}")
print(f"steps: {steps:.1%} of the whole sweep's")
print(
    f"time:  {cut.info['seconds']:.1f} s against {whole.info['seconds']:.1f} s, compiling included"
)
place = int(whole.table["rank"][cut.order[0]])
print(f"whole: {whole.best_score:.4f} at {whole.best_params}")
print(f"cut:   {cut.best_score:.4f} at {cut.best_params}, number {place} of the whole sweep")
survivors = cut.table["status"] == "COMPLETED"
assert np.allclose(
    cut.table["mean_score"][survivors], whole.table["mean_score"][survivors], atol=0.02
)
assert steps < 0.6
if not FAST:
    assert steps < 0.2
    assert whole.best_score - cut.best_score < 0.02

# %% [markdown]
# `learning_curves` shows what happened: dark lines end at a rung. What halving can lose is a setting
# that starts slowly and ends best, such as a small learning rate with a large momentum. What it gains
# is that the same work looks at several times as many settings.

# %%
fig = plots.learning_curves(cut)
fig.axes[0].set_xscale("log")
fig.axes[0].set_xticks([*rungs, long], [str(x) for x in (*rungs, long)])
fig.axes[0].set_xticks([], minor=True)
fig
