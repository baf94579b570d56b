# %% [markdown]
# # Gradient descent from scratch
#
# A line is fitted to points by going downhill, first by hand, then with jsgd. What happens depends
# on two numbers: how far a step goes (the **learning rate**), and from how many points the slope is
# estimated (the **batch size**). This notebook needs NumPy and school calculus, no more.
#
# ## The problem
#
# There are $n = 256$ points on $y = 2x + 3$, with some noise. We look for the slope $w$ and the
# intercept $b$ with the smallest mean squared error
#
# $$L(w, b) = \frac{1}{n} \sum_{i=1}^{n} (w x_i + b - y_i)^2 .$$

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jsgd

x, y = map(np.ravel, jsgd.data.linear_regression(n=256, slope=2.0, intercept=3.0, noise=0.3).train)
n = len(x)


def loss(w, b):
    return np.mean((w * x + b - y) ** 2)


fig, ax = plt.subplots(figsize=(5, 3.2))
ax.plot(x, y, ".", markersize=4)
ax.set(xlabel="$x$", ylabel="$y$", title=f"{n} points")
fig.tight_layout()

# %% [markdown]
# ## The rule
#
# The gradient points uphill, so a step goes the other way. With the learning rate $\eta$,
#
# $$w \leftarrow w - \eta \frac{\partial L}{\partial w}, \qquad
# \frac{\partial L}{\partial w} = \frac{2}{n} \sum_i (w x_i + b - y_i)\, x_i, \qquad
# \frac{\partial L}{\partial b} = \frac{2}{n} \sum_i (w x_i + b - y_i).$$


# %%
def gradient(w, b, rows=slice(None)):
    error = w * x[rows] + b - y[rows]
    return 2 * np.mean(error * x[rows]), 2 * np.mean(error)


def descend(lr, steps):
    w, b, path = 0.0, 0.0, [(0.0, 0.0)]
    for _ in range(steps):
        dw, db = gradient(w, b)
        w, b = w - lr * dw, b - lr * db
        path.append((w, b))
    return np.array(path)


w, b = descend(lr=0.1, steps=200)[-1]
best_w, best_b = np.polyfit(x, y, 1)
print(f"gradient descent: y = {w:.4f} x + {b:.4f}")
print(f"least squares:    y = {best_w:.4f} x + {best_b:.4f}")

# %% [markdown]
# The same in jsgd: the gradient comes from `jax.grad`, the rule from `jsgd.sgd`.


# %%
def mean_squared_error(params, x, y):
    return jnp.mean((params["w"] * x + params["b"] - y) ** 2)


opt = jsgd.sgd(lr=0.1)
params = {"w": jnp.float32(0), "b": jnp.float32(0)}
state = opt.init(params)


@jax.jit
def step(params, state):
    grads = jax.grad(mean_squared_error)(params, x, y)
    return opt.step(params, grads, state)


for _ in range(200):
    params, state = step(params, state)
print(f"jsgd:             y = {params['w']:.4f} x + {params['b']:.4f}")
assert np.allclose([params["w"], params["b"]], [w, b], atol=1e-4)

# %% [markdown]
# ## The learning rate: too small, right, too large
#
# The loss is a bowl, $L = L_{\min} + (\theta - \theta^*)^\top H (\theta - \theta^*) / 2$ with the
# constant matrix $H$ of second derivatives. A step multiplies the error along an eigenvector of $H$
# with eigenvalue $\lambda$ by $1 - \eta\lambda$. So the descent converges exactly if
# $|1 - \eta\lambda| < 1$ for all of them: $0 < \eta < 2 / \lambda_{\max}$. Just below the limit it
# jumps from one side of the valley to the other; above it, every step makes the error larger.

# %%
H = 2 / n * np.array([[x @ x, x.sum()], [x.sum(), n]])
limit = 2 / np.linalg.eigvalsh(H).max()
print(f"eigenvalues of H: {np.linalg.eigvalsh(H)},  largest stable rate: {limit:.3f}")

rates = {"too small": 0.02 * limit, "good": 0.5 * limit, "nearly too large": 0.97 * limit}
rates["too large"] = 1.03 * limit
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
ws, bs = np.meshgrid(np.linspace(-1.5, 5.5, 101), np.linspace(-1, 7.5, 101))
errors = np.stack([ws - best_w, bs - best_b], -1)
left.contour(ws, bs, np.einsum("...i,ij,...j", errors, H, errors), 14, colors="0.8", linewidths=0.8)
for name, lr in rates.items():
    path = descend(lr, 60)
    inside = np.abs(path - [best_w, best_b]).max(axis=1) < 4.2
    left.plot(*path[inside].T, ".-", label=name, linewidth=1, markersize=4)
    excess = [loss(w, b) - loss(best_w, best_b) for w, b in path]
    right.semilogy(np.maximum(excess, 1e-12), label=f"{name}, {lr:.2f}")
left.plot(best_w, best_b, "k*", markersize=10)
left.set(xlabel="$w$", ylabel="$b$", xlim=(-1.5, 5.5), ylim=(-1, 7.5), title="where the steps go")
right.set(xlabel="step", ylabel="loss above the least", title="how fast")
right.legend(title="learning rate", loc="lower right", bbox_to_anchor=(1, 0.1), fontsize=9)
fig.tight_layout()
assert loss(*descend(1.03 * limit, 60)[-1]) > loss(0, 0) > loss(*descend(0.97 * limit, 60)[-1])

