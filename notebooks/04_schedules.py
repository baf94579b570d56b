# %% [markdown]
# # Schedules: a learning rate that depends on the step
#
# Large steps are good while there is far to go, small ones in the end, and the very first ones are
# better small, too. A **schedule** says how large the rate is at each step. Its own numbers, such as its
# peak and the length of its warm-up, are then to be chosen, and in jsgd they are hyperparameters like any
# other: arrays in the state. So one program trains networks with all of them.
#
# ## What there is
#
# Here are all schedules of `jsgd.schedules.REGISTRY`, each with the numbers by which it is tested. A
# schedule is a function of the step, and `vmap` draws it.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jsgd
from jsgd import schedules

jax.config.update("jax_num_cpu_devices", 2)  # a sweep spreads its members over the devices
FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests

t = jnp.arange(100)
fig, axes = plt.subplots(4, 5, figsize=(11, 6.8), sharex=True, sharey=True)
for ax in axes.flat[len(schedules.REGISTRY) :]:
    ax.set_axis_off()
for ax, (name, row) in zip(axes.flat, schedules.REGISTRY.items()):
    schedule = row.factory(**row.variants[0])
    ax.plot(t, jax.vmap(schedule)(t), color="#0072b2", drawstyle="steps-post")
    ax.set_title(name, fontsize=10)
    ax.grid(alpha=0.25)
    ax.set(xlabel="step", ylabel="value", ylim=(0, 1))
    ax.label_outer()
fig.tight_layout(pad=0.6)

# %% [markdown]
# ## Four that are common
#
# All of them here have the peak $\eta = 1$ and, but for the shorter WSD, the length $T = 400$.
#
# **Cosine** goes down by half a cosine, $s(t) = \tfrac{\eta}{2} (1 + \cos(\pi t / T))$. **Warm-up** puts a straight rise
# of $w$ steps before it, $s(t) = \eta\, t / w$. **WSD** (warm-up, stable, decay) stays at the peak for long. Nothing
# of it depends on the length before the decay begins, so one run on the plateau serves trainings of several lengths.
# **One-cycle** rises for longer, from $\eta / 25$, and goes down to nearly nothing.

# %%
T = 400
four = {
    "cosine": schedules.cosine(1.0, T),
    "warm-up and cosine": schedules.warmup_cosine(1.0, 40, T),
    "WSD": schedules.wsd(1.0, 40, 260, 100),
    "WSD, shorter": schedules.wsd(1.0, 40, 110, 100),
    "one-cycle": schedules.onecycle(1.0, T),
}
t = jnp.arange(T + 1)
values = {name: np.asarray(jax.vmap(schedule)(t)) for name, schedule in four.items()}
fig, ax = plt.subplots(figsize=(7.5, 3.6))
styles = ["-", "-", "-", "--", "-."]
colours = ["#000000", "#d55e00", "#0072b2", "#56b4e9", "#009e73"]
for (name, value), style, colour in zip(values.items(), styles, colours):
    ax.plot(t, value, style, color=colour, label=name)
ax.set(xlabel="step", ylabel="share of the peak rate")
ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
ax.grid(alpha=0.25)
fig.tight_layout()
assert (values["WSD"][:151] == values["WSD, shorter"][:151]).all()

# %% [markdown]
# ## A schedule is data
#
# It may stand wherever a number may. Its numbers are in the optimizer's state, under the name of the
# hyperparameter, two underscores and their own. To change one makes no new program.

# %%
schedule = schedules.warmup_cosine(0.01, warmup_steps=40, decay_steps=T)
opt = jsgd.adam(schedule)
print("lr:", schedule)
params = {"w": jnp.ones(3)}
state = opt.init(params)
for name, value in jsgd.get_hyper(state).items():
    if name != "lr":
        print(f"{name:18s}{value:g}")

traces = []


