"""What is claimed about speed and memory, and what was measured: the table in the README."""

import json
import operator
from functools import cache, reduce
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results"
COMPARED = {"<=": operator.le, ">=": operator.ge}


class Claim(NamedTuple):
    """One number of one script.

    Attributes:
        script: its name, and that of its results; with "-gpu" those on a GPU.
        what: what the number is.
        where: the keys that lead to it in the results, or to its median and quartiles.
        asked: the least or the most that it may be, such as ">= 10"; "" where nothing is asked.
        unit: what stands after it.
    """

    script: str
    what: str
    where: tuple
    asked: str = ""
    unit: str = ""

    def row(self) -> str:
        """The row of the table."""
        record = _record(self.script)
        found = reduce(operator.getitem, self.where, record["results"])
        spread, value, reached = "", found, ""
        if isinstance(found, dict):
            value = found["median"]
            spread = f" [{found['q25']:.3g}, {found['q75']:.3g}]"
        if self.asked:
            sign, bound = self.asked.split()
            reached = "yes" if COMPARED[sign](value, float(bound)) else "**no**"
        script, gpu, _ = self.script.partition("-gpu")
        what = f"{record['machine']['device']}, {self.what}" if gpu else self.what
        cells = what, f"{value:.3g}{self.unit}{spread}", self.asked, reached
        return f"| {' | '.join(cells)} | `{script}` |"


@cache
def _record(script: str) -> Any:
    return json.loads((RESULTS / f"{script}.json").read_text())


def adam(table, shape, peer, form, asked="", script="step"):
    what = f"Adam on {shape}, {form}: {peer} / ours"
    return Claim(script, what, (table, "ratios", f"{peer} / {form}"), asked)


def as_a_tree(table, rule, shape):
    what = f"{rule} on {shape}, tree: ours / optax"
    return Claim("step", what, (table, "ratios", f"{rule}: ours / optax"), "<= 1.05")


def sweep(table, what, name, asked="", script="sweep"):
    return Claim(script, what, (table, "ratios", f"{name} / jsgd"), asked)


