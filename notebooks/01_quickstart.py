# %% [markdown]
# # Quickstart
#
# Ten lines to a trained convolutional network, ten more to a sweep over its settings.
#
# ## A network
#
# The data are scikit-learn's handwritten digits: 1437 images of 8x8 pixels to train on, 360 to test on.
# A problem is a model with a loss and data; an optimizer and a batch size make it a **run**; `fit` drives it.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jsgd

data = jsgd.data.digits()
model = jsgd.models.REGISTRY["cnn"](data.train[0], data.outputs)
problem = jsgd.train.classification(model, data)
run = jsgd.train.make_run(problem, jsgd.adam(lr=2e-3), batch_size=32)
fitted = jsgd.train.fit(run, epochs=15, progress=False)
print(f"{len(data.train[1])} images to train on, {len(data.test[1])} to test on")
print(f"test accuracy {fitted.history['test_accuracy'][-1]:.3f}")

# %% [markdown]
# The parameters are a plain pytree, the model a pair of pure functions. Here is what it says about some of
# the test images.

# %%
x, y = data.test
guess = jsgd.train.predict(model, fitted.params, fitted.model_state, x).argmax(-1)
fig, axes = plt.subplots(2, 8, figsize=(9, 2.8))
for ax, image, label in zip(axes.flat, x, guess):
    ax.imshow(image[..., 0], cmap="gray_r")
    ax.set_title(label)
    ax.axis("off")
fig.tight_layout()
print(f"{np.sum(guess == y)} of {len(y)} are right")

# %% [markdown]
# `fitted.history` has the numbers of every epoch, and `plot` draws them: all, or those of one metric.

# %%
fig = fitted.plot(metric="loss")
fig

# %% [markdown]
# ## A sweep
#
# Which learning rate, and how much momentum? In jsgd **a hyperparameter is data**: an array in the state
# of the optimizer. So one compiled program trains every setting, all side by side.

# %%
run = jsgd.train.make_run(problem, jsgd.sgd(momentum=0.9), batch_size=32)
result = jsgd.sweeps.sweep(
    run,
    {"lr": jnp.geomspace(1e-3, 1, 10).tolist(), "momentum": [0.0, 0.5, 0.9, 0.97]},
    epochs=8,
    progress=False,
)
print(f"{len(result.order)} networks, {result.info['compilations']} program", end="; ")
print(f"the best: {result.best_params}")
result.to_pandas().sort_values("rank").head()

# %%
table = result.to_pandas()
large = table[(table["param_lr"] > 0.15) & (table["param_momentum"] >= 0.9)]
print(f"rates above 0.15 with momentum 0.9 or more: at most {large['mean_score'].max():.3f}")
assert not large["mean_score"].max() > 0.5
fig = jsgd.sweeps.plots.heat_map(result, "lr", "momentum")
fig

# %% [markdown]
# The settings that are good lie along a diagonal: with momentum $\beta$, gradients that agree add up to a step that is
# $1/(1-\beta)$ times as long, so more momentum wants a smaller rate. Where both are large the network learns nothing:
# its accuracy is that of guessing, 0.1. (The column `status` would say DIVERGED where numbers cease to be finite.)
#
# The winner is ready to use:

# %%
best = result.best_run()
score = jsgd.train.evaluate(model, best.params, best.carry.model_state, data).metrics["accuracy"]
print(f"{score:.4f} on the test images, which is also what it was chosen by")
assert score > 0.95

# %% [markdown]
# ## Under the hood
#
# An optimizer is a pair of pure functions. `init` makes a state, in which the hyperparameters are arrays, and
# `step` maps parameters, gradients and state to new parameters and a new state. So JAX's transformations compose
# with it: `jit` compiles it once for all values, `vmap` over states *is* a sweep, `scan` is a training.

# %%
opt = jsgd.adamw(lr=1e-2, weight_decay=0.1)
params = {"w": jnp.ones(3)}
state = opt.init(params)
print(jsgd.get_hyper(state))

rates = jnp.geomspace(1e-4, 1e-1, 4)
states = jax.vmap(lambda lr: jsgd.set_hyper(state, lr=lr))(rates)
step = jax.jit(jax.vmap(opt.step, in_axes=(None, None, 0)))
moved, _ = step(params, {"w": jnp.ones(3)}, states)
print(moved["w"][:, 0])  # one step with each of the four rates

# %% [markdown]
# Where next: [gradient descent from scratch](02_gradient_descent.ipynb), [sweeps](06_sweeps.ipynb),
# [your own optimizer](07_your_own_optimizer.ipynb), or [coming from optax, torch or scikit-learn](09_coming_from.ipynb).
