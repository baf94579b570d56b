# %% [markdown]
# # Your own optimizer
#
# In jsgd an optimizer is a pair of pure functions, `init(params) -> state` and
# `step(params, grads, state) -> (params, state)`. Two things follow. A **wrapper** takes an optimizer
# and gives another that differs in one thing, so wrappers nest in any order. And a new **rule** is a
# few lines: what happens to one number. This notebook shows what four wrappers do, writes a rule, and
# puts it through the laws that every optimizer of jsgd obeys.

# %%
import os
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jsgd
from jsgd.sweeps import loggrid, plots, sweep

FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests

nest = jsgd.ema(jsgd.clip_by_global_norm(jsgd.weight_decay(jsgd.adam(1e-3), 0.1), max_norm=1.0))
state = nest.init({"w": jnp.zeros(3)})
print(nest)
print({name: float(f"{x:.3g}") for name, x in jsgd.get_hyper(state).items()})


@partial(jax.jit, static_argnums=(0, 1, 3))
def descend(opt, gradient, params, steps, key):
    """The parameters to evaluate after each step; `gradient(params, key)` may be random."""

    def step(carry, key):
        params, state = carry
        params, state = opt.step(params, gradient(params, key), state)
        return (params, state), jsgd.eval_params(params, state)

    return jax.lax.scan(step, (params, opt.init(params)), jax.random.split(key, steps))[1]


# %% [markdown]
# The numbers of the whole nest are arrays in one state. The function above is all the training that
# the next cells need: a scan over steps.
#
# ## Clipping
#
# `clip_by_global_norm` shortens a gradient that is longer than $c$ to the length $c$:
# $g \leftarrow g \min(1, c / \lVert g \rVert)$. It matters where gradients are now and then very large. Here
# the gradient of $\lVert w \rVert^2 / 2$ comes with noise of heavy tails (Student's $t$ with 1.5 degrees
# of freedom, whose variance is infinite). Of sixteen
# descents each, four are drawn:


# %%
def heavy_tailed(w, key):
    return w + jax.random.t(key, 1.5, w.shape)


keys = jax.random.split(jax.random.key(0), 16)
start, worst = jnp.ones(10), {}
fig, ax = plt.subplots(figsize=(6.4, 3.6))
for name, opt in {
    "SGD": jsgd.sgd(0.05),
    "SGD, clipped": jsgd.clip_by_global_norm(jsgd.sgd(0.05), max_norm=3.0),
}.items():
    ways = jax.vmap(lambda key, opt=opt: descend(opt, heavy_tailed, start, 400, key))(keys)
    distance = np.linalg.norm(ways, axis=-1)
    worst[name] = distance[:, 200:].max()
    lines = ax.semilogy(distance[:4].T, color="C0" if name == "SGD" else "C1", linewidth=0.8)
    lines[0].set_label(name)
    print(f"{name:13s} farthest from the minimum after step 200: {worst[name]:.2f}")
ax.set(xlabel="step", ylabel="distance from the minimum", ylim=(0.1, 300))
ax.legend(loc="upper right", ncols=2)
fig.tight_layout()
assert worst["SGD"] > 5 * worst["SGD, clipped"]

# %% [markdown]
# ## Decoupled weight decay
#
# An L2 penalty adds $\lambda w$ to the gradient. Adam then divides it, with the rest, by the root mean
# square of that gradient: where gradients are large, hardly anything is left of the penalty.
# **Decoupled** decay, $w \leftarrow (1 - \eta\lambda) w$ beside the step of Adam, treats all weights
# alike. To see the decay by itself, let the gradients be pure noise, of standard deviations from
# $10^{-3}$ to $10^3$, and start every weight at 1. After $t$ steps decoupled decay leaves
# $(1 - \eta\lambda)^t$ on average.

# %%
scales = np.geomspace(1e-3, 1e3, 13)[:, None]
copies = jnp.ones((13, 512))  # of every weight, for the mean


def noise(w, key):
    return scales * jax.random.normal(key, w.shape)


left = {}
fig, ax = plt.subplots(figsize=(6.4, 3.6))
for mode in ("decoupled", "l2"):
    opt = jsgd.weight_decay(jsgd.adam(0.005), 0.2, mode=mode)
    weights = descend(opt, noise, copies, 1000, jax.random.key(1))[-1]
    left[mode] = np.array(weights).mean(axis=1)
    ax.semilogx(scales, left[mode], "o-", label=f'mode="{mode}"')
