# %% [markdown]
# # Coming from optax, from torch, from scikit-learn
#
# The same job side by side: what you have, and what it is in jsgd. Each time the two are held against each other, and
# the largest difference is printed. Each part can be read by itself, and the last one says when to stay where you are.
#
# The job is a network with one hidden layer that learns handwritten digits. Its parameters are a dict of arrays, and all
# see the same batches, from the same start.

# %%
import os
import pickle
import time
import warnings
from inspect import signature

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx
from flax.training.dynamic_scale import DynamicScale
from flax.training.train_state import TrainState
from scipy.stats import loguniform
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neural_network import MLPClassifier

import jsgd

try:  # the two are optional: without them their cells say so, and the notebook goes on
    import torch
except ImportError:
    torch = None
try:
    with warnings.catch_warnings(
        action="ignore"
    ):  # in a notebook its progress bar asks for widgets
        import optuna
except ImportError:
    optuna = None

jax.config.update("jax_num_cpu_devices", 2)  # a sweep spreads its members over the devices
FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests

data = jsgd.data.digits()
x, y = data.train[0].reshape(-1, 64), data.train[1]
STEPS = 100 if FAST else 400
rng = np.random.default_rng(0)
batches = rng.integers(0, len(y), (STEPS, 64))
start = {
    "hidden": {"kernel": rng.normal(0, 1 / 8, (64, 32)), "bias": np.zeros(32)},
    "out": {"kernel": rng.normal(0, 1 / 32**0.5, (32, 10)), "bias": np.zeros(10)},
}


