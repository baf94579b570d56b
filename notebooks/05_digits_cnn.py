# %% [markdown]
# # Digits by a convolutional network, and what keeps it from learning them by heart
#
# A network with more parameters than it has pixels to look at can remember every picture it is
# trained on. That it is right about those says nothing. Here a small convolutional network learns
# handwritten digits, first from a hundred pictures, where one sees it remember, then from nine
# hundred. **Augmentation** and **dropout** make remembering harder. In jsgd their strengths are
# hyperparameters like the learning rate, so all of them are compared in one program.
#
# ## The data
#
# 1797 digits of $8 \times 8$ pixels come with scikit-learn. Half of them are kept apart to test on.

# %%
import os

import jax
import matplotlib.pyplot as plt
import numpy as np

import jsgd

jax.config.update("jax_num_cpu_devices", 2)  # a sweep spreads its members over the devices
FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests

data = jsgd.data.digits(test_size=0.5)
(x, y), (x_test, y_test) = data.train, data.test
print(f"{len(y)} to train on, {len(y_test)} to test on, of shape {x.shape[1:]}, in [0, 1]")

fig, axes = plt.subplots(4, 10, figsize=(7.5, 3.2))
for digit, column in enumerate(axes.T):
    for ax, picture in zip(column, x[y == digit]):
        ax.imshow(picture[..., 0], cmap="gray_r", vmin=0, vmax=1)
        ax.set_axis_off()
fig.tight_layout(pad=0.3)

# %% [markdown]
# ## The model
#
# A **convolution** looks at a small window of the picture with the same weights everywhere:
#
# $$z_{i j c} = b_c + \sum_{u=-1}^{1} \sum_{v=-1}^{1} \sum_{d} k_{u v d c}\, x_{i+u,\, j+v,\, d} .$$
#
# Then come $\max(z, 0)$ and **max pooling**, which keeps the largest of every $2 \times 2$ values. Two
# such blocks make $2 \times 2$ places of 32 channels. A hidden layer of 64 units reads them, and the last
# layer gives ten logits $z_c$. The probability of class $c$ is $p_c = e^{z_c} / \sum_k e^{z_k}$, and the
# loss is the **cross-entropy**: the mean of $-\log p_y$ over the pictures, $y$ being the right class.

# %%
model = jsgd.models.REGISTRY["cnn"](x, data.outputs, width=16, hidden=64)
params, _ = jax.eval_shape(model.init, jax.random.key(0))  # shapes, nothing is computed
total = 0
for name in jsgd.train.layer_names(model):
    shapes = {part: leaf.shape for part, leaf in params[name].items()}
    count = sum(int(np.prod(shape)) for shape in shapes.values())
    total += count
    print(f"{name:6s} {count:6d} parameters   kernel {shapes['kernel']}")
print(f"{'':6s} {total:6d} together; {100 * 64} pixels in a hundred pictures")
assert total > 100 * 64

# %% [markdown]
# ## Augmentation
#
# A digit that is shifted by a pixel, turned by some degrees or a little larger is still that digit.
# So every time a picture is used in training, it is first moved at random. `shift` is in pixels along
# each axis (a fraction of a pixel is a chance: with 0.25 one picture in three moves by a pixel to the
# left or right, and one in three up or down, so four of nine stay), `rotate` is the largest angle in
# degrees, and `zoom` the largest change of size. At 0 nothing is changed. Too much of it makes other
# digits: a 6 that is turned by 180 degrees is a 9.

# %%
six = np.tile(x[y == 6][:1], (9, 1, 1, 1))
kinds = {"shift = 1": {"shift": 1.0}, "rotate = 15": {"rotate": 15.0}, "zoom = 0.2": {"zoom": 0.2}}
kinds["all three"] = {"shift": 1.0, "rotate": 15.0, "zoom": 0.2}
kinds["rotate = 180"] = {"rotate": 180.0}
fig, axes = plt.subplots(len(kinds), 10, figsize=(7.5, 4), subplot_kw={"xticks": [], "yticks": []})
for row, (name, strengths) in zip(axes, kinds.items()):
    moved = jsgd.data.augment.affine(jax.random.key(1), six, **strengths)
    for ax, picture in zip(row, [six[0], *moved]):
        ax.imshow(picture[..., 0], cmap="gray_r", vmin=0, vmax=1)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
axes[0, 0].set_title("before", fontsize=10)
axes[0, 5].set_title("nine draws", fontsize=10)
fig.tight_layout(pad=0.3)

