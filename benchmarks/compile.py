"""What compiling costs, and what it costs not to compile again.

    python benchmarks/compile.py

    (a) Adam on 500 leaves of 1,000 numbers, from Python to a program: as a tree of leaves, flat
        (`jsgd.flatten`), and optax's. The claim: flat it takes less than 0.5 s
    (b) 100 learning rates through a training step of an MLP, compilation included: in jsgd a rate
        is data, in optax a constant of the closure, so that each is a program of its own. The
        claim: at most a twentieth of the time
    (c) a sweep of 16 and of 512 members of that MLP on digits: the claim is that compiling does not
        grow with the population (both with the same layout, as many members a chunk as there are)

Nothing is kept between turns. Contenders take turns, so that a busy machine slows all of them; a
ratio is the median of the ratios within a round, with the quartiles. The numbers are kept in
benchmarks/results/compile.json.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from harness import compare, save
from step import filled, optax_step, our_step

import jsgd
from jsgd.models import REGISTRY
from jsgd.sweeps.layout import plan
from jsgd.sweeps.program import Members
from jsgd.train import classification, make_run

LEAVES, SIZE, RATES, BATCH = 500, 1000, np.geomspace(1e-4, 1e-1, 100), 64


def compiled(step, *args):
    """A function that compiles the step, as if for the first time."""

    def run():
        jax.clear_caches()
        return jax.jit(step, donate_argnums=(0, 1)).lower(*args).compile().memory_analysis()

    return run


def one_step():
    ours, theirs = jsgd.adam(1e-3), optax.adam(1e-3)
    step, tree = our_step(ours), filled(LEAVES, SIZE)
    flat = jsgd.flatten(tree)
    contenders = {
        "tree": compiled(step, tree, ours.init(tree), tree),
        "flat": compiled(step, flat, ours.init(flat), flat),
        "optax": compiled(optax_step(theirs), tree, theirs.init(tree), tree),
    }
    ratios = {"tree / flat": ("tree", "flat"), "optax / flat": ("optax", "flat")}
    title = f"(a) compiling Adam, {LEAVES} x {SIZE:,}"
    return compare(title, contenders, ratios | {"tree / optax": ("tree", "optax")}, 5, pause=0)


def rates():
    data = jsgd.data.digits()
    model = REGISTRY["mlp"](data.train[0], data.outputs)
    params, model_state = jax.jit(model.init)(jax.random.key(0))
    x, y = (jnp.asarray(part[:BATCH]) for part in data.train)

    def loss(params):
        logits, _ = model.apply(params, model_state, x, train=False)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def training(step):
        return jax.jit(lambda params, state: step(params, state, jax.grad(loss)(params)))

    opt = jsgd.adam()

    def ours():
        jax.clear_caches()
        step, state = training(our_step(opt)), opt.init(params)
        return [step(params, jsgd.set_hyper(state, lr=lr))[0] for lr in RATES]

    def closures():
        jax.clear_caches()
        ends = []
        for lr in RATES:
            tx = optax.adam(lr)
            ends.append(training(optax_step(tx))(params, tx.init(params))[0])
        return ends

    for a, b in zip(jax.tree.leaves(ours()), jax.tree.leaves(closures()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    contenders = {"jsgd": ours, "optax, constants in closures": closures}
    ratios = {"optax / jsgd": ("optax, constants in closures", "jsgd")}
    title = f"(b) {len(RATES)} learning rates through one step of an MLP"
    return compare(title, contenders, ratios, 3, pause=0)


def populations():
    data = jsgd.data.digits()
    model = REGISTRY["mlp"](data.train[0], data.outputs)
    problem = classification(model, data)

    def planned(count):
        keys = jax.random.split(jax.random.key(0), count)
        members = Members(keys, {"lr": np.geomspace(1e-4, 1e-1, count)})

        def compiling():
            jax.clear_caches()
            run = make_run(problem, jsgd.adam(), batch_size=BATCH)  # another: it knows no programs
            return plan(run, members, 10, "vmap").compile_seconds

        return compiling

    contenders = {f"{count} members": planned(count) for count in (16, 512)}
    ratios = {"512 / 16": ("512 members", "16 members")}
    return compare("(c) planning and compiling a sweep", contenders, ratios, 5, pause=0)


def main():
    results = [one_step(), rates(), populations()]
    sources = ["jsgd/core/lift.py", "jsgd/core/flat.py", "jsgd/sweeps/program.py"]
    versions = {"optax": optax.__version__}
    save("compile", [*results, versions], ["benchmarks/compile.py", *sources])


if __name__ == "__main__":
    main()
