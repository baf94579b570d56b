"""What the commands print: the ranking of a sweep, and the shelf of all there is."""

import functools
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import jsgd
from jsgd import data, models, optimizers, schedules, wrappers
from jsgd.core.registry import Row, state_words
from jsgd.sweeps import SweepResult
from jsgd.train.names import unknown

_TOP = 10
_GUESSES = 3
_NO_END = 10_000  # characters: a picture is a line, however long its path


def ranking(result: SweepResult) -> None:
    """The best settings of a sweep, as a table."""
    table = _table("rank", *result.space, result.metric, "+-", "status")
    for row in result.order[:_TOP]:
        t = result.table
        status = str(t["status"][row]).lower()
        if status == "diverged":
            status += f" at step {t['first_bad_step'][row]}"
        params = result.params(row)
        values = [_text(params[name]) if name in params else "-" for name in result.space]
        score = f"{t['mean_score'][row]:.4f}", f"{t['std_score'][row]:.4f}"
        table.add_row(str(t["rank"][row]), *values, *score, status)
    bad = int((result.table["status"] == "DIVERGED").sum())
    _console().print(table)
    if np.isfinite(result.best_score):
        best = ", ".join(f"{name} {_text(x)}" for name, x in result.best_params.items())
        print(f"best {result.metric} {result.best_score:.4f} at {best}", end="")
        print(f"; {bad} of {len(result.order)} settings diverged" if bad else "")
    else:
        print("every setting diverged: try smaller steps")


def guesses(files: Sequence[str], names: Sequence[str], probabilities: np.ndarray) -> None:
    """What each picture is taken for, and what else it might be."""
    table = _table("picture", "class", "probability", "or")
    for file, row in zip(files, probabilities):
        likeliest = np.argsort(-row, kind="stable")[:_GUESSES]
        (name, p), *others = [(str(names[i]), f"{row[i]:.3f}") for i in likeliest]
        table.add_row(file, name, p, ", ".join(f"{name} {p}" for name, p in others))
    _console(_NO_END).print(table)


def _text(x: Any) -> str:
    return x if isinstance(x, str) else f"{x:.3g}"


def shelf() -> None:
    """Everything there is: what it does, and under that what it takes and where it is from."""
    console = _console()
    for group, registry in _groups():
        table = _table(group, "")
        for name, thing in registry.items():
            facts = [_signature(thing), *_provenance(group, thing)]
            table.add_row(name, f"{summary(thing)}\n" + " · ".join(x for x in facts if x))
        console.print(table)


def entry(name: str) -> None:
    """All that is known under a name: `linear` is a schedule, and a model."""
    found = [(group, registry[name]) for group, registry in _groups() if name in registry]
    if not found:
        known = {known for _, registry in _groups() for known in registry}
        raise ValueError(unknown("entry", name, sorted(known)))
    for group, thing in found:
        facts = " · ".join(_provenance(group, thing))
        print(f"{group}: {name}({_signature(thing)})", *[facts] * bool(facts), sep="\n")
        print(f"\n{inspect.getdoc(_documented(thing))}\n")


def summary(thing: Any) -> str:
    """What the first line of its docstring says."""
    return (inspect.getdoc(_documented(thing)) or "").split("\n")[0]


def words(group: str, row: Row) -> str:
    """The words of state a parameter: `2`; of a wrapper, those it adds. Unknown is empty."""
    if group == "schedules" or not row.variants:
        return ""
    first = (jsgd.sgd(),) if group == "wrappers" else ()
    parameters = inspect.signature(row.factory).parameters
    optional = {name for name, p in parameters.items() if p.default is not p.empty}
    needed = {name: x for name, x in row.variants[0].items() if name not in optional}
    count = state_words(row.factory(*first, **needed))
    return "<0.1" if 0 < count < 0.1 else f"{count:g}"


def _provenance(group: str, thing: Any) -> list[str]:
    if not isinstance(thing, Row):
        return []
    count = words(group, thing)
    size = f"{count} word{'' if count == '1' else 's'} of state" if count else ""
    return [x for x in (size, thing.paper) if x] + [f"checked against {thing.reference}"]


def _groups() -> Iterator[tuple[str, dict[str, Any]]]:
    for group in (optimizers, wrappers, schedules, models, data):
        yield group.__name__.rpartition(".")[2], group.REGISTRY


def _documented(thing: Any) -> Any:
    """What the docstring of a registry's entry is on."""
    made = _made(thing)
    return made.func if isinstance(made, functools.partial) else made


def _made(thing: Any) -> Any:
    """What takes the arguments; of a network, perhaps with other defaults than its own."""
    if isinstance(thing, Row):
        return thing.factory
    return thing.args[0] if isinstance(thing, functools.partial) and thing.args else thing


def _signature(thing: Any) -> str:
    """`lr=0.01, momentum=None`: the arguments that have a say in what happens."""
    skip = {"parent", "name", "outputs", "conv_general_dilated"}  # plumbing of a Flax module
    return ", ".join(
        str(p.replace(annotation=p.empty))
        for name, p in inspect.signature(_made(thing)).parameters.items()
        if name not in skip
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _console(width: int = 120) -> Console:
    """Plain and so wide where it is no terminal."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=width)
