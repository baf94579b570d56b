"""Successive halving against the whole grid: what it finds, and for how many steps.

    python benchmarks/halving.py

sweeps 16 learning rates x 4 momenta of SGD on digits, two seeds each, an MLP for 24 epochs: once
whole, and once stopped at the rungs 2 and 6, where one setting in three goes on. The claim: halving
finds a setting whose final test accuracy is within 0.5 % of the grid's best, with at most 40 % of
its steps. Both are repeated with other keys (initial parameters and batches). A setting's run is
the same in both sweeps, so they differ in what was stopped alone.

The numbers are kept in benchmarks/results/halving.json.
"""

import jax
from harness import save

import jsgd
from jsgd.sweeps import loggrid, sweep

SPACE = {"lr": loggrid(1e-3, 1, 16), "momentum": [0.0, 0.5, 0.9, 0.99]}
EPOCHS, RUNGS, KEYS = 24, (2, 6), 5


def main():
    jax.config.update("jax_num_cpu_devices", 2)
    data = jsgd.data.digits()
    model = jsgd.models.REGISTRY["mlp"](data.train[0], data.outputs)
    problem = jsgd.train.classification(model, data)
    run = jsgd.train.make_run(problem, jsgd.sgd(momentum=0.9), batch_size=32)
    rows = []
    for key in range(KEYS):
        how = {"seeds": 2, "epochs": EPOCHS, "key": key, "progress": False, "layout": ("chunk", 4)}
        whole = sweep(run, SPACE, **how)
        cut = sweep(run, SPACE, rungs=RUNGS, **how)
        rows.append(
            {
                "best of the grid": whole.best_score,
                "best of halving": cut.best_score,
                "less by": whole.best_score - cut.best_score,
                "share of the steps": cut.table["n_steps"].sum() / whole.table["n_steps"].sum(),
                "share of the time": cut.info["seconds"] / whole.info["seconds"],
            }
        )
        print(
            f"key {key}:", ", ".join(f"{name} {x:.4f}" for name, x in rows[-1].items()), flush=True
        )
    worst = {name: max(row[name] for row in rows) for name in ("less by", "share of the steps")}
    print("at worst:", ", ".join(f"{name} {x:.4f}" for name, x in worst.items()))
    save(
        "halving", rows, ["benchmarks/halving.py", "jsgd/sweeps/halving.py", "jsgd/sweeps/sweep.py"]
    )


if __name__ == "__main__":
    main()