def network(params, x):
    hidden = jax.nn.relu(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    return hidden @ params["out"]["kernel"] + params["out"]["bias"]


@jax.jit
def loss_fn(params, x, y):
    return optax.softmax_cross_entropy_with_integer_labels(network(params, x), y).mean()


def train(step, init, dtype=np.float32):
    """The parameters after all batches, and the losses on the way."""
    step = jax.jit(step)  # of the same function it is the same program
    params = jax.tree.map(lambda p: jnp.asarray(p, dtype), start)
    state, losses = init(params), []
    for rows in batches:
        params, state, loss = step(params, state, x[rows].astype(dtype), y[rows])
        losses.append(loss)
    return params, np.array(losses)


def train_all(step, states):
    """One training a state, all at once, from the same start: the losses, a column for each."""
    step = jax.jit(jax.vmap(step, in_axes=(0, 0, None, None)))
    count = len(jax.tree.leaves(states)[0])
    params = jax.tree.map(lambda p: jnp.stack([jnp.asarray(p, jnp.float32)] * count), start)
    all_losses = []
    for rows in batches:
        params, states, losses = step(params, states, x[rows], y[rows])
        all_losses.append(losses)
    return np.array(all_losses)


def difference(a, b):
    return max(float(abs(p - q).max()) for p, q in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


# %% [markdown]
# ## From optax
#
# AdamW with a warm-up, a cosine and clipping. In optax an optimizer gives updates, and you add them; `chain` puts one
# transformation after another. In jsgd the step writes the parameters itself, and a wrapper is put around an optimizer.
# Mind the default of `weight_decay`: optax has $10^{-4}$, jsgd and torch have $10^{-2}$.

# %%
programs = {"optax": 0, "jsgd": 0}
for library in (optax, jsgd, *([torch.optim] if torch else [])):
    adamw = getattr(library, "AdamW", None) or library.adamw
    default = signature(adamw).parameters["weight_decay"].default
    print(f"{library.__name__:12s} weight_decay = {default}")


def optax_training(lr):
    tx = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(lr, weight_decay=0.01),
    )

    def step(params, state, x, y):
        programs["optax"] += 1  # Python runs this when JAX traces the function, and only then
        loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        return params, state, loss

    return step, tx.init


def jsgd_training(lr):
    opt = jsgd.clip_by_global_norm(
        jsgd.adamw(lr, weight_decay=0.01),
        max_norm=1.0,
    )

    def step(params, state, x, y):
        programs["jsgd"] += 1
        loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
        params, state = opt.step(params, grads, state)
        return params, state, loss

    return step, opt.init


def optax_schedule(peak):
    return optax.warmup_cosine_decay_schedule(0.0, peak, STEPS // 10, STEPS)


schedule = jsgd.schedules.warmup_cosine(0.01, STEPS // 10, STEPS)
step, init = jsgd_training(schedule)
in_optax, optax_losses = train(*optax_training(optax_schedule(0.01)))
in_jsgd, jsgd_losses = train(step, init)
away = abs(optax_losses - jsgd_losses).max()
print(
    f"after {STEPS} steps the parameters differ by at most {difference(in_optax, in_jsgd):.0e},",
    end=" ",
)
print(f"the losses on the way by {away:.0e}")
assert away < 0.02
t = jnp.arange(STEPS)
values = jax.vmap(schedule)(t), jax.vmap(optax_schedule(0.01))(t)
print(f"the two schedules by {abs(values[0] - values[1]).max():.0e}")
assert np.allclose(*values, rtol=1e-4, atol=1e-8)
with jax.enable_x64(True):
    in_optax, _ = train(*optax_training(0.01), np.float64)
    in_jsgd, _ = train(*jsgd_training(0.01), np.float64)
    away = difference(in_optax, in_jsgd)
    print(f"with a constant rate, and in float64, the parameters differ by at most {away:.0e}")
    assert away < 1e-9

# %% [markdown]
# The rule is the same. In float32 the last bits differ, since the operations come in another order, and a training makes
# such differences larger: Adam divides gradients by their size, however small they are. In float64 nothing of it is seen.
#
# ### Thirty-two learning rates
#
# In optax the peak of the schedule is a constant in the program. Another peak is another closure, and is compiled again. In
# jsgd it is an array in the state, so one step serves all of them. And `vmap` of that step trains all at once. Four of the
# rates are tried in optax. Both sides begin with nothing compiled.

# %%
PEAKS = np.geomspace(1e-4, 1, 32)
SOME = [10, 17] if FAST else [3, 10, 17, 24]  # of them in optax


def end(losses):
    return losses[-STEPS // 10 :].mean(axis=0)


def init_with(peak):
    return lambda params: jsgd.set_hyper(init(params), lr__peak_value=peak)


programs.update(optax=0, jsgd=0)
ends, seconds = {"optax": [], "jsgd": []}, {"optax": [], "jsgd": []}
begin = time.perf_counter()
for peak in PEAKS[SOME]:
    ends["optax"].append(end(train(*optax_training(optax_schedule(peak)))[1]))
    seconds["optax"].append(time.perf_counter() - begin)
step, init = jsgd_training(schedule)  # a new function: the program from above does not count
begin = time.perf_counter()
for peak in PEAKS:
    ends["jsgd"].append(end(train(step, init_with(peak))[1]))
    seconds["jsgd"].append(time.perf_counter() - begin)
for name, n in programs.items():
    print(
        f"{name:6s}{len(ends[name]):3d} trainings, {n} program{'s' * (n > 1)}, {seconds[name][-1]:.2f} s"
    )
assert programs == {"optax": len(SOME), "jsgd": 1}

begin = time.perf_counter()
params = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), start)
states = jax.jit(jax.vmap(lambda peak: init_with(peak)(params)))(PEAKS)
mapped_ends = end(train_all(step, states))
mapped_seconds = time.perf_counter() - begin
print(
    f"jsgd  {len(PEAKS)} trainings at once, {programs['jsgd'] - 1} program, {mapped_seconds:.2f} s"
)
assert programs["jsgd"] == 2
ratio = np.exp(abs(np.log(mapped_ends / ends["jsgd"])))
small, apart = PEAKS < 0.1, ratio > 1.25
print("one after another or at once: equal losses in the end for peaks below 0.1, to", end=" ")
print(
    f"{ratio[small].max() - 1:.0e}; of all {len(PEAKS)} peaks {apart.sum()} end apart by a quarter or more"
)
assert ratio[small].max() < 1.05

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
optax_style = {"mfc": "none", "mew": 1.8, "color": "#d55e00"}
left.loglog(
    PEAKS, ends["jsgd"], "x-", color="#56b4e9", linewidth=1, label="jsgd, one after another"
)
left.loglog(PEAKS, mapped_ends, ".-", color="#0072b2", label="jsgd, all at once")
left.loglog(PEAKS[SOME], ends["optax"], "o", ms=11, **optax_style, label="optax")
left.axvspan(PEAKS[apart].min(initial=1.3), 1.3, color="0.93", zorder=0, label="rounding decides")
left.set(xlabel="peak learning rate", ylabel="loss of the last batches", xlim=(8e-5, 1.3))
left.legend(loc="lower left")
n = np.arange(len(PEAKS) + 1)
right.plot([0, *seconds["jsgd"]], n, "x-", color="#56b4e9", label="jsgd, one after another")
right.plot([0, mapped_seconds], n[[0, -1]], ".-", color="#0072b2", label="jsgd, all at once")
taken = np.array([0, *seconds["optax"]])
right.plot(taken, n[: len(taken)], "o-", ms=8, **optax_style, label="optax, a program each")
pace = taken[-1] / len(SOME)
right.plot(pace * n[len(SOME) :], n[len(SOME) :], ":", color="#d55e00", label="at that pace")
right.set(xlabel="seconds, compilation included", ylabel="trainings done")
right.legend(loc="lower right")
for ax in (left, right):
    ax.grid(alpha=0.25)
fig.tight_layout()

# %% [markdown]
# Where the rate is too large a training is chaotic. There the last bits decide what becomes of it, and the same numbers one
# after another or at once end apart.
#
# One program for all can be had in optax, too: make the transformation inside the function that is mapped. But all of it
# must then be traceable. This schedule is not, since it looks at the value of its peak, and is to be written in another way.


# %%
def in_one_program(schedule_of):
    def losses_of(peak):
        tx = optax.chain(
            optax.clip_by_global_norm(1.0), optax.adamw(schedule_of(peak), weight_decay=0.01)
        )

        def step(carry, batch):
            params, state = carry
            loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
            updates, state = tx.update(grads, state, params)
            return (optax.apply_updates(params, updates), state), loss

        params = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), start)
        return jax.lax.scan(step, (params, tx.init(params)), (x[batches], y[batches]))[1]

    return end(jax.jit(jax.vmap(losses_of, out_axes=1))(jnp.asarray(PEAKS, jnp.float32)))


