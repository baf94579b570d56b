"""Fine-tuning against training from scratch, with few labels.

    python benchmarks/finetune.py

trains a small CNN on the digits 0 to 4, keeps its weights in a file, gives it another head, and
trains that on 5 to 9 with five labels a class. The images of 8x8 are at random places of 12x12, so
that a network has to learn to find them. The claim: with the weights, whether all layers move or
those near the input more slowly, more of the test set is right than from scratch, with most
seeds. (Where the digits are always in the middle it does not hold: the pixels say enough, and from
scratch 0.90 of the test set was right, with the weights 0.88.)

All seeds and learning rates of a method are one sweep: a seed draws the labels, the initial head
and the dropout, the same for every method. Each method is shown with the learning rate that is best
for it on average over the seeds, by the test set: a comparison at the best of each, no estimate.

The numbers are kept in benchmarks/results/finetune.json.
"""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from harness import save

import jsgd
from jsgd.data import Dataset
from jsgd.sweeps import sweep
from jsgd.train import (
    Run,
    classification,
    fit,
    layer_names,
    layerwise_lr,
    load_weights,
    make_run,
    make_stream_run,
    pretrained,
    save_weights,
)

LRS = np.geomspace(1e-3, 3e-2, 4)
LABELS, SEEDS, EPOCHS, PRETRAINING = 5, 16, 60, 40
DECAY, SIZE = 0.6, 12
HEAD = ("out",)


def digits(low, high):
    """These digits, at random places of larger images; their labels begin at 0."""
    rng = np.random.default_rng(low)

    def placed(x, y, copies):
        rows = np.tile(np.flatnonzero((low <= y) & (y < high)), copies)
        wide = np.zeros((len(rows), SIZE, SIZE, 1), np.float32)
        corners = rng.integers(0, SIZE - 8 + 1, (len(rows), 2))
        for image, row, (top, left) in zip(wide, rows, corners):
            image[top : top + 8, left : left + 8] = x[row]
        return wide, y[rows] - low

    train, test, *_ = jsgd.data.digits()
    return Dataset(placed(*train, copies=3), placed(*test, copies=1), high - low)


def network(data):
    return jsgd.models.REGISTRY["cnn"](
        data.train[0], data.outputs, depth=3, pool="average", dropout_rate=0.2
    )


def pretrain(path, epochs):
    """Train on 0 to 4, and leave the weights in a file; what the test accuracy is."""
    data = digits(0, 5)
    run = make_run(classification(network(data), data), jsgd.adam(1e-3), batch_size=32)
    result = fit(run, epochs=epochs, progress=False)
    save_weights(path, result.params, result.carry.model_state)
    return float(result.history["test_accuracy"][-1])


def with_few_labels(model, data, opt):
    """A run that draws its own `LABELS` images of each class by the key it begins with."""
    classes, n = data.outputs, LABELS * data.outputs
    x, y = map(jnp.asarray, data.train)
    run = make_stream_run(classification(model, data), opt, batch_size=n)

    def init(key, hyper):
        order = jax.random.permutation(key, len(y))
        of_class = y[order][None] == jnp.arange(classes)[:, None]
        first = jnp.argsort(~of_class, axis=1, stable=True)[:, :LABELS]
        return order[first.ravel()], run.init(key, hyper)

    def advance(carry):
        rows, carry = carry
        carry, metrics = run.advance(carry, (x[rows], y[rows]))
        return (rows, carry), metrics

    return Run(init, advance)


def methods(path):
    """Name -> run, with one hyperparameter, `lr`."""
    data = digits(5, 10)
    model, opt = network(data), jsgd.adam()
    like = jax.eval_shape(model.init, jax.random.key(0))
    params, model_state = load_weights(path, *like, ignore=HEAD)
    tuned = pretrained(model, params, model_state, fresh=HEAD)
    head = jsgd.freeze(opt, lambda path, leaf: not path.startswith("out/"))
    whole = with_few_labels(tuned, data, opt)

    def layerwise(key, hyper):
        rates = layerwise_lr(params, hyper["lr"], DECAY, layer_names(model))
        return whole.init(key, {"lr": rates})

    return {
        "from scratch": with_few_labels(model, data, opt),
        "the head alone": with_few_labels(tuned, data, head),
        "all layers": whole,
        f"all, rates x {DECAY} a layer": Run(layerwise, whole.advance),
    }


def measure(lrs=LRS, seeds=SEEDS, epochs=EPOCHS, pretraining=PRETRAINING, only=None):
    """The test accuracy of pretraining; and of each method at its best rate, by seed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.safetensors"
        before, table = pretrain(path, pretraining), {}
        for name, run in methods(path).items():
            if only is None or name in only:
                result = sweep(run, {"lr": lrs}, seeds=seeds, epochs=epochs, progress=False)
                scores = result.curves["test_accuracy"][..., -1].reshape(len(lrs), seeds)
                best = scores.mean(1).argmax()
                table[name] = {"lr": float(lrs[best]), "accuracy": scores[best].tolist()}
    return before, table


def main():
    jax.config.update("jax_num_cpu_devices", 2)
    before, table = measure()
    print(f"0 to 4: test accuracy {before:.3f} after pretraining")
    scratch = np.array(table["from scratch"]["accuracy"])
    print(f"5 to 9, {LABELS} labels a class, {SEEDS} seeds: mean (sd), lowest; won against scratch")
    for name, row in table.items():
        scores = np.array(row["accuracy"])
        row["mean"], row["won"] = scores.mean(), int((scores > scratch).sum())
        print(
            f"{name:28s} lr {row['lr']:.4f}  {scores.mean():.3f} ({scores.std(ddof=1):.3f})  "
            f"{scores.min():.3f}  {row['won']:2d}"
        )
    sources = ["benchmarks/finetune.py", "jsgd/train/finetune.py"]
    save("finetune", {"0 to 4": before, "5 to 9": table}, sources)


if __name__ == "__main__":
    main()
