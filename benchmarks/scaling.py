"""Cost grows linearly: with the members of a sweep, and with the parameters of a step.

    python benchmarks/scaling.py

    (a) 16 to 512 members of an MLP on digits (64 hidden units, batches of 64, SGD), an epoch of a
        sweep with the layout that "auto" chooses: the time for a member. The claim: within 20 %
    (b) Adam's step on 1e5 to 1e8 parameters in leaves of 100,000, flat: the time for a parameter.
        What fits into the caches is faster than memory, so it is compared with the memory too: with
        NumPy adding in place, as many bytes as Adam must move

Contenders take turns, so that a busy machine slows all of them; a ratio is the median of the ratios
within a round, with the quartiles. The numbers are kept in benchmarks/results/scaling.json.
"""

import itertools

import jax
import numpy as np
from harness import compare, save
from step import filled, memory, ours
from sweep import MLP, Jsgd, make, population

import jsgd

MEMBERS, PARAMETERS, LEAF = (16, 64, 256, 512), (10**5, 10**6, 10**7, 10**8), 10**5


def members():
    data, model = jsgd.data.digits(), MLP()
    run = make(model, data)
    contenders = {}
    for count in MEMBERS:
        settings = population(np.geomspace(1e-3, 0.1, count // 8), np.linspace(0, 0.95, 8))
        contenders[f"{count} members"] = repeated(Jsgd(run, settings, 1, planned=20), 512 // count)
    ratios = {f"{n} / 16": (f"{n} members", "16 members") for n in MEMBERS[1:]}
    return compare("(a) 512 epochs of members", contenders, ratios, 9, pause=0)


def parameters():
    opt, contenders = jsgd.adam(1e-3), {}
    for count in PARAMETERS:
        tree, turns = filled(count // LEAF, LEAF), 10**8 // count
        flat, grads = jsgd.flatten(tree), jsgd.flatten(tree)
        contenders[f"{count:.0e} parameters"] = ours(opt, flat, grads, turns)
        contenders[f"{count:.0e}, memory"] = memory(count, turns)
    steps = [name for name in contenders if "memory" not in name]
    ratios = {f"{b} / {a}": (b, a) for a, b in itertools.pairwise(steps)}
    floors = {
        f"memory / step, {count:.0e}": (f"{count:.0e}, memory", f"{count:.0e} parameters")
        for count in PARAMETERS
    }
    title = "(b) steps of 1e8 parameters in all"
    return compare(title, contenders, ratios | floors, 9, pause=0)


def repeated(run, times):
    return lambda: [run() for _ in range(times)]


def main():
    jax.config.update("jax_num_cpu_devices", 2)
    results = [members(), parameters()]
    sources = ["scaling.py", "step.py", "sweep.py"]
    save("scaling", results, [f"benchmarks/{name}" for name in sources])


if __name__ == "__main__":
    main()
