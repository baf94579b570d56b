"""The README's code runs, and its test command is the one that CI calls."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from claims import table
from golden.tables import stated, tables

import jsgd

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_python_blocks_run():
    """One after another, as a reader would type them."""
    names: dict = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["states"].hyper["lr"].shape == (64,)
    assert names["lion"]() != jsgd.lion()


def test_commands():
    """Each is one line that does all its set-up; CI calls the tests by the same line."""
    sweep, tests = (block.strip() for block in blocks("sh")[:2])
    for command in (sweep, tests):
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert sweep.endswith(".venv/bin/jsgd sweep")
    assert tests.endswith("-m pytest -n auto")
    assert tests in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_table_of_speed_is_that_of_the_results():
    """`python -m benchmarks --table` prints it."""
    assert f"--table` -->\n{table()}\n<!-- end of speed -->" in README


def test_tables_are_current():
    """`PYTHONPATH=tests python -m golden.tables` writes them; test_golden.py holds the numbers."""
    assert tables(stated()) in README


@pytest.mark.parametrize(("module", "needs"), [("jsgd", set()), ("jsgd.sweeps", {"optax"})])
def test_import_is_light(module, needs):
    """It brings in JAX and nothing heavier; the rest comes when it is used."""
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"flax", "sklearn", "matplotlib", "pandas", "optax", "rich", "orbax", "torch"}
    assert heavy & set(out.stdout.split()) == needs


def test_pictures_are_there_without_an_import():
    """A fresh process: elsewhere somebody may have imported them."""
    code = "import jsgd; print(jsgd.sweeps.plots.heat_map.__name__)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "heat_map\n"
