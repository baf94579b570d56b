# %% [markdown]
# # Hyperparameters are data
#
# A learning rate that is an array in the optimizer's state can be changed on the way, copied from one
# training to another, and differentiated. This notebook does all three, to one end: to find out how the
# learning rate should change in the course of a training. First without gradients, by a population whose
# members copy each other; then by the gradient of the final loss through the whole training.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jsgd
from jsgd.sweeps import loguniform, population_based, sweep

FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests

# %% [markdown]
# ## A population
#
# **Population-based training** trains many members at once. Every few epochs each of the worst takes over
# the state of one of the best, parameters and optimizer, and goes on with a learning rate that is changed
# by a factor. So the population trains and searches at the same time, and what the final best member has
# gone through is a schedule.
#
# The parameters that a member ends with may have been trained by others before. To see by which learning
# rates, we let the run write them down in its own carry: when the carry is copied, its past is copied with
# it. A run is a triple of pure functions, so that takes a few lines.

# %%
EPOCHS, MEMBERS, SEEDS = (4, 4, 1) if FAST else (30, 16, 3)
digits = jsgd.data.digits()
data = jsgd.data.validation_split(digits)
model = jsgd.models.REGISTRY["mlp"](data.train[0], data.outputs)
problem = jsgd.train.classification(model, data, shift=1)  # pictures moved by up to a pixel
plain = jsgd.train.make_run(problem, jsgd.sgd(momentum=0.9), batch_size=16)


def init(key, hyper):
    return plain.init(key, hyper), jnp.zeros(EPOCHS), jnp.int32(0)


def advance(carry):
    training, rates, epoch = carry
    lr = jsgd.get_hyper(training.opt_state)["lr"]
    training, metrics = plain.advance(training)
    return (training, rates.at[epoch].set(lr), epoch + 1), metrics | {"lr": lr}


def set_hyper(carry, hyper):
    training, *past = carry
    return plain.set_hyper(training, hyper), *past


run = jsgd.train.Run(init, advance, set_hyper)
space = {"lr": loguniform(1e-3, 1)}
how = {"n": MEMBERS, "seeds": SEEDS, "epochs": EPOCHS, "metric": "test_loss", "progress": False}
how["layout"] = "vmap" if FAST else "auto"
scheduler = population_based(every=2, resample_probability=0.0, factors=(0.7, 1.4))
constant = sweep(run, space, **how)
population = sweep(run, space, scheduler=scheduler, **how)