copies = np.tile(six[:1], (2000, 1, 1, 1))
drawn = jsgd.data.augment.affine(jax.random.key(2), copies, shift=0.25)
stay = (drawn == copies).all(axis=(1, 2, 3)).mean()
print(f"shift = 0.25: {stay:.2f} of {len(copies)} stay where they are; 4 / 9 = {4 / 9:.2f}")
assert abs(stay - 4 / 9) < 0.05

# %% [markdown]
# ## By heart
#
# Now ten pictures of each digit, a hundred in all. **Dropout** sets every value of the hidden layer to 0
# with probability $p$, and divides the others by $1 - p$, at random in every step of training and never
# in the test. No unit can then rely on one other.
#
# Four settings are compared: neither, dropout, augmentation, both. Beside them stand single
# augmentations of rising strength. All are members of one sweep, each with several seeds: one
# program, since strengths are numbers in it and not part of it. An epoch goes through the hundred
# pictures ten times, and the learning rate of Adam follows a cosine down to 0.

# %%
rows = np.concatenate([np.flatnonzero(y == digit)[:10] for digit in range(10)])
few = jsgd.data.from_arrays(np.tile(x[rows], (10, 1, 1, 1)), np.tile(y[rows], 10), x_test, y_test)

nothing = {"shift": 0.0, "rotate": 0.0, "zoom": 0.0, "dropout": 0.0}
moved = {"shift": 0.25, "rotate": 10.0, "zoom": 0.05}
settings = {
    "neither": nothing,
    "dropout": nothing | {"dropout": 0.4},
    "augmentation": nothing | moved,
    "both": nothing | moved | {"dropout": 0.4},
}
strengths = {
    "shift": [0.25, 1.0, 2.0, 3.0],
    "rotate": [10.0, 40.0, 90.0, 180.0],
    "zoom": [0.1, 0.3, 0.6, 0.9],
}
alone = [nothing | {name: s} for name, values in strengths.items() for s in values]
EPOCHS, SEEDS = (4, 1) if FAST else (30, 3)

