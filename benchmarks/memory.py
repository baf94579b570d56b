"""Adam's memory: its moments in 8 and in 16 bits, what that costs in time and in the loss.

    python benchmarks/memory.py [step | digits]

`step` takes Adam's step alone, on 100 leaves of 100,000 numbers and on one of 10 million, as it is
and compressed, jitted with parameters and state donated: the bytes of the state for every
parameter, those that the compiled step needs besides, the time. `digits` trains the CNN of
`digits_cnn.py`, with its setting but Adam and fewer epochs, in ten seeds at once, three times: they
differ in how the moments are held, and have the same initial parameters, batches and augmentation.
The claims:

    (a) with 8 bits the state takes 2.1 bytes a parameter or less, where it took 8
    (b) the loss over the last epoch, a mean over the seeds, is within 1 % of float32's

The loss is that of the training; smoothed labels leave FLOOR of it to the best of networks, so what
is above that is compared as well. That of the test images, which are few, is told beside it. The
leaves of fewer than 4096 numbers, biases, scales and the first kernel, are not compressed. What is
printed is kept in benchmarks/results/memory.json, when both are measured.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from digits_cnn import SETTING
from harness import compare, save

import jsgd
from jsgd.sweeps import sweep

SHAPES = {"100 x 100,000": (100, 100_000), "1 x 10M": (1, 10_000_000)}
STEPS, ROUNDS = 3, 7
EPOCHS, BATCH, SEEDS = 20, 64, 10
SMOOTHING = SETTING["label_smoothing"]
LABEL = np.array([1 - 0.9 * SMOOTHING] + 9 * [SMOOTHING / 10])
FLOOR = -np.sum(LABEL * np.log(LABEL))  # 0.50


def forms(opt):
    """The ways to hold its moments."""
    return {
        "float32": opt,
        "16 bits": jsgd.compress(opt, bits=16),
        "8 bits": jsgd.compress(opt),
    }


def size(tree):
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


def turns(opt, grads):
    """A function that takes some steps from where it was left; the bytes the step needs besides."""
    params = jax.tree.map(jnp.zeros_like, grads)
    state = jax.jit(opt.init)(params)
    step = jax.jit(opt.step, donate_argnums=(0, 2)).lower(params, grads, state).compile()

    def run():
        nonlocal params, state
        for _ in range(STEPS):
            params, state = step(params, grads, state)
        return params, state

    return run, size(state), step.memory_analysis().temp_size_in_bytes


def measure_step():
    results = {}
    for shape, (leaves, n) in SHAPES.items():
        grads = [jax.random.normal(jax.random.key(i), (n,)) for i in range(leaves)]
        made = {name: turns(opt, grads) for name, opt in forms(jsgd.adam(1e-3)).items()}
        ratios = {f"{name} / float32": (name, "float32") for name in made if name != "float32"}
        runs = {name: run for name, (run, _, _) in made.items()}
        table = compare(f"{STEPS} steps of Adam, {shape}", runs, ratios, ROUNDS, pause=0)
        for name, (_, state, besides) in made.items():
            each = {"state": state / (leaves * n), "besides": besides / (leaves * n)}
            table["bytes"] = table.get("bytes", {}) | {name: each}
            text = ", ".join(f"{what} {x:.3f}" for what, x in each.items())
            print(f"{name:10s} bytes a parameter: {text}")
        results[shape] = table
    return results


def measure_digits():
    data = jsgd.data.digits()
    model = jsgd.models.REGISTRY["cnn"](data.train[0], 10, width=24, hidden=128, norm="batch")
    sizes = [x.size for x in jax.tree.leaves(jax.eval_shape(model.init, jax.random.key(0))[0])]
    large = [n for n in sizes if n >= 4096]
    results = {"leaves": len(sizes), "compressed": len(large), "numbers": sum(large) / sum(sizes)}
    print(f"of {len(sizes)} leaves {len(large)} are compressed, ", end="")
    print(f"{100 * results['numbers']:.1f} % of {sum(sizes):,} numbers")
    lr = jsgd.schedules.cosine(SETTING["lr__init_value"], EPOCHS * (len(data.train[1]) // BATCH))
    space = {name: [value] for name, value in SETTING.items() if name != "weight_decay"}
    for name, opt in forms(jsgd.adam(lr)).items():
        problem = jsgd.train.classification(model, data)
        run = jsgd.train.make_run(problem, opt, batch_size=BATCH)
        result = sweep(run, space, seeds=SEEDS, epochs=EPOCHS, layout="vmap", progress=False)
        last = {curve: x[0, :, -1] for curve, x in result.curves.items()}
        results[name] = row = {
            curve: last[curve].tolist() for curve in ("loss", "test_loss", "test_accuracy")
        }
        text = ", ".join(f"{curve} {np.mean(x):.4f}" for curve, x in row.items())
        print(f"{name:10s} {text}; {len(row['loss'])} seeds", flush=True)
    for name in ("16 bits", "8 bits"):
        loss, plain = np.mean(results[name]["loss"]), np.mean(results["float32"]["loss"])
        ratios = {"loss": loss / plain, "above the floor": (loss - FLOOR) / (plain - FLOOR)}
        results[f"{name} / float32"] = ratios
        print(f"{name} / float32: " + ", ".join(f"{x:.4f} of {of}" for of, x in ratios.items()))
    return results


def main():
    parts = {"step": measure_step, "digits": measure_digits}
    chosen = sys.argv[1:] or list(parts)
    results = {name: parts[name]() for name in chosen}
    if len(results) == len(parts):
        wrappers = (f"jsgd/wrappers/{name}.py" for name in ("compress", "blocks", "pieces"))
        save("memory", results, ["benchmarks/memory.py", "benchmarks/digits_cnn.py", *wrappers])


if __name__ == "__main__":
    main()