unit = optax_schedule(1.0)
for name, schedule_of in {
    "the schedule of that peak": optax_schedule,
    "the peak times the schedule of peak 1": lambda peak: lambda t: peak * unit(t),
}.items():
    try:
        again = in_one_program(schedule_of)
        print(f"{name}: {len(again)} trainings")
    except jax.errors.TracerBoolConversionError as error:
        print(f"{name}: {type(error).__name__}")
assert np.allclose(again[small], mapped_ends[small], rtol=0.05)

# %% [markdown]
# ### One inside the other
#
# Code that wants an optax transformation can take a jsgd optimizer: `to_optax` makes one of it. Here it is in Flax's
# `TrainState`, and in an NNX loop. In the `TrainState` its numbers are still arrays, and can be set.

# %%
opt = jsgd.clip_by_global_norm(jsgd.adamw(schedule, weight_decay=0.01), max_norm=1.0)
traces = []


@jax.jit
def flax_step(state, x, y):
    traces.append("one more")
    loss, grads = jax.value_and_grad(lambda p: loss_fn(p, x, y))(state.params)
    return state.apply_gradients(grads=grads), loss


params = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), start)
state = TrainState.create(apply_fn=network, params=params, tx=jsgd.to_optax(opt))
losses = []
for rows in batches:
    state, loss = flax_step(state, x[rows], y[rows])
    losses.append(loss)
away = abs(np.array(losses) - optax_losses).max()
print(f"TrainState: the loss falls from {losses[0]:.2f} to {losses[-1]:.2f};", end=" ")
print(f"that with optax's own is at most {away:.0e} away")
assert away < 0.02
state = state.replace(opt_state=jsgd.set_hyper(state.opt_state, lr__peak_value=0.1))
state, loss = flax_step(state, x[batches[0]], y[batches[0]])
print(f"and with another peak: {len(traces)} program")
assert len(traces) == 1


@nnx.jit
def nnx_step(model, optimizer, x, y):
    def loss_of(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

    loss, grads = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, grads)
    return loss


rngs = nnx.Rngs(0)
model = nnx.Sequential(nnx.Linear(64, 32, rngs=rngs), nnx.relu, nnx.Linear(32, 10, rngs=rngs))
for layer, of_start in zip((model.layers[0], model.layers[2]), params.values()):
    layer.kernel[...], layer.bias[...] = of_start["kernel"], of_start["bias"]
optimizer = nnx.Optimizer(model, jsgd.to_optax(opt), wrt=nnx.Param)
losses = [nnx_step(model, optimizer, x[rows], y[rows]) for rows in batches]
away = abs(np.array(losses) - optax_losses).max()
print(f"nnx.Optimizer: from {losses[0]:.2f} to {losses[-1]:.2f}, at most {away:.0e} away")
assert away < 0.02

# %% [markdown]
# The other way, `from_optax` takes a transformation of yours. Given its **factory**, and its numbers by name, the numbers are
# data, as everywhere in jsgd: they may be schedules, they can be set, and swept.


