"""How gradient descent descends: by samples, batches and all at once; and by optimizers.

    python benchmarks/descent.py

trains one small CNN on digits in seven ways. Plain gradient descent takes a step for each sample,
for each batch of 32, or for all samples (and more epochs, since each is one step); and of batches
of 32, there are momentum, Adagrad, RMSprop and Adam. Each has the learning rate, of a grid equal in
ratio, that ends with the least training loss (its mean over the last epoch and three seeds): one
sweep a way, of all rates and seeds at once. The seconds are those of one training alone, compiling
apart.

The picture is benchmarks/results/descent.png: training loss against epochs, which is against
samples seen, and test accuracy against time; bands are from the worst to the best seed. The numbers
are kept in descent.json beside it.

References:
    Bottou, Curtis and Nocedal, "Optimization Methods for Large-Scale Machine Learning", SIAM
    Review 60, 2018, https://arxiv.org/abs/1606.04838, section 3 (samples, batches, all at once).
    Ruder, "An overview of gradient descent optimization algorithms", 2016,
    https://arxiv.org/abs/1609.04747.
"""

import time
from typing import NamedTuple

import jax
import numpy as np
from harness import ROOT, save
from matplotlib.figure import Figure

import jsgd
from jsgd.sweeps import loggrid, sweep
from jsgd.sweeps.files import write
from jsgd.sweeps.plots import png
from jsgd.train import classification, make_run

SEEDS, RATES = 3, 7


class Way(NamedTuple):
    """One line of the picture."""

    opt: object
    batch_size: int | None
    rates: tuple[float, float]
    epochs: int = 15


# what is compared -> name -> way
PANELS = {
    "plain gradient descent": {
        "one sample": Way(jsgd.sgd(), 1, (1e-3, 1e-1)),
        "batches of 32": Way(jsgd.sgd(), 32, (1e-2, 1.0)),
        "all 1437 at once": Way(jsgd.sgd(), None, (3e-2, 3.0), epochs=100),
    },
    "optimizers, batches of 32": {
        "SGD": Way(jsgd.sgd(), 32, (1e-2, 1.0)),
        "momentum 0.9": Way(jsgd.sgd(momentum=0.9), 32, (1e-3, 1e-1)),
        "Adagrad": Way(jsgd.adagrad(), 32, (3e-3, 3e-1)),
        "RMSprop": Way(jsgd.rmsprop(), 32, (1e-4, 3e-2)),
        "Adam": Way(jsgd.adam(), 32, (3e-4, 3e-2)),
    },
}
# apart in grey, too, by their dashes
STYLES = [
    ("#000000", "-"),
    ("#d55e00", "--"),
    ("#0072b2", "-."),
    ("#009e73", ":"),
    ("#cc79a7", "-"),
]


def descend(problem, way):
    """Sweep the learning rate, and time one training with the best.

    Returns:
        A dict: the best `lr`, `loss` and `accuracy` of shape (seeds, epochs), and the seconds that
        one training takes an epoch.
    """
    run = make_run(problem, way.opt, batch_size=way.batch_size)
    how = {"epochs": way.epochs, "seeds": SEEDS, "layout": "vmap", "progress": False}
    result = sweep(run, {"lr": loggrid(*way.rates, RATES)}, metric="loss", **how)
    row = result.order[0]
    carry = jax.jit(run.init)(jax.random.key(0), result.best_params)
    advance = jax.jit(run.advance)
    seconds = []
    for _ in range(4):  # the first compiles
        start = time.perf_counter()
        carry, _ = jax.block_until_ready(advance(carry))
        seconds.append(time.perf_counter() - start)
    return {
        "lr": result.best_params["lr"],
        "inside the grid": way.rates[0] < result.best_params["lr"] < way.rates[1],
        "loss": result.curves["loss"][row],
        "accuracy": result.curves["test_accuracy"][row],
        "seconds": min(seconds[1:]),
    }


def picture(panels):
    """Left against epochs, right against seconds; a row for each of what is compared."""
    fig = Figure(figsize=(11, 7.6), layout="constrained")
    for (title, lines), (left, right) in zip(panels.items(), fig.subplots(len(panels), 2)):
        for (name, line), (colour, dashes) in zip(lines.items(), STYLES):
            how = {"color": colour, "linestyle": dashes, "linewidth": 1.7}
            epochs = np.arange(1, line["loss"].shape[1] + 1)
            seconds = epochs * line["seconds"]
            for ax, x, y in ((left, epochs, line["loss"]), (right, seconds, line["accuracy"])):
                ax.fill_between(x, y.min(0), y.max(0), color=colour, alpha=0.15, linewidth=0)
                ax.plot(x, y.mean(0), label=f"{name}, lr {line['lr']:.2g}", **how)
        left.set(
            ylabel="training loss", yscale="log", xlabel="epochs, of 1437 samples", title=title
        )
        right.set(ylabel="test accuracy", xlabel="seconds", title=title)
        right.legend(fontsize=9, loc="lower right")
        for ax in (left, right):
            ax.set_xscale("log")
            ax.xaxis.set_major_formatter("{x:g}")
            ax.grid(True, alpha=0.25)
    return fig


def main():
    jax.config.update("jax_num_cpu_devices", 2)
    data = jsgd.data.digits()
    model = jsgd.models.REGISTRY["cnn"](data.train[0], 10, width=8, hidden=32)
    problem = classification(model, data)
    start, done, panels = time.perf_counter(), {}, {}
    for title, ways in PANELS.items():
        for name, way in ways.items():
            if way not in done:  # SGD with batches is in both
                done[way] = descend(problem, way)
                line = done[way]
                print(
                    f"{title}, {name}: lr {line['lr']:.3g}, loss {line['loss'][:, -1].mean():.4f}, "
                    f"test accuracy {line['accuracy'][:, -1].mean():.4f}, "
                    f"{1e3 * line['seconds']:.1f} ms an epoch",
                    flush=True,
                )
        panels[title] = {name: done[way] for name, way in ways.items()}
    seconds = time.perf_counter() - start
    print(f"{seconds:.0f} s in all")
    results = {
        title: {
            name: line | {key: line[key].tolist() for key in ("loss", "accuracy")}
            for name, line in lines.items()
        }
        for title, lines in panels.items()
    }
    save("descent", {"panels": results, "seconds": seconds}, ["benchmarks/descent.py"])
    path = ROOT / "benchmarks" / "results" / "descent.png"
    write(path, png(picture(panels)))
    print(f"drawn in {path}")


if __name__ == "__main__":
    main()
