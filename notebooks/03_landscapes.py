# %% [markdown]
# # A zoo on landscapes
#
# Twelve optimizers start at the same place of the same landscape, each with the learning rate that is
# best for it there. Which way they go says more about them than a table does: some zigzag, some
# overshoot, some walk along the diagonal. And those that are quick on one landscape are slow on another.
#
# ## The landscapes
#
# A **ravine** is steep across and flat along:
# $f(x, y) = \tfrac12 (x^2 + 100\, y^2)$. Its curvatures are 1 and 100, and their ratio is the **condition
# number**. The second landscape is the same ravine, turned by 45 degrees. **Rosenbrock's** function
#
# $$f(x, y) = (1 - x)^2 + 100\, (y - x^2)^2$$
#
# is a ravine that bends, and **Beale's**
#
# $$f(x, y) = (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2$$
#
# has steep walls beside a wide plain. All of them are 0 at their minimum.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jsgd

FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests


def ravine(p):
    return (p[0] ** 2 + 100 * p[1] ** 2) / 2


def turned_ravine(p):
    return ravine(jnp.stack([p[0] + p[1], p[1] - p[0]]) / jnp.sqrt(2.0))


def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def beale(p):
    return sum((a - p[0] + p[0] * p[1] ** k) ** 2 for k, a in ((1, 1.5), (2, 2.25), (3, 2.625)))


landscapes = {  # where it starts, where the minimum is, and the window of the picture
    ravine: ((-3.0, 1.0), (0.0, 0.0), (-3.8, 1.8, -2.2, 2.2)),
    turned_ravine: ((-(8**0.5), -(2**0.5)), (0.0, 0.0), (-3.8, 1.8, -3.2, 1.2)),
    rosenbrock: ((-1.2, 1.0), (1.0, 1.0), (-1.8, 1.8, -0.8, 2.0)),
    beale: ((1.0, 1.5), (3.0, 0.5), (-0.8, 4.2, -1.8, 2.2)),
}
for f, (start, minimum, _) in landscapes.items():
    p = jnp.array(minimum)
    small, large = np.linalg.eigvalsh(jax.hessian(f)(p))
    print(f"{f.__name__:14s} {f(jnp.array(start)):6.2f} at the start; ", end="")
    print(f"{f(p):.0f} at the minimum, where the condition number is {large / small:.0f}")

# %% [markdown]
# ## The race
#
# An optimizer in jsgd is a pair of functions, and its learning rate is an array in its state. So `vmap`
# over rates runs all of them in one program. `value` and `value_fn` are for those that look at the loss
# itself, here L-BFGS, which searches along its direction and takes several evaluations a step.

# %%
zoo = {
    "SGD": jsgd.sgd(),
    "momentum": jsgd.sgd(momentum=0.9),
    "Nesterov": jsgd.sgd(momentum=0.9, nesterov=True),
    "Adagrad": jsgd.adagrad(),
    "RMSprop": jsgd.rmsprop(decay=0.9),
    "Adadelta": jsgd.adadelta(),
    "Adam": jsgd.adam(),
    "Nadam": jsgd.nadam(),
    "Adan": jsgd.adan(),
    "Lion": jsgd.lion(),
    "Rprop": jsgd.rprop(),
    "L-BFGS": jsgd.lbfgs(),
}
zoo = {name: zoo[name] for name in list(zoo)[: 4 if FAST else None]}
STEPS = 1000
RATES = np.geomspace(1e-4, 10, 101)


def descend(opt, f, start):
    """The path with each of the rates, of shape (rates, steps + 1, 2)."""

    def path(lr):
        state = jsgd.set_hyper(opt.init(start), lr=lr)

        def step(carry, _):
            p, state = carry
            value, grads = jax.value_and_grad(f)(p)
            p, state = opt.step(p, grads, state, value=value, value_fn=f)
            return (p, state), p

        points = jax.lax.scan(step, (start, state), length=STEPS)[1]
        return jnp.concatenate([start[None], points])

    return jax.vmap(path)(jnp.asarray(RATES, jnp.float32))