problem = jsgd.train.classification(model, few, **nothing)
lr = jsgd.schedules.cosine(5e-3, decay_steps=EPOCHS * (len(few.train[1]) // 50))
run = jsgd.train.make_run(problem, jsgd.adam(lr), batch_size=50)
result = jsgd.sweeps.sweep(
    run, [*settings.values(), *alone], seeds=SEEDS, epochs=EPOCHS, layout="vmap", progress=False
)
print(f"{result.info['compilations']} program, {SEEDS * len(result.table['rank'])} networks")

# %%
COLOURS = {"neither": "#000000", "dropout": "#e69f00", "augmentation": "#56b4e9", "both": "#d55e00"}
fig, panels = plt.subplots(1, 3, figsize=(11, 3.8))
titles = {"loss": "training loss", "test_loss": "test loss", "test_accuracy": "test accuracy"}
epochs = np.arange(1, EPOCHS + 1)
for ax, (metric, title) in zip(panels, titles.items()):
    for name, curves in zip(settings, result.curves[metric]):
        ax.plot(epochs, curves.mean(0), color=COLOURS[name], label=name)
        low, high = curves.min(0), curves.max(0)
        ax.fill_between(epochs, low, high, color=COLOURS[name], alpha=0.15, linewidth=0)
    ax.set(xlabel="epoch (1000 pictures)", title=title)
    ax.grid(alpha=0.25)
panels[0].set_yscale("log")
panels[1].set_ylim(0, 0.8)
panels[2].set_ylim(0.8, 0.97)
panels[2].legend(loc="lower right", title=f"mean and range of {SEEDS}")
fig.tight_layout()

print(f"{'after the last epoch':20s}  training loss  test loss  test accuracy")
for i, name in enumerate(settings):
    last = [result.curves[metric][i, :, -1].mean() for metric in titles]
    print(f"{name:20s}  {last[0]:13.4f}  {last[1]:9.3f}  {last[2]:13.3f}")
score = dict(zip(settings, result.table["mean_score"]))
plain = {metric: result.curves[metric][0].mean(0) for metric in ("accuracy", "test_loss")}
print(f"neither: its least test loss is that of epoch {1 + plain['test_loss'].argmin()}")
assert plain["accuracy"][-1] > 0.99
assert FAST or min(score["augmentation"], score["both"]) > score["neither"] + 0.01
assert FAST or result.curves["test_loss"][3, :, -1].mean() < 0.8 * plain["test_loss"][-1]

# %% [markdown]
# With neither, every one of the hundred pictures is soon right, and the training loss goes on falling
# by orders of magnitude, while the test loss stays where it was early: the rest was learning by
# heart. The gap between the two is **overfitting**. With augmentation the training loss is larger, since
# the same picture hardly ever comes twice, and more of the test set is right. Dropout adds little for a
# hundred pictures, alone or beside it. (The training loss is that of the moved pictures, with
# dropout on, as it is minimised.)
#
# How strong should it be? The same sweep tells:

# %%
fig, panels = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
final = result.curves["test_accuracy"][..., -1]
at, means = len(settings), {}
for ax, (name, values) in zip(panels, strengths.items()):
    scores = np.stack([final[0], *final[at : at + len(values)]])
    at += len(values)
    means[name] = scores.mean(1)
    ax.plot([0, *values], means[name], "o-", color="#0072b2")
    ax.plot([0, *values], scores, ".", color="0.5", markersize=5, zorder=3)
    ax.grid(alpha=0.25)
units = {
    "shift": "shift (pixels)",
    "rotate": "rotate (degrees)",
    "zoom": "zoom (share of the size)",
}
for ax, label in zip(panels, units.values()):
    ax.set_xlabel(label)
panels[0].set_ylabel("test accuracy")
panels[1].set_title("one augmentation alone: each seed, and the mean")
fig.tight_layout()
for name, values in means.items():
    print(f"{name:6s}", "  ".join(f"{s:g}: {m:.3f}" for s, m in zip([0, *strengths[name]], values)))
assert all(values[-1] < values[0] for values in means.values())
assert FAST or means["shift"][1] > means["shift"][0] + 0.005

# %% [markdown]
# A shift of a pixel, now and then, helps most: people do not write in the middle of the square.
# Turning helps little, and too much of anything hurts. These scores are from the test set, so the best
# of them is flattered a little. To choose by them, use folds of the training data: `sweep(..., folds=5)`.
#
# ## All of the training data
#
# Now the network learns from all of its half, with both.

# %%
EPOCHS = 6 if FAST else 40
lr = jsgd.schedules.cosine(5e-3, decay_steps=EPOCHS * (len(y) // 32))
problem = jsgd.train.classification(model, data, **settings["both"])
run = jsgd.train.make_run(problem, jsgd.adam(lr), batch_size=32)
fitted = jsgd.train.fit(run, epochs=EPOCHS, progress=False)
fitted.plot()

# %% [markdown]
# The test loss is below the training loss: the test has neither moved pictures nor dropout. `evaluate`
# counts what is right, class by class. Precision is the share of those called a 3 that are a 3; recall
# is the share of all 3s that are called a 3.

# %%
found = jsgd.train.evaluate(model, fitted.params, fitted.model_state, data, top_k=2)
print(found)
assert found.metrics["accuracy"] > (0.8 if FAST else 0.96)
found.plot_confusion()

# %% [markdown]
# ## What it gets wrong
#
# All mistakes, the surest first: the guess with its probability, and what was meant.

# %%
logits = jsgd.train.predict(model, fitted.params, fitted.model_state, x_test)
probability = np.asarray(jax.nn.softmax(logits))
guess, sure = probability.argmax(1), probability.max(1)
wrong = np.flatnonzero(guess != y_test)
wrong = wrong[np.argsort(-sure[wrong])][:24]
down = -(-len(wrong) // 7)
fig, axes = plt.subplots(down, 7, figsize=(9.8, 1.85 * down), squeeze=False)
for ax in axes.flat[len(wrong) :]:
    ax.set_axis_off()
for ax, i in zip(axes.flat, wrong):
    ax.set(xticks=[], yticks=[])
    ax.imshow(x_test[i, ..., 0], cmap="gray_r", vmin=0, vmax=1)
    ax.set_title(f"a {guess[i]} ({sure[i]:.0%}), was {y_test[i]}", fontsize=9)
fig.tight_layout(pad=0.4)

is_wrong = guess != y_test
doubt = sure < 0.9
print(
    f"{is_wrong.sum()} of {len(y_test)} are wrong; the right digit is among the two likeliest ",
    end="",
)
print(f"for all but {round((1 - found.metrics['top_2_accuracy']) * len(y_test))}")
print(
    f"less than 0.9 sure: {doubt.sum()}, and {(doubt & is_wrong).sum()} of the wrong ones are among them"
)
assert np.median(sure[~is_wrong]) > np.median(sure[is_wrong])

# %% [markdown]
# Judge for yourself which of these you would get right. Where the network is wrong it is mostly less sure,
# and the right digit is often its second guess. Who reads by hand what it is less than 0.9 sure of
# finds most of the mistakes.
