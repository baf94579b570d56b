"""An epoch of a CNN on data of MNIST's size: `jsgd.train` against torch and Keras, on CPU.

    python benchmarks/epoch.py

The data: scikit-learn's handwritten digits, enlarged from 8x8 to 28x28 pixels and moved about at
random, 60,000 of them to train on and 10,000 to test on, written as MNIST's files and read by
`jsgd.data.mnist`. The network: two blocks of a 3x3 convolution (32 and 64 channels), ReLU and
pooling, a dense layer of 64 and the output; batches of 128, SGD with momentum 0.9.

An epoch of ours is one call of a run's `advance` (one scan over the shuffled data; the test is left
out), on two devices, which are the two cores (`jax_num_cpu_devices`), and on one. Torch's is a loop
over a permutation of tensors in memory, channels last, without a loader, which is the fastest that
it does. Keras's is `fit` with JAX as its backend, on a fifth of the data, its time multiplied by
five. All have two threads. The claim: ours, on two devices, takes no longer than torch's. On one
XLA shares every operation between the threads, which gains next to nothing where they are small.
Contenders take turns, compilation is apart; all networks are tested in the end, to show that they
learnt. The numbers are kept in benchmarks/results/epoch.json.
"""

import os
import struct
import tempfile
from pathlib import Path

import jax
import numpy as np
from harness import compare, save
from scipy import ndimage

import jsgd
from jsgd.models import REGISTRY
from jsgd.train.drive import program

N, TEST, BATCH, HIDDEN, LR, CORES = 60_000, 10_000, 128, 64, 0.02, 2
PART = 5  # Keras is slow: it gets such a part of the data


def write_files(folder):
    """MNIST's four files, of digits that are enlarged and moved about."""
    x, y = (np.concatenate(pair) for pair in zip(*jsgd.data.digits()[:2]))
    large = ndimage.zoom(x[..., 0], (1, 2.5, 2.5), order=1)  # 20x20, as MNIST's own in 28x28
    rng = np.random.default_rng(0)
    for part, n in (("train", N), ("t10k", TEST)):
        rows = rng.integers(0, len(y), n)
        images = np.zeros((n, 28, 28), np.uint8)
        for image, row, (down, right) in zip(images, rows, rng.integers(0, 9, (n, 2))):
            image[down : down + 20, right : right + 20] = 255 * large[row]
        for what, code, data in (("images", 3, images), ("labels", 1, y[rows].astype(np.uint8))):
            head = struct.pack(f">HBB{code}I", 0, 8, code, *data.shape)
            (folder / f"{part}-{what}-idx{code}-ubyte").write_bytes(head + data.tobytes())


def ours(data, devices):
    model = REGISTRY["cnn"](data.train[0], 10, features=(32, 64), hidden=HIDDEN)
    problem = jsgd.train.classification(model, data)._replace(test=None)
    opt = jsgd.sgd(LR, momentum=0.9)
    run = jsgd.train.make_run(problem, opt, batch_size=BATCH, devices=devices)
    now = [jax.jit(run.init)(jax.random.key(0), {})]
    advance = program(run)

    def epoch():
        now[0], metrics = advance(now[0])
        return metrics

    def accuracy():
        carry = now[0]
        found = jsgd.train.evaluate(model, carry.eval_params, carry.model_state, data)
        return found.metrics["accuracy"]

    return epoch, accuracy


def theirs(data):
    import torch
    from torch import nn

    torch.set_num_threads(2)
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(7 * 7 * 64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10)),
    ).to(memory_format=torch.channels_last)
    opt = torch.optim.SGD(net.parameters(), LR, momentum=0.9)

    def tensors(pair):
        x = torch.from_numpy(pair[0].transpose(0, 3, 1, 2).copy())
        x = x.contiguous(memory_format=torch.channels_last)
        return x, torch.from_numpy(pair[1].astype(np.int64))

    x, y = tensors(data.train)

    def epoch():
        order = torch.randperm(len(y))
        for start in range(0, len(y) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            opt.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            opt.step()

    def accuracy():
        x, y = tensors(data.test)
        with torch.no_grad():
            return (net(x).argmax(1) == y).float().mean().item()

    return epoch, accuracy


def keras(data):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    from keras import layers

    net = keras.Sequential(
        [
            keras.Input(data.train[0].shape[1:]),
            *(layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D()),
            *(layers.Conv2D(64, 3, padding="same", activation="relu"), layers.MaxPooling2D()),
            *(layers.Flatten(), layers.Dense(HIDDEN, activation="relu"), layers.Dense(10)),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.SGD(LR, momentum=0.9), loss, metrics=["accuracy"])

    def epoch():
        net.fit(*(x[: N // PART] for x in data.train), batch_size=BATCH, verbose=0)

    def accuracy():
        return net.evaluate(*data.test, verbose=0)[1]

    return epoch, accuracy


def main():
    jax.config.update("jax_num_cpu_devices", CORES)
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        data = jsgd.data.mnist(folder)
    assert data.train[0].shape == (N, 28, 28, 1)
    runs = {
        "ours": ours(data, devices=CORES),
        "ours, one device": ours(data, devices=1),
        "torch": theirs(data),
        "Keras, a part": keras(data),
    }
    results = compare(
        f"an epoch of {N} images, 28x28, batch {BATCH}",
        {name: epoch for name, (epoch, _) in runs.items()},
        {f"{name} / torch": (name, "torch") for name in runs if name.startswith("ours")}
        | {"Keras / ours": ("Keras, a part", "ours", PART)},
        rounds=5,
    )
    results["test accuracy"] = {name: accuracy() for name, (_, accuracy) in runs.items()}
    print("test accuracy:", ", ".join(f"{k} {x:.4f}" for k, x in results["test accuracy"].items()))
    sources = ["jsgd/train/run.py", "jsgd/models/conv.py", "jsgd/models/cnn.py", __file__]
    save("epoch", results, sources=sources)


if __name__ == "__main__":
    main()