# %%
def mine(learning_rate, max_norm):
    return optax.chain(
        optax.clip_by_global_norm(max_norm), optax.adamw(learning_rate, weight_decay=0.01)
    )


opt = jsgd.from_optax(mine, learning_rate=schedule, max_norm=1.0)
traces.clear()


def step_of_mine(params, state, x, y):
    traces.append("one more")
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    params, state = opt.step(params, grads, state)
    return params, state, loss


@jax.jit
def state_of_mine(peak, norm):
    return jsgd.set_hyper(opt.init(params), learning_rate__peak_value=peak, max_norm=norm)


peaks, norms = map(np.ravel, np.meshgrid([1e-3, 1e-2, 1e-1], [0.01, 0.1, 1.0], indexing="ij"))
states = jax.vmap(state_of_mine)(peaks, norms)
mapped_losses = train_all(step_of_mine, states)
print(f"{len(peaks)} pairs of a peak and a norm: {len(traces)} program. In the end the losses are")
print(end(mapped_losses).reshape(3, 3).round(2))
same = list(zip(peaks, norms)).index((0.01, 1.0))
away = abs(mapped_losses[:, same] - optax_losses).max()
print(f"that of peak 0.01 and norm 1 was at most {away:.0e} away from optax by itself")
assert len(traces) == 1
assert away < 0.02

# %% [markdown]
# ## From torch
#
# The same network from the same weights, with `torch.optim.AdamW` and with `jsgd.adamw`, in float64. (Torch need not be
# installed. This page was made where it is; where it is not, the cell says so.)

# %%
opt = jsgd.adamw(0.003, weight_decay=0.01)


def adamw_step(params, state, x, y):
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    params, state = opt.step(params, grads, state)
    return params, state, loss


if torch is None:
    print("torch is not installed: nothing to compare with")
else:
    layers = torch.nn.Linear(64, 32).double(), torch.nn.Linear(32, 10).double()
    for layer, of_start in zip(layers, start.values()):
        layer.weight.data = torch.tensor(of_start["kernel"].T.copy())  # torch has (outputs, inputs)
        layer.bias.data = torch.tensor(of_start["bias"].copy())
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, weight_decay=0.01)
    inputs, labels = torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.int64)
    torch_losses = []
    for rows in batches:
        loss = torch.nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch_losses.append(loss.item())

    in_torch = {
        name: {"kernel": layer.weight.detach().numpy().T, "bias": layer.bias.detach().numpy()}
        for name, layer in zip(start, layers)
    }
    with jax.enable_x64(True):
        in_jsgd, losses = train(adamw_step, opt.init, np.float64)
        away = difference(in_torch, in_jsgd)
    print(f"after {STEPS} steps the parameters differ by at most {away:.0e}")
    print(f"and the losses on the way by {abs(losses - torch_losses).max():.0e}")
    assert away < 1e-9

# %% [markdown]
# ### What you wrote, what you write
#
# In torch parameters, gradients and the optimizer's state are in objects that change. In jsgd they are values that go in
# and come out. The right-hand column is code, and the cell below runs it, line by line.
#
# | torch | jsgd |
# | --- | --- |
# | `optimizer = AdamW(model.parameters(), lr=1e-3)` | `opt = jsgd.adamw(lr=1e-3)`<br>`state = opt.init(params)` |
# | `optimizer.zero_grad()`<br>`loss.backward()` | `loss, grads = jax.value_and_grad(loss_fn)(params, bx, by)` |
# | `optimizer.step()` | `params, state = jax.jit(opt.step)(params, grads, state)` |
# | `for g in optimizer.param_groups: g["lr"] = 1e-4` | `state = jsgd.set_hyper(state, lr=1e-4)` |
# | `optimizer.param_groups[0]["lr"]` | `jsgd.get_hyper(state)["lr"]` |
# | `optimizer.state_dict()` | `saved = pickle.dumps((params, state))` |
# | `clip_grad_norm_(model.parameters(), 1.0)` | `clipped = jsgd.clip_by_global_norm(opt, 1.0)` |
# | four times `(loss / 4).backward()` | `large_batch = jsgd.accumulate(opt, every=4)` |
# | param groups: a rate per layer | `per_layer = jsgd.adamw(lr={"hidden": 1e-4, "out": 1e-2})` |
# | param groups: no decay of the biases | `decayed = jsgd.weight_decay(jsgd.adam(1e-3), 0.01, mask=lambda path, leaf: leaf.ndim > 1)` |
# | `p.requires_grad_(False)` | `frozen = jsgd.freeze(opt, {"hidden": True, "out": False})` |
# | `OneCycleLR(optimizer, 0.01, total_steps=100)`<br>`scheduler.step()` | `onecycle = jsgd.adamw(jsgd.schedules.onecycle(0.01, 100))`<br>(the state counts) |
# | `ReduceLROnPlateau(optimizer)`<br>`scheduler.step(loss)` | `plateau = jsgd.reduce_on_plateau(opt)`<br>`jax.jit(plateau.step)(params, grads, plateau.init(params), value=loss)` |
# | `AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.999))` | `averaged = jsgd.ema(opt, decay=0.999)`<br>`jsgd.eval_params(params, averaged.init(params))` |
# | `torch.autocast` with bfloat16 | `narrow = lambda p: loss_fn(*optax.tree.cast((p, bx), jnp.bfloat16), by)`<br>`loss, grads = jax.value_and_grad(narrow)(params)` |
# | `GradScaler` (of float16): the scaling | `scaler, finite, loss, grads = DynamicScale().value_and_grad(loss_fn)(params, bx, by)` |
# | `GradScaler`: no step where gradients overflow | `guarded = jsgd.skip_nonfinite(opt)` |