@jax.jit
def step(params, state):
    traces.append("one more")  # Python runs this when JAX traces the function, and only then
    return opt.step(params, params, state)


for peak in (0.01, 0.1):
    for warmup in (10, 40):
        step(params, jsgd.set_hyper(state, lr__peak_value=peak, lr__warmup_steps=warmup))
print("programs:", len(traces))
assert len(traces) == 1

# %% [markdown]
# ## What warm-up is good for
#
# The peak times the warm-up is then a space for a sweep. A small network with one hidden layer learns
# handwritten digits with Adam; the schedule is `warmup_cosine`. Every cell is a mean over seeds, and all
# networks are trained in one program.

# %%
EPOCHS, SEEDS, BATCH = (3, 1, 32) if FAST else (10, 4, 32)
data = jsgd.data.digits()
model = jsgd.models.REGISTRY["mlp"](data.train[0], data.outputs)
problem = jsgd.train.classification(model, data)
STEPS = EPOCHS * (len(data.train[1]) // BATCH)
space = {
    "lr__peak_value": [round(0.001 * 2**k, 3) for k in range(10)],
    "lr__warmup_steps": [0, 5, 10, 20, 40, 80] if FAST else [0, 5, 10, 20, 40, 80, 160],
}
opt = jsgd.adam(schedules.warmup_cosine(0.01, 10, STEPS))
run = jsgd.train.make_run(problem, opt, batch_size=BATCH)
result = jsgd.sweeps.sweep(
    run, space, seeds=SEEDS, epochs=EPOCHS, layout="vmap", metric="test_loss", progress=False
)
print(
    f"{result.info['compilations']} program, {SEEDS * len(result.table['rank'])} networks,", end=" "
)
print(f"{STEPS} steps each, on {result.info['devices']} devices")
print("best:", result.best_params, f"test loss {result.best_score:.3f}")

shape = [len(values) for values in space.values()]
losses = result.table["mean_score"].reshape(shape).T
peaks, warmups = space.values()
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.9), width_ratios=[1.5, 1])
image = left.pcolormesh(losses, norm="log", cmap="viridis_r", vmax=1)
for (j, i), loss in np.ndenumerate(losses):
    dark = loss > 0.25
    left.text(
        i + 0.5,
        j + 0.5,
        f"{loss:.2f}",
        ha="center",
        va="center",
        fontsize=8,
        color="w" if dark else "k",
    )
left.set_xticks(np.arange(len(peaks)) + 0.5, [f"{x:.3g}" for x in peaks])
left.set_yticks(np.arange(len(warmups)) + 0.5, warmups)
left.set(xlabel="peak learning rate", ylabel="warm-up (steps)", title="test loss")
fig.colorbar(image, ax=left, extend="max")
for j, colour in zip((0, 1, 2, 4), ("#000000", "#56b4e9", "#0072b2", "#d55e00")):
    right.loglog(peaks, losses[j], "o-", color=colour, label=f"{warmups[j]} steps", markersize=4)
right.set(xlabel="peak learning rate", ylabel="test loss", title="some rows of it")
right.legend(title="warm-up")
right.grid(alpha=0.25, which="both")
fig.tight_layout()

large = len(peaks) - 2
warm = losses[1:, large].max()
print(
    f"peak {peaks[large]:.3g}: test loss {losses[0, large]:.2f} without warm-up, at most {warm:.2f} with"
)
spread = losses[:, 2].max() / losses[:, 2].min()
print(f"peak {peaks[2]:.3g}: the worst warm-up has {spread:.2f} times the loss of the best")
print(
    f"at the best peak: {losses[0].min():.3f} without warm-up, {losses[1:].min():.3f} at best with"
)
adam, gradient = jsgd.adam(0.1), jnp.array([1e-5, 1e-2, 10.0])
first_step, _ = adam.step(jnp.zeros(3), gradient, adam.init(jnp.zeros(3)))
print(f"the first step of Adam with the rate 0.1: {first_step}, of the gradient {gradient}")
assert np.allclose(first_step, -0.1, rtol=0.01)
if not FAST:
    assert losses[0, large] > 1.5 * warm
    assert spread < 1.3
    assert losses[0].min() < 1.4 * losses.min()