# %% [markdown]
# ## Batch, mini-batch, single samples
#
# The gradient is a mean over all $n$ points. A mean over a random few of them is an unbiased
# estimate, at a fraction of the cost: this is **stochastic** gradient descent. One pass through the
# data (an *epoch*) is then one step of batch descent, $n / 16$ steps of mini-batches of 16, or $n$
# steps of single samples.
#
# In jsgd a whole training is a `Run`, whose epoch is one compiled scan, and a batch size is an
# argument of `make_run`.

# %%
data = jsgd.data.from_arrays(x[:, None], y, x[:, None], y)
line = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
problem = jsgd.train.regression(line, data)
EPOCHS = 30

fig, ax = plt.subplots(figsize=(6.4, 4))
course = {}
for name, size in {"batch": None, "mini-batches of 16": 16, "single samples": 1}.items():
    run = jsgd.train.make_run(problem, jsgd.sgd(lr=0.05), batch_size=size)
    fitted = jsgd.train.fit(run, epochs=EPOCHS, progress=False)
    course[name] = excess = fitted.history["test_loss"] - loss(best_w, best_b)
    ax.semilogy(np.arange(1, EPOCHS + 1), np.maximum(excess, 1e-9), ".-", label=name)
    print(
        f"{name:19s} after 1 epoch {excess[0]:.4f}, mean of the last ten {excess[-10:].mean():.5f}"
    )
ax.set(xlabel="epoch", ylabel="loss above the least", title="equal work, learning rate 0.05")
ax.set_ylim(top=200)
ax.legend(loc="upper right")
fig.tight_layout()
batch, mini, single = course.values()
assert batch[0] > mini[0] > single[0]
assert single[-10:].mean() > mini[-10:].mean()

# %% [markdown]
# For equal work, small batches come down much sooner: they take more steps. But they do not come all
# the way down. Near the least loss the gradient of the mean vanishes while those of single points do
# not, and the steps go on at random. With a constant rate the descent ends in a cloud about the
# solution.
#
# ## The noise
#
# How wide is the cloud? For a small rate, the excess loss is proportional to the rate and to the
# variance of the gradient estimate, which falls as one over the batch size: excess
# $\propto \eta / B$. Learning rates are data in jsgd, so all of them are one program: `vmap` over the
# states is the sweep.


# %%
def tail_excess(batch_size, rates, steps=4000):
    """The mean excess loss of the second half of a descent, for each of the rates."""

    def one(lr, key):
        params = {"w": jnp.float32(best_w), "b": jnp.float32(best_b)}
        state = jsgd.sgd(lr).init(params)

        def step(carry, key):
            params, state = carry
            rows = jax.random.randint(key, (batch_size,), 0, n)  # with replacement
            grads = jax.grad(mean_squared_error)(params, xs[rows], ys[rows])
            params, state = opt.step(params, grads, state)
            return (params, state), mean_squared_error(params, xs, ys)

        losses = jax.lax.scan(step, (params, state), jax.random.split(key, steps))[1]
        return jnp.mean(losses[steps // 2 :]) - loss(best_w, best_b)

    xs, ys = jnp.asarray(x), jnp.asarray(y)
    keys = jax.random.split(jax.random.key(0), len(rates))
    return jax.jit(jax.vmap(one))(rates, keys)


rates = jnp.geomspace(0.005, 0.1, 8)
fig, ax = plt.subplots(figsize=(6, 4))
slopes, ends = {}, {}
for size in (1, 4, 16):
    ends[size] = excess = tail_excess(size, rates)
    slopes[size] = np.polyfit(np.log(rates), np.log(excess), 1)[0]
    ax.loglog(rates, excess, "o-", label=f"batches of {size}: slope {slopes[size]:.2f}")
ax.set(xlabel="learning rate", ylabel="mean excess loss in the end", title="the noise of SGD")
ax.legend()
fig.tight_layout()
print(f"1 against 4 a batch: {np.median(ends[1] / ends[4]):.1f} times the excess")
print(f"4 against 16 a batch: {np.median(ends[4] / ends[16]):.1f} times the excess")
assert all(0.8 < slope < 1.3 for slope in slopes.values())

# %% [markdown]
# The lines have slopes near 1, and four times the batch makes a quarter of the excess or so. To come
# closer, make the batch larger or the rate smaller. A **schedule** does the latter on the way: large
# steps while there is far to go, small ones in the end.

# %%
fig, ax = plt.subplots(figsize=(6.4, 4))
steps = EPOCHS * n
for name, lr in {
    "constant": 0.05,
    "halved every 3 epochs": jsgd.schedules.step(0.05, 3 * n, 0.5),
    "cosine": jsgd.schedules.cosine(0.05, steps),
}.items():
    run = jsgd.train.make_run(problem, jsgd.sgd(lr), batch_size=1)
    fitted = jsgd.train.fit(run, epochs=EPOCHS, progress=False)
    course[name] = excess = fitted.history["test_loss"] - loss(best_w, best_b)
    ax.semilogy(np.arange(1, EPOCHS + 1), np.maximum(excess, 1e-9), ".-", label=name)
    print(f"{name:22s} mean of the last five epochs {excess[-5:].mean():.1e}")
ax.set(xlabel="epoch", ylabel="loss above the least", title="single samples, three schedules")
ax.legend(title="learning rate")
fig.tight_layout()
falling = [course[name][-5:].mean() for name in ("halved every 3 epochs", "cosine")]
assert max(falling) < course["constant"][-5:].mean() / 10
