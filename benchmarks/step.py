"""What a step costs: the optimizer's alone, as a tree of leaves and flat, and a whole one's.

    python benchmarks/step.py [adam | rules | network]

Adam's step alone (`adam`) on 500 leaves of 1,000 numbers, 200 of 100,000 and one of 20 million,
beside optax's and the three of torch; the other rules in tree form beside optax's (`rules`); and a
training step of a network of 240 kernels of 32x32 (`network`). Every step of JAX is jitted with
parameters and state donated; torch and the memory have two threads. On a GPU torch and the memory
are there, too, and Adam alone is measured unless another is named: trees of 500 leaves compile
slowly there. The claims, which are for CPU:

    (a) Adam on 500 leaves, flat: at most a tenth of optax's time, and a quarter of torch's, fused
    (b) Adam on 200 large leaves and on one: never slower than optax. Beside torch fused and beside
        the memory (adding in place, as many bytes as Adam must move, 7 words a number)
    (c) SGD, momentum, AdamW and Lion, as trees: never over 5 % slower than optax
    (d) the network, flat: half the time of the tree. Within `lax.scan`, as in a run, it saves less,
        and with 32 members under `vmap` it loses

A turn is as many steps as take some hundredths of a second. Contenders take turns, so that a busy
machine slows all of them; a ratio is the median of the ratios within a round, with the quartiles.
The first call is a turn with compilation. The numbers are kept in benchmarks/results/step.json,
or step-gpu.json, when none is named.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from harness import compare, on_gpu, save

import jsgd

SHAPES = {"500 x 1,000": (500, 1000), "200 x 100,000": (200, 100_000), "1 x 20M": (1, 20_000_000)}
TURN = {"500 x 1,000": 20, "200 x 100,000": 4, "1 x 20M": 4}  # steps
RULES = {
    "sgd": (jsgd.sgd(1e-3), optax.sgd(1e-3)),
    "momentum": (jsgd.sgd(1e-3, momentum=0.9), optax.sgd(1e-3, momentum=0.9)),
    "adam": (jsgd.adam(1e-3), optax.adam(1e-3)),
    "adamw": (jsgd.adamw(1e-3), optax.adamw(1e-3)),
    "lion": (jsgd.lion(1e-4), optax.lion(1e-4)),
}
LAYERS, WIDTH, BATCH, MEMBERS = 240, 32, 8, 32
WAYS = ("", ", scan", ", members")


def turns(step, params, state, n, *given):
    """A function that takes n steps from where it was left."""
    step = jax.jit(step, donate_argnums=(0, 1))

    def run():
        nonlocal params, state
        for _ in range(n):
            params, state = step(params, state, *given)
        return params, state

    return run


def our_step(opt):
    return lambda params, state, grads: opt.step(params, grads, state)


def ours(opt, params, grads, n):
    return turns(our_step(opt), params, opt.init(params), n, grads)


def optax_step(tx):
    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return step


def optaxs(tx, params, grads, n):
    return turns(optax_step(tx), params, tx.init(params), n, grads)


def torchs(leaves, size, n, **form):
    import torch

    torch.set_num_threads(2)
    half = partial(torch.full, (size,), 0.5, device="cuda" if on_gpu() else "cpu")
    params = [torch.nn.Parameter(half()) for _ in range(leaves)]
    for p in params:
        p.grad = half()
    opt = torch.optim.Adam(params, 1e-3, **form)

    def run():
        for _ in range(n):
            opt.step()

    return run


def memory(numbers, n):
    """As many bytes as a step of Adam must move: on CPU by NumPy, two threads at a time."""
    if on_gpu():
        a, b = jnp.zeros(7 * numbers // 3), jnp.ones(7 * numbers // 3)
        return turns(lambda a, _, b: (a + b, ()), a, (), n, b)
    size = 7 * numbers // 3 // 2
    halves = [(np.ones(size, np.float32), np.ones(size, np.float32)) for _ in range(2)]
    pool = ThreadPoolExecutor(2)

    def run():
        for _ in range(n):
            list(pool.map(lambda ab: np.add(*ab, out=ab[0]), halves))

    return run


def turn(name):
    return 20 if on_gpu() else TURN[name]


def filled(leaves, size):
    return {f"leaf{i}": jnp.full((size,), 0.5) for i in range(leaves)}


def adam(name):
    (leaves, size), n = SHAPES[name], turn(name)
    opt, tx = RULES["adam"]
    tree = partial(filled, leaves, size)
    contenders = {
        "tree": ours(opt, tree(), tree(), n),
        "flat": ours(opt, jsgd.flatten(tree()), jsgd.flatten(tree()), n),
        "optax": optaxs(tx, tree(), tree(), n),
        "torch eager": torchs(leaves, size, n, foreach=False),
        "torch foreach": torchs(leaves, size, n, foreach=True),
        "torch fused": torchs(leaves, size, n, fused=True),
        "memory": memory(leaves * size, n),
    }
    ratios = {f"{peer} / flat": (peer, "flat") for peer in contenders if peer != "flat"}
    ratios |= {f"{peer} / tree": (peer, "tree") for peer in ("optax", "torch fused", "memory")}
    return compare(f"Adam, {name}, {n} steps", contenders, ratios, rounds=11)


def rules(name):
    (leaves, size), n = SHAPES[name], turn(name)
    contenders, ratios = {}, {}
    for rule, (opt, tx) in RULES.items():
        grads = filled(leaves, size)
        contenders[rule] = ours(opt, filled(leaves, size), grads, n)
        contenders[f"{rule}, optax"] = optaxs(tx, filled(leaves, size), grads, n)
        ratios[f"{rule}: ours / optax"] = rule, f"{rule}, optax"
    return compare(f"Rules as trees, {name}, {n} steps", contenders, ratios, rounds=11, pause=0)


def network():
    n, opt = 20, RULES["adam"][0]
    x = jax.random.normal(jax.random.key(0), (BATCH, WIDTH))
    kernel = jax.nn.initializers.normal(0.1)

    def params(key):
        keys = jax.random.split(key, LAYERS)
        return {f"layer{i}": kernel(k, (WIDTH, WIDTH)) for i, k in enumerate(keys)}

    def loss(params):
        h = x
        for w in params.values():
            h = h + 0.1 * jnp.tanh(h @ w)
        return jnp.mean((h - x[:, ::-1]) ** 2)

    def step(params, state):
        return opt.step(params, jax.grad(lambda p: loss(jsgd.unflatten(p)))(params), state)

    def scanned(params, state):
        return jax.lax.scan(lambda c, _: (step(*c), None), (params, state), length=n)[0]

    def init(flat, key):
        start = params(key)
        start = jsgd.flatten(start) if flat else start
        return start, opt.init(start)

    keys = jax.random.split(jax.random.key(0), MEMBERS)
    contenders = {}
    for form in ("tree", "flat"):
        start = partial(init, form == "flat")
        contenders[form] = turns(step, *start(keys[0]), n)
        contenders[f"{form}, scan"] = turns(scanned, *start(keys[0]), 1)
        contenders[f"{form}, members"] = turns(jax.vmap(step), *jax.vmap(start)(keys), 1)
    ratios = {f"tree / flat{way}": (f"tree{way}", f"flat{way}") for way in WAYS}
    title = f"{LAYERS} kernels of {WIDTH}x{WIDTH}, batch {BATCH}: {n} steps, 1 of {MEMBERS} members"
    return compare(title, contenders, ratios, rounds=11, pause=0)


def main():
    tasks = {
        "adam": [partial(adam, name) for name in SHAPES],
        "rules": [partial(rules, name) for name in SHAPES],
        "network": [network],
    }
    everything = ["adam"] if on_gpu() else list(tasks)
    chosen = sys.argv[1:] or everything
    tables = [task() for name in chosen for task in tasks[name]]
    if chosen == everything:
        save("step", tables, [__file__, "jsgd/core/lift.py", "jsgd/core/flat.py"])


if __name__ == "__main__":
    main()