expected = (1 - 0.005 * 0.2) ** 1000
ax.axhline(expected, color="0.5", linestyle=":", label=r"$(1 - \eta\lambda)^t$")
ax.set(
    xlabel="standard deviation of the gradient", ylabel="weight after 1000 steps", ylim=(-0.1, 1.1)
)
ax.legend()
fig.tight_layout()
print("decoupled:", left["decoupled"].round(2))
print("l2:       ", left["l2"].round(2))
assert abs(left["decoupled"] - expected).max() < 0.05
assert left["l2"][0] < 0.1
assert left["l2"][-1] > 0.9

# %% [markdown]
# ## An average of the parameters
#
# With a constant rate SGD ends in a cloud about the minimum. `ema` keeps an exponential moving average
# of the parameters beside the training, which does not notice it. `jsgd.eval_params(params, state)`
# gives the average if there is one, and else the parameters.


# %%
def noisy(w, key):
    return w + jax.random.normal(key, w.shape)


start, cloud = jnp.full(2, 2.0), {}
fig, ax = plt.subplots(figsize=(4.6, 4.2))
for name, opt in {"SGD": jsgd.sgd(0.1), "its average": jsgd.ema(jsgd.sgd(0.1), decay=0.99)}.items():
    way = descend(opt, noisy, start, 1000, jax.random.key(2))
    cloud[name] = np.mean(np.sum(way[500:] ** 2, axis=1)) / 2
    ax.plot(*way.T, linewidth=0.8, label=name)
    print(f"{name:12s} mean loss after step 500: {cloud[name]:.5f}")
ax.plot(0, 0, "k*", markersize=10)
ax.set(xlabel="$w_1$", ylabel="$w_2$", aspect="equal")
ax.legend()
fig.tight_layout()
assert cloud["SGD"] > 5 * cloud["its average"]

# %% [markdown]
# ## Rates for each layer, and an optimizer for each
#
# Any hyperparameter may be a tree that is a prefix of the parameters. If one layer is a hundred times as
# steep as another, one learning rate for both must be small enough for the steep one, and is then far
# too small for the flat one.
#
# `partition` goes further: each leaf gets the optimizer of its label, and leaves labelled `"frozen"`
# stay as they are. Below, matrices go to Muon, whose step is a nearly orthogonal matrix (all its singular
# values are about as large as the learning rate), the bias to Adam (whose first step has the size of the
# learning rate in every coordinate).


# %%
def curved(params, key):
    return {"steep": 100 * params["steep"], "flat": params["flat"]}


start = {"steep": jnp.float32(1), "flat": jnp.float32(1)}
fig, ax = plt.subplots(figsize=(6.4, 3.4))
for rates in (0.005, {"steep": 0.005, "flat": 0.5}):
    way = descend(jsgd.sgd(lr=rates), curved, start, 40, jax.random.key(0))
    loss = 50 * way["steep"] ** 2 + way["flat"] ** 2 / 2
    ax.semilogy(np.maximum(loss, 1e-12), label=f"lr = {rates}")
    print(f"lr = {rates!s:31} loss after 40 steps: {loss[-1]:.1e}")
ax.set(xlabel="step", ylabel="loss")
ax.legend()
fig.tight_layout()
assert loss[-1] < 1e-12

params = {"kernel": jnp.ones((6, 4)), "bias": jnp.zeros(4), "embedding": jnp.ones(3)}
grads = jax.tree.map(lambda p: jax.random.normal(jax.random.key(3), p.shape), params)
opt = jsgd.partition(
    {"matrices": jsgd.muon(0.1), "rest": jsgd.adam(0.01)},
    {"kernel": "matrices", "bias": "rest", "embedding": "frozen"},
)
moved = jax.tree.map(jnp.subtract, opt.step(params, grads, opt.init(params))[0], params)
singular = np.linalg.svd(moved["kernel"], compute_uv=False)
print("kernel, singular values of its step:", singular.round(3))
print("bias, its step:                     ", moved["bias"].round(3))
print("embedding, its step:                ", moved["embedding"])
assert singular.min() > 0.05
assert singular.max() < 0.13
assert np.allclose(abs(moved["bias"]), 0.01, rtol=1e-3)
assert not moved["embedding"].any()

# %% [markdown]
# ## A rule in five lines
#
# Lion moves every coordinate by exactly the learning rate, by the sign of $u = \beta_1 m + (1 - \beta_1) g$.
# So it cannot come to rest: near the minimum it goes on in steps of full size. Let us replace
# $\mathrm{sign}(u)$ by $u / (|u| + \epsilon)$. Where $|u| \gg \epsilon$ that is the sign, where
# $|u| \ll \epsilon$ it is $u / \epsilon$, gradient descent with momentum. The rule sees a parameter, its
# gradient, the slots `s` and the hyperparameters `h`; `elementwise` makes an optimizer of it.