# %%
bx, by = jnp.asarray(x[batches[0]]), y[batches[0]]

# make it, backward, step
opt = jsgd.adamw(lr=1e-3)
state = opt.init(params)
loss, grads = jax.value_and_grad(loss_fn)(params, bx, by)
params, state = jax.jit(opt.step)(params, grads, state)
print(f"loss {loss:.4f}, after a step {loss_fn(params, bx, by):.4f}")
assert loss_fn(params, bx, by) < loss

# its numbers, and all of it as bytes
state = jsgd.set_hyper(state, lr=1e-4)
assert np.isclose(jsgd.get_hyper(state)["lr"], 1e-4)
saved = pickle.dumps((params, state))
assert pickle.loads(saved)[1] == state

# clipping, accumulation, layers
clipped = jsgd.clip_by_global_norm(opt, 1.0)
large_batch = jsgd.accumulate(opt, every=4)
per_layer = jsgd.adamw(lr={"hidden": 1e-4, "out": 1e-2})
decayed = jsgd.weight_decay(jsgd.adam(1e-3), 0.01, mask=lambda path, leaf: leaf.ndim > 1)
frozen = jsgd.freeze(opt, {"hidden": True, "out": False})

# schedules, averages
onecycle = jsgd.adamw(jsgd.schedules.onecycle(0.01, 100))
plateau = jsgd.reduce_on_plateau(opt)
jax.jit(plateau.step)(params, grads, plateau.init(params), value=loss)
averaged = jsgd.ema(opt, decay=0.999)
jsgd.eval_params(params, averaged.init(params))

# sixteen bits
narrow = lambda p: loss_fn(*optax.tree.cast((p, bx), jnp.bfloat16), by)  # noqa: E731
loss, grads = jax.value_and_grad(narrow)(params)
assert (loss.dtype, grads["out"]["bias"].dtype) == (jnp.bfloat16, jnp.float32)
scaler, finite, loss, grads = DynamicScale().value_and_grad(loss_fn)(params, bx, by)
guarded = jsgd.skip_nonfinite(opt)

# what one step of some of them moves
overflow = jax.tree.map(lambda g: g * jnp.inf, grads)
cases = {
    "plain": (opt, grads),
    "a rate per layer": (per_layer, grads),
    "hidden frozen": (frozen, grads),
    "1 of 4 gradients": (large_batch, grads),
    "gradient overflows": (guarded, overflow),
}
moves = {}
for name, (optimizer, gradient) in cases.items():
    new, _ = jax.jit(optimizer.step)(params, gradient, optimizer.init(params))
    moved = jax.tree.map(jnp.subtract, new, params)
    moves[name] = [float(abs(moved[layer]["bias"]).max()) for layer in ("hidden", "out")]
    print("{:20s} hidden {:.4f}   out {:.4f}".format(name, *moves[name]))
assert np.allclose(moves["plain"], 1e-3, rtol=0.02)
assert np.allclose(moves["a rate per layer"], [1e-4, 1e-2], rtol=0.02)
assert np.allclose(moves["hidden frozen"], [0, 1e-3], rtol=0.02)
assert moves["1 of 4 gradients"] == moves["gradient overflows"] == [0, 0]

