# %% [markdown]
# # How fast, and why
#
# The same arithmetic can take very different times, depending on how it is handed to the machine. Here
# are six such choices that matter in trainings on a CPU. Each is measured as you read, as the ratio of two
# ways in the same cell, with the reason in a sentence. The last cell draws all of them.
#
# The settings come first. By default JAX takes all cores together for one device. How many devices the CPU
# has must be said before JAX starts; the section about cores needs two.

# %%
import os
import time
from functools import partial
from operator import itemgetter

import jax

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jsgd

FAST = "JSGD_FAST" in os.environ  # less of everything, for the tests
ROUNDS = 3 if FAST else 15
print(f"JAX {jax.__version__}, {os.cpu_count()} cores, as devices: {jax.devices()}")

# %% [markdown]
# ## How to measure
#
# A clock around a call of a jitted function measures the wrong thing twice. The first call compiles. And a
# call returns before the work is done: JAX hands back an array that will be filled, and goes on.

# %%
square = jax.jit(lambda x: x @ x)
x = jnp.ones((1500, 1500))
for call in ("first call ", "second call"):
    start = time.perf_counter()
    result = square(x)
    returned = time.perf_counter() - start
    result.block_until_ready()
    done = time.perf_counter() - start
    print(f"{call}: returned after {1e3 * returned:6.2f} ms, done after {1e3 * done:6.2f} ms")

# %% [markdown]
# So: call everything once and forget it, and wait for results with `block_until_ready`. A machine also has
# other things to do. The two ways take turns, so that a busy second hits both; the ratio is taken round by
# round; and we keep its median and its quartiles, which a single bad round does not move. (The asserts below
# look at the shortest times, which were disturbed least, and ask for much less than is seen.)


# %%
def by_turns(*ways, rounds=ROUNDS):
    """Seconds that each of the ways takes, in each round; the first round is not kept."""
    seconds = np.empty((1 + rounds, len(ways)))
    for i, j in np.ndindex(seconds.shape):
        start = time.perf_counter()
        jax.block_until_ready(ways[j]())
        seconds[i, j] = time.perf_counter() - start
    return seconds[1:].T


def compare(name, slow, fast):
    """Print and keep slow / fast, of each round; return that of the shortest times, for asserts."""
    low, median, high = RATIOS[name] = np.percentile(slow / fast, [25, 50, 75])
    print(f"{name}: {1e3 * np.median(slow):.2f} ms / {1e3 * np.median(fast):.2f} ms", end=" ")
    print(f"= {median:.1f} [{low:.1f}, {high:.1f}]")
    return slow.min() / fast.min()


RATIOS = {}

# %% [markdown]
# ## 1. Donate what is replaced
#
# A step makes new parameters and a new state, and the old ones are dropped. `donate_argnums` tells the
# compiler that it may write the new ones over them. The example is a step of Adam on one large leaf.
#
# **Why:** without donation every step asks the system for fresh memory, which comes page by page, each of
# them cleared first; that can take longer than the arithmetic.

# %%
opt = jsgd.adam(1e-3)
DONATE = (0, 2)  # parameters and state; the gradients are wanted again


def arguments(params):
    return params, jax.tree.map(jnp.ones_like, params), opt.init(params)


def stepper(params, donate=(), steps=1):
    """A function that takes steps of Adam from where its last call ended."""
    step = jax.jit(opt.step, donate_argnums=donate)
    params, grads, state = arguments(params)

    def turn():
        nonlocal params, state
        for _ in range(steps):
            params, state = step(params, grads, state)
        return params, state

    return turn


SIZE = 10_000_000
times = by_turns(stepper(jnp.zeros(SIZE)), stepper(jnp.zeros(SIZE), DONATE))
ratio = compare("donate parameters and state", *times)
assert ratio > 1.5