# %%
def _soft_lion(p, g, s, h):
    u = h.b1 * s.mu + (1 - h.b1) * g
    return p - h.lr * u / (jnp.abs(u) + h.eps), {"mu": h.b2 * s.mu + (1 - h.b2) * g}


def soft_lion(lr=1e-3, b1=0.9, b2=0.99, eps=1e-3):
    return jsgd.elementwise(_soft_lion, slots=("mu",), lr=lr, b1=b1, b2=b2, eps=eps)


print(soft_lion())
try:
    soft_lion(lr=-1)
except ValueError as error:
    print(error)

# %% [markdown]
# A new rule is held against something independent where that is possible. As $\epsilon \to 0$ it must be
# `jsgd.lion`, step by step. And since $\epsilon$ is an array in the state like every hyperparameter, a
# `vmap` over it draws the whole family, from Lion to momentum, in a ravine: $L = (x^2 + 25 y^2) / 2$.
# With $\epsilon = 0.1$ the steps far away are those of Lion, and it comes to rest; with
# $\epsilon = 3$ it is slow.


# %%
def ravine(w, key):
    return w * jnp.array([1.0, 25.0])


start, key, STEPS = jnp.array([-4.0, 1.7]), jax.random.key(0), 400
lion = jsgd.lion(0.05, b2=0.9)
soft = soft_lion(0.05, b2=0.9, eps=1e-30)
ways = [descend(opt, ravine, start, STEPS, key) for opt in (lion, soft)]
print("largest difference from jsgd.lion:", float(abs(ways[0] - ways[1]).max()))
assert np.allclose(*ways, atol=1e-4)

EPS = np.array([1e-30, 0.1, 1.0, 3.0])
ways = jax.vmap(lambda eps: descend(soft_lion(0.05, b2=0.9, eps=eps), ravine, start, STEPS, key))(
    EPS
)
ways = np.concatenate([np.broadcast_to(start, (len(EPS), 1, 2)), ways], axis=1)

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=[1.25, 1])
xs, ys = np.meshgrid(np.linspace(-4.5, 1.5, 121), np.linspace(-1.5, 2, 121))
left.contour(xs, ys, (xs**2 + 25 * ys**2) / 2, np.geomspace(0.05, 60, 12), colors="0.85")
for way, eps, colour in zip(ways, EPS, plt.get_cmap("viridis")(np.linspace(0, 0.85, len(EPS)))):
    name = "0: Lion" if eps < 1e-9 else f"{eps:g}"
    left.plot(*way.T, ".-", color=colour, linewidth=1, markersize=2.5, label=name)
    right.semilogy(np.linalg.norm(way, axis=1), color=colour, linewidth=1)
left.plot(0, 0, "r*", markersize=10, zorder=5)
left.set(xlabel="$x$", ylabel="$y$", title="a ravine")
left.legend(title=r"$\epsilon$", loc="upper right")
right.set(
    xlabel="step",
    ylabel="distance from the minimum",
    title="Lion does not come to rest",
    ylim=(1e-8, 10),
)
fig.tight_layout()
for eps, way in zip(EPS, ways):
    end = np.linalg.norm(way[-100:], axis=1).mean()
    print(f"epsilon {eps:5.2g}: mean distance in the last 100 steps {end:.1e}")
assert np.linalg.norm(ways[0, -100:], axis=1).mean() > 0.01
assert np.linalg.norm(ways[1:3, -1], axis=1).max() < 1e-4

# %% [markdown]
# ## The laws
#
# What made that possible are laws that the tests of jsgd hold against every optimizer and wrapper. They
# are short enough to be written out. Our rule passes, alone and inside a nest, for `elementwise` and the
# wrappers do what a rule would otherwise have to get right.