steps = EPOCHS * (len(data.train[1]) // 16)
opt = jsgd.sgd(jsgd.schedules.cosine(0.1, steps), momentum=0.9)
cosine_run = jsgd.train.make_run(problem, opt, batch_size=16)
cosine = sweep(cosine_run, {"lr__init_value": loguniform(1e-3, 1)}, **how)

found = {"constant": constant, "population": population, "cosine": cosine}
for name, result in found.items():
    print(f"{name:10s} validation loss {result.best_score:.4f}, mean of {SEEDS} seeds")
assert FAST or population.best_score < constant.best_score - 0.003

# %% [markdown]
# All three had the same number of members and epochs. The population beats the best of its constant
# rates, by a schedule that nobody told it: large steps at first, then smaller ones. A cosine whose peak
# was swept does about as well: there we knew that rates should fall, and the population found it out.

# %%
rates = np.asarray(population.best_run().carry[1])
epochs = np.arange(1, EPOCHS + 1)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
members = population.curves["lr"][:, 0].T
left.semilogy(epochs, members, color="0.75", linewidth=0.8, drawstyle="steps-mid")
left.semilogy(epochs, rates, color="C3", linewidth=2.5, drawstyle="steps-mid", label="of the best")
left.axhline(constant.best_params["lr"], color="C0", linestyle="--", label="best constant")
peak = cosine.best_params["lr__init_value"]
left.semilogy(
    epochs, peak * (1 + np.cos(np.pi * (epochs - 0.5) / EPOCHS)) / 2, "C2:", label="cosine"
)
left.set(xlabel="epoch", ylabel="learning rate", ylim=(1e-3, 1), title="what the population tried")
left.legend(loc="upper right")
for (name, result), colour in zip(found.items(), ("C0", "C3", "C2")):
    curve = result.curves["test_loss"][result.order[0]].mean(axis=0)
    right.semilogy(epochs, curve, color=colour, label=name)
right.set(xlabel="epoch", ylabel="validation loss", title="the best of each")
right.legend()
fig.tight_layout()
print("the schedule of the best:", rates[::2].round(4))
assert rates.all()
assert FAST or rates[-3:].mean() < 0.6 * rates[:3].mean()

# %% [markdown]
# ## The gradient of a training
#
# A training is a function from hyperparameters to a final loss. In JAX it is a `scan` of `opt.step`, and
# `jax.grad` goes through it like through anything else. Here it is, written out: a network with one hidden
# layer, 60 steps of SGD with momentum, and the validation loss in the end.

# %%
STEPS, BATCH = (20 if FAST else 60), 64
(x, y), (x_val, y_val) = (
    (jnp.asarray(a.reshape(len(a), -1)), jnp.asarray(b)) for a, b in (data.train, data.test)
)
rows = jax.random.randint(jax.random.key(1), (STEPS, BATCH), 0, len(x))
sgd = jsgd.sgd(momentum=0.9)


def start(dtype):
    one, two = jax.random.split(jax.random.key(0))
    hidden = {"w": jax.random.normal(one, (64, 32), "float32") / 8, "b": jnp.zeros(32)}
    out = {"w": jax.random.normal(two, (32, 10), "float32") / np.sqrt(32), "b": jnp.zeros(10)}
    return jax.tree.map(lambda p: p.astype(dtype), {"hidden": hidden, "out": out})


def loss(params, x, y):
    hidden = jnp.tanh(x @ params["hidden"]["w"] + params["hidden"]["b"])
    logits = hidden @ params["out"]["w"] + params["out"]["b"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def final_loss(hyper, dtype="float32"):
    params = start(dtype)
    state = jsgd.set_hyper(sgd.init(params), **hyper)

    def step(carry, rows):
        params, state = carry
        return sgd.step(params, jax.grad(loss)(params, x[rows], y[rows]), state), None

    (params, _), _ = jax.lax.scan(step, (params, state), rows)
    return loss(params, x_val, y_val)


hyper = {"lr": {"hidden": 0.05, "out": 0.05}, "momentum": 0.9}
with jax.enable_x64(True):  # float64, for the comparison below
    with_gradient = jax.jit(jax.value_and_grad(lambda hyper: final_loss(hyper, "float64")))
    value, slope = with_gradient(hyper)
print(f"final loss {value:.4f}")
print("its gradient:", jax.tree.map(lambda g: round(float(g), 4), slope))

# %% [markdown]
# One pass backwards gives the derivative by everything at once: the momentum, and a learning rate for each
# layer. Is it right? A central difference, $(f(\eta + h) - f(\eta - h)) / 2h$, says so.

# %%
leaves, tree = jax.tree.flatten(hyper)


def shifted(i, by):
    """The final loss with the i-th number changed."""
    moved = [leaf + by * (i == j) for j, leaf in enumerate(leaves)]
    with jax.enable_x64(True):
        return float(with_gradient(tree.unflatten(moved))[0])


exact = np.array(jax.tree.leaves(slope))
differences = np.array([(shifted(i, 1e-5) - shifted(i, -1e-5)) / 2e-5 for i in range(3)])
for name, a, b in zip(("lr of hidden", "lr of out", "momentum"), exact, differences):
    print(f"{name:13s} gradient {a:+.8f}, difference {b:+.8f}")
assert np.allclose(exact, differences, rtol=1e-5)

# %% [markdown]
# ## The picture: a loss over its learning rate, with tangents
#
# `vmap` draws the final loss as a function of the learning rate, 300 trainings in one program, and its
# derivative at each of them. On a logarithmic axis the tangent has the slope $\eta\, dL / d\eta$.
#
# For rates that are too large there is still a derivative, and it is useless: the training is then chaotic. A
# tiny change of the rate is multiplied at every step, the curve becomes a jagged line, and the derivative
# grows by many orders of magnitude.

# %%
lrs = np.geomspace(1e-3, 5, 60 if FAST else 300)
values, slopes = map(np.array, jax.jit(jax.vmap(jax.value_and_grad(lambda lr: final_loss({"lr": lr}))))(lrs))  # fmt: skip
slopes = slopes * lrs

fig, (top, bottom) = plt.subplots(2, 1, figsize=(8, 7), sharex=True, height_ratios=[2, 1])
top.semilogx(lrs, values, color="0.4", linewidth=1.5)
for lr in (0.004, 0.015, 0.04, 0.12, 0.3):
    i = np.argmin(abs(np.log(lrs / lr)))
    near = np.geomspace(lrs[i] / 2, lrs[i] * 2, 2)
    (line,) = top.plot(near, values[i] + slopes[i] * np.log(near / lrs[i]), linewidth=2.5)
    top.plot(lrs[i], values[i], "o", color=line.get_color())
top.set(ylabel="final validation loss", ylim=(0, 3), title=f"{STEPS} steps of SGD, momentum 0.9")
bottom.loglog(lrs, abs(slopes), color="0.4", linewidth=1.2)
bottom.set(xlabel="learning rate", ylabel=r"$|\eta\; dL / d\eta|$")
fig.tight_layout()
calm, wild = abs(slopes[lrs < 0.1]).max(), abs(slopes[np.isfinite(slopes)]).max()
print(f"largest derivative below 0.1: {calm:.2g}; above: {wild:.2g}")
assert calm < 10
assert FAST or wild > 1e6

# %% [markdown]
# ## Going down the learning rate
#
# Where the curve is smooth, the learning rate can be trained like a parameter. The outer optimizer is
# `jsgd.adam`, its parameter $\log \eta$, and its step contains a whole training. Three starts at once:

# %%
outer = jsgd.adam(0.2)


def tune(log_lr):
    def step(carry, _):
        log_lr, state = carry
        value, grad = jax.value_and_grad(lambda z: final_loss({"lr": jnp.exp(z)}))(log_lr)
        return outer.step(log_lr, grad, state), (jnp.exp(log_lr), value)

    return jax.lax.scan(step, (log_lr, outer.init(log_lr)), length=5 if FAST else 40)[1]


ways, losses = jax.jit(jax.vmap(tune))(jnp.log(jnp.array([0.002, 0.01, 0.05])))
fig, ax = plt.subplots(figsize=(6.4, 3.8))
ax.semilogx(lrs, values, color="0.7")
for way, along in zip(ways, losses):
    ax.plot(way, along, ".-", linewidth=0.8, label=f"from {way[0]:.3g} to {way[-1]:.3g}")
ax.set(xlabel="learning rate", ylabel="final validation loss", ylim=(0, 2.6))
ax.legend()
fig.tight_layout()
print(
    "final losses, first and last:",
    np.array(losses[:, 0]).round(3),
    np.array(losses[:, -1]).round(3),
)
assert np.all(losses[:, -1] < losses[:, 0])
assert FAST or losses[:, -1].max() < 0.3

# %% [markdown]
# ## A learning rate for every step
#
# And nothing says that it must be one number. Set the rate anew at each step, and the same backward pass
# gives the derivative by all of them: the schedule itself is descended, from a constant.


# %%
def scheduled_loss(log_rates, rows=rows):
    def step(carry, xs):
        rows, log_rate = xs
        params, state = carry
        state = jsgd.set_hyper(state, lr=jnp.exp(log_rate))
        return sgd.step(params, jax.grad(loss)(params, x[rows], y[rows]), state), None

    params = start("float32")
    (params, _), _ = jax.lax.scan(step, (params, sgd.init(params)), (rows, log_rates))
    return loss(params, x_val, y_val)


@jax.jit
def learn(log_rates):
    slow = jsgd.adam(0.02)

    def step(carry, _):
        value, grad = jax.value_and_grad(scheduled_loss)(carry[0])
        return slow.step(carry[0], grad, carry[1]), value

    (log_rates, _), values = jax.lax.scan(
        step, (log_rates, slow.init(log_rates)), length=10 if FAST else 100
    )
    return log_rates, values


log_rates, progress = learn(jnp.full(STEPS, np.log(0.05), jnp.float32))
fig, ax = plt.subplots(figsize=(6.4, 3.6))
ax.semilogy(np.exp(log_rates), "o-", markersize=3, label="learnt")
ax.axhline(0.05, color="0.5", linestyle=":", label="where it started")
ax.set(xlabel="step", ylabel="learning rate")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 0.06), ncols=2)
fig.tight_layout()
print(f"final validation loss: constant {progress[0]:.3f}, learnt schedule {progress[-1]:.3f}")
print(
    f"the best constant of the picture above: {lrs[np.nanargmin(values)]:.2f}, {np.nanmin(values):.3f}"
)
print(f"the geometric mean of the learnt rates: {np.exp(log_rates.mean()):.2f}")
assert progress[-1] < progress[0]