descend = jax.jit(descend, static_argnums=(0, 1))
paths = {
    (f, name): np.asarray(descend(opt, f, jnp.array(start)))
    for f, (start, _, _) in landscapes.items()
    for name, opt in zoo.items()
}
print(f"{len(paths)} programs, {len(paths) * len(RATES)} paths of {STEPS} steps")

# %% [markdown]
# An optimizer has **arrived** at the step after which it stays within 0.1 of the minimum. A path that
# goes farther away than one and a half times the start does not count. Its best rate is the one with which it arrives first; if it never does,
# the one that ends nearest. So that no lucky jump wins, a rate is taken for as good as the worst of
# itself and its two neighbours, which are 12 % below and above.


# %%
def arrivals(f, name):
    """With each rate, the step of arrival (inf for never) and how far away the path ends."""
    away = np.linalg.norm(paths[f, name] - np.array(landscapes[f][1]), axis=-1)
    away = np.where((away <= 1.5 * away[:, :1]).all(axis=1, keepdims=True), away, np.inf)
    far = away >= 0.1
    steps = np.where(far[:, -1], np.inf, far.shape[1] - far[:, ::-1].argmax(axis=1))
    return steps, away[:, -1]


def worst_of_three(z):
    z = np.pad(z, 1, constant_values=np.inf)
    return np.maximum.reduce([z[:-2], z[1:-1], z[2:]])


def best(f, name):
    """The place of the best rate, and its step of arrival."""
    steps, away = arrivals(f, name)
    at = np.lexsort([worst_of_three(away), worst_of_three(steps)])[0]
    return at, steps[at]