# %% [markdown]
# With a small peak the warm-up makes little difference. With one of 0.256 it decides whether training
# succeeds, and five steps of it are nearly as good as eighty. Adam divides by the root of an average of
# squared gradients, and in the first steps that is an average of few: the very first step moves every
# parameter by the whole learning rate, however small its gradient. Warm-up makes the best loss only a little
# better here. What it makes is a wider range of good rates.
#
# ## What the fall is good for
#
# Now the schedules against a constant rate, each at the peak that is best for it among the same ten. Each
# is a program of its own, since its shape is structure; its numbers are data.

# %%
tenth = STEPS // 10
contest = {  # with the name of the peak
    "constant": (schedules.constant(0.01), "value"),
    "cosine": (schedules.cosine(0.01, STEPS), "init_value"),
    "warm-up, cosine": (schedules.warmup_cosine(0.01, tenth, STEPS), "peak_value"),
    "WSD": (schedules.wsd(0.01, tenth, 6 * tenth, STEPS - 7 * tenth), "peak_value"),
    "one-cycle": (schedules.onecycle(0.01, STEPS), "peak_value"),
}
styles = dict(zip(contest, zip(["-", "-", "-", "-", "-."], ["#cc79a7", *colours[:3], colours[4]])))
contest = dict(list(contest.items())[: 2 if FAST else None])
fig, panels = plt.subplots(1, 3, figsize=(11.5, 3.8))
course, ends = {}, {}
for name, (schedule, peak) in contest.items():
    run = jsgd.train.make_run(problem, jsgd.adam(schedule), batch_size=BATCH)
    swept = jsgd.sweeps.sweep(
        run, {f"lr__{peak}": peaks}, seeds=SEEDS, epochs=EPOCHS, layout="vmap",
        metric="test_loss", progress=False,
    )  # fmt: skip
    best = swept.order[0]
    how = {"linestyle": styles[name][0], "color": styles[name][1], "label": name}
    for ax, metric in zip(panels, ("loss", "test_loss")):
        ax.semilogy(np.arange(1, EPOCHS + 1), swept.curves[metric][best].mean(0), **how)
    panels[2].loglog(peaks, swept.table["mean_score"], **how)
    course[name] = swept.curves["test_loss"][best].mean(0)
    ends[name] = swept.best_score
    loss, accuracy = (swept.curves[x][best, :, -1].mean() for x in ("loss", "test_accuracy"))
    print(f"{name:16s} peak {peaks[best]:.3f}  training loss {loss:.4f}  ", end="")
    print(f"test loss {swept.best_score:.3f}  test accuracy {accuracy:.3f}")
panels[0].set(xlabel="epoch", ylabel="training loss", title="at the best peak")
panels[1].set(xlabel="epoch", ylabel="test loss", title="at the best peak")
panels[2].set(xlabel="peak learning rate", ylabel="test loss", title="after the last epoch")
panels[2].set_ylim(top=1)
panels[0].legend()
for ax in panels:
    ax.grid(alpha=0.25, which="both")
fig.tight_layout()
if not FAST:
    assert max(x for name, x in ends.items() if name != "constant") < ends["constant"]
    plateau = {name: losses[6] for name, losses in course.items()}  # after 7 of 10 epochs
    assert max(plateau, key=plateau.get) == "WSD"

# %% [markdown]
# Every schedule that falls ends below the constant rate, which has to compromise: its best rate is smaller
# than their peaks, and still too large for the end. WSD shows it best. On the plateau its losses are the highest
# of all, and in the fall they become some of the lowest. (The peaks are chosen by the same test set that is shown.
# That is fair among the schedules, and no estimate.)
