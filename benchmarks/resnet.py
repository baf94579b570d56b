"""ResNet-18 in its CIFAR form: a training step of ours against torch's, on CPU.

    python benchmarks/resnet.py

One step is a batch of 32 images, 32x32x3, forward, backward and SGD with momentum 0.9. Ours is an
epoch of a run, of two steps, on two devices, which are the two cores (`jax_num_cpu_devices`), and
on one; torch's is eager, with its memory layout of images as it comes and channels last, and the
faster of the two counts. Both have two threads. Contenders take turns, compilation is apart. The
aim is at most 1.3 times torch's time and memory. Two devices each hold the parameters, and half of
the momentum (`shard_state`; without it they took 6 % less time and 8 % more memory).

    python benchmarks/resnet.py memory (ours | "ours, one device" | "torch, channels last")

prints two numbers of MiB, of later steps: what they need (the arrays that live between them, and
how far the process's memory rises above what it is then), and the process's peak, less what it held
before there was a model. The difference is what the compiler and its programs keep. The numbers are
kept in benchmarks/results/resnet.json.
"""

import ctypes
import gc
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from harness import compare, save

import jsgd
from jsgd.data import Dataset
from jsgd.models import REGISTRY
from jsgd.train import classification, make_run
from jsgd.train.drive import program

BATCH, STEPS, LR, CORES = 32, 2, 0.01, 2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(STEPS, BATCH, 32, 32, 3)).astype(np.float32)
Y = RNG.integers(0, 10, (STEPS, BATCH))


def ours(devices):
    data = Dataset((X.reshape(-1, *X.shape[2:]), Y.ravel()), (X[0], Y[0]), 10)
    problem = classification(REGISTRY["resnet18"](X[0], 10), data)._replace(test=None)
    how = {"batch_size": BATCH, "shuffle": False, "devices": devices, "shard_state": devices > 1}
    run = make_run(problem, jsgd.sgd(LR, momentum=0.9), **how)
    carry = jax.jit(run.init)(jax.random.key(0), {})
    advance = program(run)

    def steps():
        nonlocal carry
        carry, metrics = advance(carry)
        return metrics

    return steps


def theirs(channels_last):
    import torch
    from torch import nn

    torch.set_num_threads(2)

    class Block(nn.Module):
        def __init__(self, c, out, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(c, out, 3, stride, 1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(inplace=True),
                nn.Conv2d(out, out, 3, 1, 1, bias=False),
                nn.BatchNorm2d(out),
            )
            project = nn.Conv2d(c, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            self.shortcut = nn.Sequential(*project) if stride > 1 or c != out else nn.Identity()

        def forward(self, x):
            return torch.relu_(self.body(x) + self.shortcut(x))

    widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
    blocks = [Block(a, b, 1 if a == b else 2) for a, b in pairwise(widths)]
    stem = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)
    net = nn.Sequential(*stem, *blocks, *end)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    net = net.to(memory_format=layout)
    opt = torch.optim.SGD(net.parameters(), LR, momentum=0.9)
    x = [torch.tensor(x.transpose(0, 3, 1, 2)).contiguous(memory_format=layout) for x in X]
    batches = list(zip(x, torch.tensor(Y), strict=True))

    def steps():
        for x, y in batches:
            opt.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
        return float(loss.detach())

    return steps


CONTENDERS = {
    "ours": partial(ours, devices=CORES),
    "ours, one device": partial(ours, devices=1),
    "torch": partial(theirs, channels_last=False),
    "torch, channels last": partial(theirs, channels_last=True),
}


def memory(who):
    """MiB that steps need, and those of the process at the most, less what it held before them.

    What the compiler has freed is given back to the system before; this is for Linux.
    """
    import torch  # in both

    torch.set_num_threads(2)
    jax.block_until_ready(jnp.zeros(1))
    before = status("VmRSS")
    run = CONTENDERS[who]()
    jax.block_until_ready(run())
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    tensors = [x for x in gc.get_objects() if issubclass(type(x), torch.Tensor)]
    arrays = [part.data for x in jax.live_arrays() for part in x.addressable_shards]
    held = sum(x.nbytes for x in arrays + tensors) / 2**20
    between = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak, that of compilation too
    jax.block_until_ready(run())
    return held + status("VmHWM") - between, status("VmHWM") - before


def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**10


def main():
    table = compare(
        f"ResNet-18, {STEPS} steps of {BATCH} images",
        {name: make() for name, make in CONTENDERS.items()},
        {
            "ours / torch": ("ours", "torch"),
            "ours / torch, channels last": ("ours", "torch, channels last"),
            "one device / torch, channels last": ("ours, one device", "torch, channels last"),
        },
        rounds=5,
    )
    table["memory, MiB"] = mib = {}
    for who in ("torch, channels last", "ours", "ours, one device"):
        command = [sys.executable, __file__, "memory", who]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        mib[who] = [float(x) for x in said.split()]
        beside = [x / of_torch for x, of_torch in zip(mib[who], mib["torch, channels last"])]
        table[f"memory, {who} / torch"] = beside
        print(f"memory of {who}, of steps and of the process, MiB: {said.strip()}", end=", ")
        print("torch's times {:.2f} and {:.2f}".format(*beside))
    sources = ["jsgd/models/conv.py", "jsgd/models/resnet.py", "jsgd/models/norm.py", __file__]
    save("resnet", [table], sources)


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", CORES)
    if sys.argv[1:2] == ["memory"]:
        print(*memory(sys.argv[2]))
    else:
        main()