def draw(f):
    start, minimum, (left, right, low, high) = landscapes[f]
    x, y = np.meshgrid(np.linspace(left, right, 161), np.linspace(low, high, 161))
    height = np.asarray(f(jnp.stack([x, y])))
    fig, axes = plt.subplots(-(-len(zoo) // 4), 4, figsize=(11, 2.3 * -(-len(zoo) // 4)))
    for ax, name in zip(axes.flat, zoo):
        at, steps = best(f, name)
        path = paths[f, name][at, : int(min(steps, STEPS)) + 1]
        ax.contour(x, y, height, np.geomspace(0.05, height.max(), 14), colors="0.8", linewidths=0.7)
        ax.plot(*path.T, color="#0072b2", linewidth=0.8)
        ax.scatter(*path.T, c=np.arange(len(path)), cmap="viridis", s=7, zorder=2)
        ax.plot(*start, "o", color="black", markersize=5)
        ax.plot(*minimum, "*", color="#d55e00", markersize=11, zorder=3)
        said = f"{steps:.0f} steps" if np.isfinite(steps) else f"not in {STEPS}"
        ax.set_title(f"{name}: {said} ({RATES[at]:.2g})", fontsize=9.5)
        ax.set(xlim=(left, right), ylim=(low, high), xlabel="$x$", ylabel="$y$")
        ax.label_outer()
    fig.tight_layout(pad=0.6)


draw(ravine)
stable = RATES[np.isfinite(arrivals(ravine, "SGD")[0])]
print(f"SGD arrives with rates from {stable.min():.3g} to {stable.max():.3g}")
assert stable.max() < 2 / 100

# %% [markdown]
# A star is the minimum, points go from dark to bright with the steps, and the learning rate is in brackets.
# For SGD the largest rate that is stable, $\eta = 2 / 100$, is set by the steep direction; along the flat one
# it leaves a part $1 - \eta$ of the error at each step. **Momentum** adds up what is the same in many steps,
# and cancels some of the zigzag.
#
# Adagrad, RMSprop, Adam and the like divide each coordinate by the size of its own gradients, and Lion and
# Rprop look at nothing but the signs. To them the ravine is no steeper across than along: both coordinates
# move at the same pace, first on the diagonal, then along the axis. That works as long as the coordinates
# are the directions in which it is steep and flat. What if they are not?

# %%
draw(turned_ravine)

steps = {(f, name): best(f, name)[1] for f in landscapes for name in zoo}
print("steps, ravine to turned ravine")
for name in zoo:
    print(f"{name:9s} {steps[ravine, name]:4.0f}  ->  {steps[turned_ravine, name]:4.0f}")
for name in {"SGD", "momentum", "Nesterov", "L-BFGS"} & zoo.keys():
    assert abs(steps[turned_ravine, name] - steps[ravine, name]) <= 5
for name in {"Adagrad", "Rprop", "Nadam"} & zoo.keys():
    assert steps[turned_ravine, name] > 3 * steps[ravine, name]

# %% [markdown]
# SGD, momentum, Nesterov and L-BFGS do not care: turn the landscape, and their paths turn with it. For those
# that treat each coordinate by itself both coordinates are now steep. Adagrad, Nadam and Rprop, which were
# quick, need several times as many steps.
#
# ## A valley that bends
#
# Rosenbrock's valley is easy to find and slow to follow. It bends, so what is remembered about its
# direction or its steepness is soon out of date.

# %%
draw(rosenbrock)
late = {f.__name__: sum(steps[f, name] > STEPS for name in zoo) for f in landscapes}
print(f"not there after {STEPS} steps, of {len(zoo)}:", {f: int(n) for f, n in late.items()})
assert late["rosenbrock"] == max(late.values())

# %% [markdown]
# ## Walls and a plain
#
# Beale's function is steep where it starts and nearly flat where it ends. A rate that is safe at the wall
# is slow on the plain.

# %%
draw(beale)
if not FAST:
    slow, quick = ("SGD", "Adagrad"), ("Nesterov", "Adam")
    assert min(steps[beale, x] for x in slow) > 2 * max(steps[beale, x] for x in quick)

# %% [markdown]
# SGD needs more than twice the steps of Nesterov's momentum, which gathers speed on the plain. Adagrad needs
# more than twice those of Adam: its sum of squared gradients still holds those of the wall, while Adam's
# average forgets them.
#
# ## How much room a rate has
#
# The best rate is only half of it: the other half is how near to it one has to be. Here is the whole sweep:
# the steps to arrive for every rate. What is white did not arrive, or went too far away.

# %%
fig, axes = plt.subplots(1, len(landscapes), figsize=(11.5, 4), sharey=True, layout="constrained")
for ax, f in zip(axes, landscapes):
    table = np.stack([arrivals(f, name)[0] for name in zoo])
    image = ax.pcolormesh(
        RATES, np.arange(len(zoo)), np.ma.masked_invalid(table), norm="log", cmap="viridis_r",
        shading="nearest", vmin=1, vmax=STEPS,
    )  # fmt: skip
    ax.set(xscale="log", xlabel="learning rate", title=f.__name__.replace("_", " "))
    ax.set_yticks(np.arange(len(zoo)), list(zoo))
    ax.set_yticks(np.arange(len(zoo) + 1) - 0.5, minor=True)
    ax.grid(which="minor", axis="y", color="0.85")
    ax.tick_params(which="minor", axis="y", length=0)
axes[0].invert_yaxis()
fig.colorbar(image, ax=axes, label="steps to arrive", pad=0.01)

room = {name: [np.isfinite(arrivals(f, name)[0]).mean() for f in landscapes] for name in zoo}
print(
    f"{'share of the rates that arrive':32s}", "  ".join(f"{f.__name__:>13s}" for f in landscapes)
)
for name, shares in room.items():
    print(f"{name:32s}", "  ".join(f"{share:13.2f}" for share in shares))
won = [min(zoo, key=lambda name: steps[f, name]) for f in landscapes]
print("first:", dict(zip([f.__name__ for f in landscapes], won)))
others = [name for name in zoo if name != "L-BFGS"]
second = [min(others, key=lambda name: steps[f, name]) for f in landscapes]
print("of the others:", dict(zip([f.__name__ for f in landscapes], second)))
assert FAST or len(set(second)) > 1
assert FAST or (set(won) == {"L-BFGS"} and min(room["L-BFGS"]) > 0.8)

# %% [markdown]
# On functions of two numbers, known exactly, L-BFGS is first by far, with nearly any rate. It is made for
# losses that are the same at every step, and those of mini-batches are not. Of the others none is the first
# everywhere, and each has a range of rates of its own. Who compares optimizers at one common rate compares
# rates.