for donate in (), DONATE:
    program = jax.jit(opt.step, donate_argnums=donate).lower(*arguments(jnp.zeros(SIZE))).compile()
    memory = program.memory_analysis()
    fresh = memory.output_size_in_bytes - memory.alias_size_in_bytes
    print(f"donated: {donate or 'nothing'}, fresh memory a step: {fresh / 1e6:.1f} MB")
    assert (fresh < 1e3) == (donate == DONATE)

# %% [markdown]
# ## 2. Put the loop into the program
#
# A network of one hidden layer learns a sine from 32 points. Its training step is compiled in both ways;
# the loop over the steps is Python's, which calls the step again and again, or `lax.scan`'s, which is a part
# of the program and is called once.
#
# **Why:** a call from Python has a price of its own (arguments are taken apart and checked, larger programs
# are handed to another thread, results are put together), which matters where the work of a step is small.
# With more hidden units there is less to gain.

# %%
points = jnp.linspace(-1, 1, 32)[:, None]
STEPS = 200 if FAST else 500
opt = jsgd.adam(1e-2)


def network(width):
    one, two = jax.random.split(jax.random.key(0))
    out = jax.random.normal(two, (width, 1)) / np.sqrt(width)
    return {"w": jax.random.normal(one, (1, width)), "b": jnp.zeros(width), "out": out}


def loss(params):
    hidden = jnp.tanh(points @ params["w"] + params["b"])
    return jnp.mean((hidden @ params["out"] - jnp.sin(3 * points)) ** 2)


def train_step(params, state):
    return opt.step(params, jax.grad(loss)(params), state)


def train(params, state):
    return lax.scan(lambda now, _: (train_step(*now), None), (params, state), length=STEPS)[0]


step, scanned = jax.jit(train_step), jax.jit(train)


def looped(params, state):
    for _ in range(STEPS):
        params, state = step(params, state)
    return params, state


ratios = []
for width in 16, 2048:
    params = network(width)
    ways = [partial(way, params, opt.init(params)) for way in (looped, scanned)]
    ratios.append(compare(f"scan, no Python loop: {width} units", *by_turns(*ways)))
    assert np.isclose(*(loss(way()[0]) for way in ways), atol=0.01)
assert ratios[0] > 2
assert ratios[0] > ratios[1]

# %% [markdown]
# ## 3. But look at the convolutions in the loop
#
# Here the advice of the last section goes wrong. Three ways to go down the gradient of a convolution for some
# steps: XLA's own convolution in a scan, the same in a Python loop, and `jsgd.models.conv` in a scan.
#
# **Why:** on CPU, XLA has a fast convolution at the top of a program only; in the body of a loop it makes
# plain nested loops of it. `jsgd.models.conv` computes the same numbers by a matrix product of patches,
# which is fast in both places. All models of jsgd use it, and on GPU and TPU it is XLA's own.

# %%
images = jax.random.normal(jax.random.key(0), (16, 14, 14, 16))
kernel = jax.random.normal(jax.random.key(1), (3, 3, 16, 32)) / 12


def descents(form, steps=2 if FAST else 4):
    """Some steps down the mean square of a convolution: in a scan, and in a Python loop."""

    def energy(kernel, images):
        layout = ("NHWC", "HWIO", "NHWC")
        return jnp.mean(form(images, kernel, (1, 1), "SAME", dimension_numbers=layout) ** 2)

    def step(now, _=None):
        return jax.tree.map(lambda p, g: p - g, now, jax.grad(energy, (0, 1))(*now)), None

    whole = jax.jit(lambda now: lax.scan(step, now, length=steps)[0])
    single = jax.jit(lambda now: step(now)[0])

    def loop():
        now = kernel, images
        for _ in range(steps):
            now = single(now)
        return now

    return lambda: whole((kernel, images)), loop