# %% [markdown]
# Most of the gain is the level, which is near that of the best constant. And what of the teeth? The gradient knew
# in which order the batches would come. Draw 32 other orders, and compare the learnt schedule with the
# constant of the same level (its geometric mean).

# %%
others = jax.random.randint(jax.random.key(2), (32, STEPS, BATCH), 0, len(x))
orders = jnp.concatenate([rows[None], others])  # its own, then 32 others
level = jnp.full(STEPS, jnp.mean(log_rates))
on_each = jax.jit(jax.vmap(scheduled_loss, (None, 0)))
learnt, flat = np.array(on_each(log_rates, orders)), np.array(on_each(level, orders))
print(f"on its own batches: learnt {learnt[0]:.4f}, constant {flat[0]:.4f}")
print(f"on 32 others, mean: learnt {learnt[1:].mean():.4f}, constant {flat[1:].mean():.4f}")
own, *gains = flat - learnt
print(
    f"gain on others: {np.mean(gains):+.4f} +- {np.std(gains, ddof=1) / np.sqrt(32):.4f}", end=" "
)
print(f"(standard error); on its own {own:+.4f}")
assert FAST or np.mean(gains) < own

# %% [markdown]
# On other orders the schedule gains less than on its own: a part of it is fitted to those batches.
# Hyperparameters that are trained like parameters can overfit like parameters.