SMALL, LARGE, ONE = "500 leaves of 1,000", "200 leaves of 100,000", "one leaf of 20M"
PEERS = "optax", "torch fused", "memory"
SEARCH = "SweepSearchCV, 64 x 5 MLPs of {}, first call: RandomizedSearchCV / ours"
CLAIMS = [
    adam(0, SMALL, "optax", "flat", ">= 10"),
    adam(0, SMALL, "torch fused", "flat", ">= 4"),
    *(
        adam(table, shape, peer, "tree", asked)
        for table, shape in ((1, LARGE), (2, ONE))
        for peer, asked in (("optax", ">= 1"), ("torch fused", ""), ("memory", ""))
    ),
    *(
        as_a_tree(table, rule, shape)
        for rule in ("sgd", "momentum", "adam", "adamw", "lion")
        for table, shape in ((3, SMALL), (4, LARGE), (5, ONE))
    ),
    Claim("step", "training 240 small layers: tree / flat", (6, "ratios", "tree / flat"), ">= 2"),
    Claim("compile", "compiling Adam on 500 leaves, flat", (0, "seconds", "flat"), "<= 0.5", " s"),
    Claim("compile", "the same as a tree: ours / optax", (0, "ratios", "tree / optax")),
    Claim(
        "compile",
        "100 learning rates, one step: optax, constants in closures / ours",
        (1, "ratios", "optax / jsgd"),
        ">= 20",
    ),
    Claim("compile", "compiling a sweep of 512 / of 16", (2, "ratios", "512 / 16"), "<= 1.2"),
    Claim("imports", "`import jsgd`, more than `import jax`", (0, "more, ms"), "<= 50", " ms"),
    Claim("imports", "`jsgd list`", (1, "seconds", "jsgd list"), "<= 1.5", " s"),
    Claim("imports", "`jsgd sweep`, its bar", (1, "seconds", "jsgd sweep, its bar"), "<= 5", " s"),
    sweep(0, "64 MLPs, 10 epochs: torch.func.vmap / ours", "torch.func.vmap", ">= 4"),
    sweep(0, "the same: optax, a jitted step / ours", "optax, jitted step in a loop", ">= 4"),
    sweep(0, "the same: torch one by one / ours", "torch, 16 settings", ">= 10"),
    sweep(0, "the same: scikit-learn / ours", "scikit-learn, 16 settings", ">= 10"),
    sweep(1, "32 CNNs, 28x28: torch, channels last / ours", "torch, 8 settings", ">= 1.5"),
    sweep(1, "the same: Flax under vmap / ours", "Flax's convolutions, vmap, 4", ">= 10"),
    sweep(
        1, "the same: its rate / that of the machine's matrix product", "matrix products", ">= 0.5"
    ),
    Claim(
        "convolution",
        "convolution in `scan`, 28x28: XLA's / ours",
        (1, "ratios", "(b) convolution, lax in scan / ours in scan"),
        ">= 15",
    ),
    Claim("epoch", "an epoch of 60,000, 28x28: ours / torch", ("ratios", "ours / torch"), "<= 1"),
    Claim("epoch", "the same, on one device", ("ratios", "ours, one device / torch")),
    Claim("epoch", "the same: Keras on JAX / ours", ("ratios", "Keras / ours")),
    Claim(
        "resnet",
        "a step of ResNet-18: ours / torch",
        (0, "ratios", "ours / torch, channels last"),
        "<= 1.3",
    ),
    Claim("resnet", "the same, on one device", (0, "ratios", "one device / torch, channels last")),
    Claim("resnet", "its memory: ours / torch", (0, "memory, ours / torch", 0), "<= 1.3"),
    Claim("resnet", "the same, of the process", (0, "memory, ours / torch", 1)),
    Claim(
        "resnet", "its memory, on one device", (0, "memory, ours, one device / torch", 0), "<= 1.3"
    ),
    Claim("resnet", "the same, of the process", (0, "memory, ours, one device / torch", 1)),
    *(
        Claim("estimators", SEARCH.format(units), ("search", key, "ratios", 0), ">= 10")
        for units, key in (
            ("32 units", "32 units, batches of 32"),
            ("100 units", "100 units, batches of 200"),
        )
    ),
    Claim(
        "memory",
        "Adam in 8 bits: bytes of state a parameter",
        ("step", "1 x 10M", "bytes", "8 bits", "state"),
        "<= 2.1",
    ),
    Claim(
        "memory",
        "its final loss on the digits CNN / float32's",
        ("digits", "8 bits / float32", "loss"),
        "<= 1.01",
    ),
    Claim("memory", "its time / float32's", ("step", "1 x 10M", "ratios", "8 bits / float32")),
    Claim("scaling", "512 members / 16 members, each", (0, "ratios", "512 / 16"), "<= 1.2"),
    Claim(
        "scaling",
        "1e8 parameters / 1e7 parameters, each",
        (1, "ratios", "1e+08 parameters / 1e+07 parameters"),
        "<= 1.2",
    ),
]

ALONE = "jax, one jitted training after another, 8"
GPU_CLAIMS = [
    adam(0, SMALL, "optax", "flat", script="step-gpu"),
    adam(0, SMALL, "torch fused", "flat", script="step-gpu"),
    *(
        adam(table, shape, peer, "tree", script="step-gpu")
        for table, shape in ((1, LARGE), (2, ONE))
        for peer in PEERS
    ),
    *(adam(1, LARGE, peer, "flat", script="step-gpu") for peer in PEERS),
    Claim(
        "convolution-gpu",
        "256 CNNs, 28x28: with XLA's convolution / with ours",
        (4, "ratios", "lax / ours"),
    ),
    sweep(0, "256 CNNs, 28x28: ours one by one / ours", ALONE, script="sweep-gpu"),
    sweep(0, "the same: torch one by one / ours", "torch, 8 settings", script="sweep-gpu"),
    sweep(0, "the same: torch.func.vmap / ours", "torch.func.vmap", script="sweep-gpu"),
]


def table() -> str:
    """All of it, in Markdown; of a GPU, what has been measured."""
    head = ["| | measured | asked | reached | script |", "| --- | --- | --- | --- | --- |"]
    there = [claim for claim in GPU_CLAIMS if (RESULTS / f"{claim.script}.json").exists()]
    return "\n".join([*head, *(claim.row() for claim in [*CLAIMS, *there])])