xla_scan, xla_loop = descents(lax.conv_general_dilated)
jsgd_scan, _ = descents(jsgd.models.conv)
in_scan, in_loop, ours = by_turns(xla_scan, xla_loop, jsgd_scan)
print(f"XLA's, in scan / in a Python loop: {np.median(in_scan / in_loop):.1f}")
ratio = compare("jsgd's convolution in scan, not XLA's", in_scan, ours)
assert np.allclose(xla_scan()[0], jsgd_scan()[0], atol=1e-4)
assert ratio > 3

# %% [markdown]
# ## 4. A learning rate is data
#
# One step of the network with 16 units, at a hundred learning rates. A rate that a function closes over is a
# constant of its program. A rate in the state is an argument.
#
# **Why:** another constant is another program, and must be compiled; other data is not.
#
# Compiling a hundred times takes long, so the constants are timed for three rates and **extrapolated** to
# a hundred. (optax has rates in the state too, if asked for: `inject_hyperparams`.)

# %%
RATES = np.geomspace(1e-4, 1e-1, 100)
FEW = 3
params = network(16)
state = opt.init(params)
grads = jax.grad(loss)(params)
traced = {"constant": 0, "data": 0}  # Python runs these functions only when they are compiled


def constant(lr):
    tx = optax.adam(lr)

    @jax.jit
    def step(params):
        traced["constant"] += 1
        updates, _ = tx.update(jax.grad(loss)(params), tx.init(params))
        return optax.apply_updates(params, updates)

    return step(params)


@jax.jit
def data(params, state):
    traced["data"] += 1
    return train_step(params, state)[0]


def all_as_data():
    return [data(params, jsgd.set_hyper(state, lr=lr)) for lr in RATES]


rounds = 1 if FAST else 5
few, hundred = by_turns(lambda: [constant(lr) for lr in RATES[:FEW]], all_as_data, rounds=rounds)
ratio = compare("100 learning rates as data (extrapolated)", few * len(RATES) / FEW, hundred)
calls = FEW * (1 + rounds), len(RATES) * (1 + rounds)
print(f"compiled: {traced['constant']} programs for {calls[0]} calls,", end=" ")
print(f"{traced['data']} for {calls[1]}")
assert traced == {"constant": calls[0], "data": 1}
assert jax.tree.all(jax.tree.map(np.allclose, constant(RATES[9]), all_as_data()[9]))
assert ratio > 5

# %% [markdown]
# ## 5. Many members at once, on all cores
#
# If rates are data, `vmap` over the states trains all members of a sweep in one program. What does that
# gain over the same compiled training, called for one member after another? It depends on the member. The
# small one has two parameters and descends Rosenbrock's function; the larger one is the network.
#
# **Why:** an operation has a fixed cost, and the vector units of a core take several numbers at a time; a
# member of two parameters leaves both unused, many at once do not. A member that fills them gains little.
#
# The third comparison spreads the members over two devices. **Why:** one device divides each operation
# among the cores if it is large enough, and they wait for each other before the next; members need nothing
# from each other, so two devices run a half each from beginning to end. That takes two cores that are free;
# on a busy machine there is nothing to gain, and no assert asks for it.

# %%
MEMBERS = 64
both = Mesh(np.array(jax.devices()), ("members",))
rows = NamedSharding(both, PartitionSpec("members"))


def rosenbrock(z):
    return (1 - z[0]) ** 2 + 100 * (z[1] - z[0] ** 2) ** 2


def descend(z, state):
    def step(now, _):
        z, state = now
        return opt.step(z, jax.grad(rosenbrock)(z), state), None

    return lax.scan(step, (z, state), length=20 * STEPS)[0]


def population(train, params):
    """Members that differ in their learning rate; functions that train them in three ways."""
    lrs = jnp.geomspace(1e-4, 1e-2, MEMBERS)
    everyone = jax.vmap(lambda lr: (params, jsgd.set_hyper(opt.init(params), lr=lr)))(lrs)
    alone = [jax.tree.map(itemgetter(i), everyone) for i in range(MEMBERS)]
    spread = jax.device_put(everyone, rows)
    one, together = jax.jit(train), jax.jit(jax.vmap(train))
    return lambda: [one(*x) for x in alone], lambda: together(*everyone), lambda: together(*spread)