# %%
def equal(a, b, rtol=0.0):
    """The same structure, shapes and dtypes, and numbers that agree."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        assert np.allclose(np.float64(x), np.float64(y), rtol=rtol, atol=rtol)
    return True


def loop(opt, params, grads, steps=5):
    step, carry = jax.jit(opt.step), (params, opt.init(params))
    for _ in range(steps):
        carry = step(carry[0], grads, carry[1])
    return carry


def nested(lr):
    inner = jsgd.weight_decay(soft_lion(lr), 0.1)
    return jsgd.ema(jsgd.clip_by_global_norm(inner, max_norm=0.5), decay=0.9)


params = {"kernel": jnp.ones((3, 2)), "bias": jnp.zeros(2, jnp.bfloat16)}
grads = {"kernel": jnp.full((3, 2), 0.3), "bias": jnp.array([1.0, -2.0], jnp.bfloat16)}
for make in (soft_lion,) if FAST else (soft_lion, nested):
    opt = make(0.01)
    state = opt.init(params)

    # pure: the same from the same, and what goes in is not changed
    before = jax.tree.map(np.array, (params, state))
    equal(opt.step(params, grads, state), opt.step(params, grads, state))
    equal((params, state), before)

    # structure, shapes and dtypes stay; what a bfloat16 leaf remembers is kept in float32
    shapes = jax.eval_shape(opt.step, params, grads, state)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), shapes) == jax.tree.map(
        lambda x: (x.shape, x.dtype), (params, state)
    )
    assert {x.dtype for x in jax.tree.leaves(state)} <= {jnp.dtype("float32"), jnp.dtype("int32")}

    # one step and one trace for all values
    traces = []
    counted = jax.jit(lambda *args, step=opt.step, to=traces: to.append(1) or step(*args))
    for lr in np.geomspace(1e-4, 1, 50):
        assert make(lr).step is opt.step
        counted(params, grads, jsgd.set_hyper(state, lr=lr))
    assert len(traces) == 1

    # scan equals the loop
    body = lambda carry, _, step=opt.step: (step(carry[0], grads, carry[1]), None)  # noqa: E731
    scanned, _ = jax.lax.scan(body, (params, state), length=5)
    equal(scanned, loop(opt, params, grads), rtol=1e-6)

    # vmap equals the loop, over the factory itself
    rates = jnp.array([1e-3, 1e-2, 1e-1])
    mapped = jax.vmap(lambda lr, make=make: loop(make(lr), params, grads))(rates)
    for i, lr in enumerate(rates):
        alone = loop(make(lr), params, grads)
        equal(jax.tree.map(lambda x, i=i: x[i], mapped), alone, rtol=1e-6)

    # parameters and state can be donated: a step in place
    mine, its = jax.tree.map(jnp.copy, (params, state))
    donated = jax.jit(opt.step, donate_argnums=(0, 2))(mine, grads, its)
    equal(donated, jax.jit(opt.step)(params, grads, state), rtol=1e-6)
    assert mine["kernel"].is_deleted()

    # float64 stays float64
    with jax.enable_x64(True):
        wide = jnp.ones(2, jnp.float64)
        new, its = opt.step(wide, wide, opt.init(wide))
        assert {x.dtype for x in jax.tree.leaves((new, its.slots))} == {jnp.dtype("float64")}
    print(f"{make.__name__}: pure, typed, one trace, scan, vmap, donation, float64")

# %% [markdown]
# ## At work
#
# The rule trains a network like any other, and both its numbers can be swept at once. On handwritten
# digits, learning rate against $\epsilon$, with Lion for comparison; a part of the training data is held
# out to choose by.

# %%
data = jsgd.data.validation_split(jsgd.data.digits())
model = jsgd.models.REGISTRY["mlp"](data.train[0], data.outputs)
problem = jsgd.train.classification(model, data)
how = {"epochs": 1 if FAST else 6, "seeds": 1 if FAST else 3, "progress": False}
how["layout"] = "vmap" if FAST else "auto"
rates = loggrid(1e-4, 1, 3 if FAST else 9)
best = {}
for name, opt, space in (
    ("Lion", jsgd.lion(), {"lr": rates}),
    ("Soft Lion", soft_lion(), {"lr": rates, "eps": loggrid(1e-5, 1e-1, 2 if FAST else 5)}),
):
    result = sweep(jsgd.train.make_run(problem, opt), space, **how)
    best[name] = result.best_score
    print(f"{name:10s} best validation accuracy {result.best_score:.3f}", end=" ")
    print(f"at { {k: float(f'{x:.2g}') for k, x in result.best_params.items()} }")
assert best["Soft Lion"] > best["Lion"] - 0.02
table = result.to_pandas()
rows = table.loc[table.groupby("param_eps")["mean_score"].idxmax()]
print(rows[["param_eps", "param_lr", "mean_score"]].round(5).to_string(index=False))
assert FAST or rows["param_lr"].iloc[-1] >= 10 * rows["param_lr"].iloc[0]
plots.heat_map(result, "lr", "eps")

# %% [markdown]
# What the map calls test accuracy is that of the part held out. It shows both regimes. For small $\epsilon$ nothing depends on it, and the rule is Lion. For large
# $\epsilon$ the good settings lie on a diagonal: what counts is $\eta / \epsilon$, the learning rate of
# gradient descent with momentum.
