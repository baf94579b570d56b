"""Writes the README's tables of all there is: `PYTHONPATH=tests python -m golden.tables`."""

import re
from math import ceil, floor, log10
from pathlib import Path

import jax
import jax.numpy as jnp
from golden.replay import TRACES, deviation, own

from jsgd import optimizers, schedules, wrappers
from jsgd.cli.show import summary, words

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- written by tests/golden/tables.py -->\n", "<!-- end -->"

Deviations = dict[str, tuple[float, float]]


def main() -> None:
    jax.config.update("jax_num_cpu_devices", 2)
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(before + BEGIN + tables(measured()) + END + rest.partition(END)[2])


def tables(deviations: Deviations) -> str:
    """Markdown, from the registries; the deviations are those of `measured`."""

    def rows(group, registry):
        for name, row in registry.items():
            yield name, words(group, row), summary(row), row.paper, row.reference

    parity = [
        (f"`{name}`", size, text, paper, reference, *map(short, deviations[name]))
        for name, size, text, paper, reference in rows("optimizers", optimizers.REGISTRY)
    ]
    others = [
        (f"`{name}`", size, text, paper, reference)
        for name, size, text, paper, reference in rows("wrappers", wrappers.REGISTRY)
    ]
    values = [
        (f"`{name}`", text, reference)
        for name, _, text, _, reference in rows("schedules", schedules.REGISTRY)
    ]
    head = ("Optimizer", "Words", "", "Paper", "Checked against", "float32", "float64")
    return "\n".join(
        [
            *_table(head, parity),
            *_table(("Wrapper", "Words", "", "Paper", "Checked against"), others),
            *_table(("Schedule", "", "Checked against"), values),
            "",
        ]
    )


def measured() -> Deviations:
    """factory -> the largest deviations of its traces in float32 and float64."""
    worst: Deviations = {}
    for trace in TRACES.values():
        old = worst.get(trace["factory"], (0.0, 0.0))
        new = deviation(trace, jnp.float32) if own(trace, 32) else 0.0
        with jax.enable_x64(True):
            wide = deviation(trace, jnp.float64) if own(trace, 64) else 0.0
        worst[trace["factory"]] = max(old[0], new), max(old[1], wide)
    return worst


def stated() -> Deviations:
    """The deviations that the README states."""
    found = re.findall(r"^\| `(\w+)` .*\| (\S+) \| (\S+) \|$", README.read_text(), re.M)
    return {name: (float(one), float(two)) for name, one, two in found if "e-" in one + two}


def short(x: float) -> str:
    """One digit, rounded up: `6e-6`; what is below 1e-15 is rounding, and counts as that."""
    x = max(x, 1e-15)
    exponent = floor(log10(x))
    digit = ceil(x / 10.0**exponent - 1e-9)
    return f"{digit}e{exponent}" if digit < 10 else f"1e{exponent + 1}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return [
        "",
        *("| " + " | ".join(x.replace("|", "\\|") for x in cells) + " |" for cells in lines),
    ]


if __name__ == "__main__":
    main()