one_by_one, at_once, _ = population(descend, jnp.array([-1.0, 1.0]))
ratio = compare(f"vmap, {MEMBERS} x Rosenbrock", *by_turns(one_by_one, at_once))
assert ratio > 2

one_by_one, at_once, on_both = population(train, network(16))
slow, fast, halves = by_turns(one_by_one, at_once, on_both)
compare(f"vmap, {MEMBERS} networks", slow, fast)
compare(f"two devices, {MEMBERS} networks", fast, halves)
together, apart = (jax.vmap(loss)(way()[0]) for way in (at_once, on_both))
print(f"devices that hold the result: {len(together.devices())}, {len(apart.devices())}")
assert len(apart.devices()) == 2
assert np.allclose(together, apart, atol=0.01)

# %% [markdown]
# The program of the last two is the same function; JAX splits it where its arguments are split. A sweep of
# `jsgd.sweeps` does so by itself, on all devices that there are ([schedules](04_schedules.ipynb) prints it).
#
# ## 6. Few leaves
#
# Adam on many leaves of a thousand numbers: as a dict of arrays, and in one buffer, `jsgd.flatten`.
#
# **Why:** the step of a tree is a loop for each leaf, each of which is started, and before that compiled; the
# step of a flat one is a single loop. This is the step of the optimizer alone: `benchmarks/step.py`
# measures whole training steps, which gain less, and the cases where a flat one loses.

# %%
LEAVES = 64 if FAST else 200


def leaves():
    return {f"leaf{i}": jnp.full(1000, 0.5) for i in range(LEAVES)}


def compiler(params):
    """A function that compiles a step of Adam, each time anew."""
    args = arguments(params)
    return lambda: jax.jit(lambda *a: opt.step(*a), donate_argnums=DONATE).lower(*args).compile()


tree, flat = leaves(), jsgd.flatten(leaves())
print(f"{len(jax.tree.leaves(tree))} leaves as a tree, {len(jax.tree.leaves(flat))} flat")
times = by_turns(compiler(tree), compiler(flat), rounds=1 if FAST else 3)
compile_ratio = compare(f"flatten {LEAVES} leaves: compiling", *times)
times = by_turns(stepper(tree, DONATE, steps=20), stepper(flat, DONATE, steps=20))
step_ratio = compare(f"flatten {LEAVES} leaves: the step", *times)
assert compile_ratio > 1.5
assert step_ratio > 1.5

# %% [markdown]
# ## All of them
#
# The bars are medians, the lines go from the lower to the upper quartile. The axis is logarithmic: to be
# twice as fast is the same distance everywhere.

# %%
names = sorted(RATIOS, key=lambda name: RATIOS[name][1])
low, median, high = np.array([RATIOS[name] for name in names]).T
compiling = ["compiling" in name or "as data" in name for name in names]
colours = np.where(compiling, "C1", "C0")

fig, ax = plt.subplots(figsize=(8.5, 4.8))
ax.barh(names, median - 1, left=1, color=colours, height=0.65)
ax.errorbar(median, names, xerr=[median - low, high - median], fmt="none", ecolor="0.2", capsize=3)
for name, value, end in zip(names, median, np.maximum(high, 1)):
    text = f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    ax.text(end * 1.12, name, text, va="center")
for colour, what in (("C0", "time to run"), ("C1", "time to compile")):
    ax.barh(names[0], 0, color=colour, label=what)
ax.axvline(1, color="0.2", linewidth=1)
ax.set(xscale="log", xlabel="times as fast", xlim=(min(0.8, *low), 2.5 * max(high)))
ax.set_title("the same result, computed in another way")
ax.xaxis.set_major_formatter("{x:g}")
ax.grid(axis="x", alpha=0.3)
ax.set_axisbelow(True)
ax.legend(loc="lower right", title="what is saved")
fig.tight_layout()