# %% [markdown]
# ## From scikit-learn
#
# `jsgd.estimators.SGDClassifier` has scikit-learn's parameters and its updates. Given the same order of the samples it has
# the same coefficients. The first fit compiles; one with another `alpha` finds its program.

# %%
how = {"max_iter": 20, "tol": None, "shuffle": False}
X = x.astype(np.float64)
linear = {}
for name, classifier in {
    "scikit-learn": SGDClassifier,
    "jsgd": jsgd.estimators.SGDClassifier,
}.items():
    for turn, alpha in (("first fit", 1e-4), ("another alpha", 1e-3)):
        begin = time.perf_counter()
        linear[name] = classifier(alpha=alpha, **how).fit(X, y)
        print(f"{name:13s}{turn:14s}{time.perf_counter() - begin:.3f} s")
coefficients = [classifier.coef_ for classifier in linear.values()]
away = abs(coefficients[0] - coefficients[1]).max()
print(f"coefficients up to {abs(coefficients[0]).max():.1f}, which differ by at most {away:.0e}")
assert away < 1e-8

# %% [markdown]
# A search takes an estimator and a space. Where `RandomizedSearchCV` fits one candidate after another, on one fold after
# another, `SweepSearchCV` trains all of them as one population, on the same two cores. The networks do not begin with the same weights, so scores
# agree only roughly.

# %%
space = {"learning_rate_init": loguniform(1e-4, 1e-1), "alpha": loguniform(1e-6, 1)}
settings = {"hidden_layer_sizes": (32,), "batch_size": 32, "max_iter": 3 if FAST else 15}
N = 4 if FAST else 24
scores = {}
for name, search in {
    "RandomizedSearchCV": RandomizedSearchCV(
        MLPClassifier(**settings, random_state=0),
        space,
        n_iter=N,
        cv=3,
        random_state=0,
        n_jobs=1 if FAST else 2,
    ),
    "SweepSearchCV": jsgd.estimators.SweepSearchCV(
        jsgd.estimators.MLPClassifier(**settings, random_state=0),
        space,
        n_iter=N,
        cv=3,
        random_state=0,
    ),
}.items():
    begin = time.perf_counter()
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        search.fit(X, y)  # every fit is as long as it may be, and scikit-learn would say so
    taken = time.perf_counter() - begin
    scores[name] = search.cv_results_["mean_test_score"]
    print(
        f"{name:19s}{3 * N} fits in {taken:4.1f} s, best score {search.best_score_:.3f} with ",
        end="",
    )
    print({key: float(f"{value:.2g}") for key, value in search.best_params_.items()})
gap = abs(scores["RandomizedSearchCV"].max() - scores["SweepSearchCV"].max())
assert FAST or gap < 0.02

# %% [markdown]
# ## From Optuna
#
# Keep the sampler. It proposes a batch of settings, one program trains them, it is told the scores and proposes more. The
# result becomes a study again, for Optuna's plots. (Optuna need not be installed, either.)

# %%
if optuna is None:
    print("optuna is not installed")
else:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    held_out = jsgd.data.validation_split(data)
    model = jsgd.models.REGISTRY["mlp"](data.train[0], data.outputs)
    problem = jsgd.train.classification(model, held_out)
    result = jsgd.sweeps.sweep(
        jsgd.train.make_run(problem, jsgd.adamw(), batch_size=64),
        {
            "lr": jsgd.sweeps.loguniform(1e-5, 1),
            "weight_decay": jsgd.sweeps.loguniform(1e-4, 1),
        },
        sampler=optuna.samplers.TPESampler(seed=0),
        n=8 if FAST else 32,
        at_once=8,
        epochs=1 if FAST else 5,
        metric="test_loss",
        layout="vmap",
        progress=False,
    )
    least = result.table["mean_score"].reshape(-1, 8).min(axis=1)  # of each batch of proposals
    print("least validation loss, batch by batch:", np.minimum.accumulate(least).round(3))
    study = result.to_optuna()
    best = {name: float(f"{value:.2g}") for name, value in study.best_params.items()}
    print(f"a study of {len(study.trials)} trials; the best: {best}, loss {study.best_value:.3f}")

# %% [markdown]
# ## When to stay where you are
#
# * **With optax**, if you train one network with one setting: the rule is the same, and its one program is compiled once.
# * **With torch**, for one large network on a CPU: it is faster there, and takes less memory (`python benchmarks/resnet.py`).
# * **With scikit-learn**, for one fit of a small linear model: it is done before ours has compiled (see the times above).
