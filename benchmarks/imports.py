"""How long it takes until something happens.

    python benchmarks/imports.py

    (a) `import jsgd` in a fresh process. The claim: within 50 ms of `import jax`
    (b) `jsgd list`, from the start of the process to its end. The claim: under 1.5 s
    (c) bare `jsgd sweep`, from the start of the process until its bar is there. The claim: under
        5 s; and the same until the first epoch is done, with programs that the cache has kept from
        the time before and without

Contenders take turns, so that a busy machine slows all of them; the difference in (a) is that of
the medians. The numbers are kept in benchmarks/results/imports.json.
"""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from harness import ROOT, compare, save

ENV = os.environ | {"PYTHONPATH": str(ROOT)}
ENV.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode


def python(*words):
    subprocess.run([sys.executable, *words], env=ENV, check=True, stdout=subprocess.DEVNULL)


def until(text, **env):
    """`jsgd sweep` until it has printed this."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-u", "-m", "jsgd", "sweep", "--out", str(Path(folder) / "out")]
        with subprocess.Popen(words, env=ENV | env, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if text in line:
                    break
            else:
                raise RuntimeError(f"{text!r} never came")
            process.kill()


def main():
    imports = {name: partial(python, "-c", f"import {name}") for name in ("jax", "jsgd")}
    ratios = {"import jsgd / import jax": ("jsgd", "jax")}
    table = compare("(a) importing, in a fresh process", imports, ratios, 15, pause=0)
    medians = {name: seconds["median"] for name, seconds in table["seconds"].items()}
    extra = 1e3 * (medians["jsgd"] - medians["jax"])
    print(f"import jsgd takes {extra:.0f} ms more\n")
    with tempfile.TemporaryDirectory() as home:
        kept = {"XDG_CACHE_HOME": home}
        until("alive", **kept)
        commands = {
            "jsgd list": partial(python, "-m", "jsgd", "list"),
            "jsgd sweep, its bar": partial(until, "sweep"),
            "jsgd sweep, an epoch": partial(until, "alive", **kept),
            "jsgd sweep, an epoch, nothing kept": partial(
                until, "alive", JAX_ENABLE_COMPILATION_CACHE="0"
            ),
        }
        ratios = {"nothing kept / kept": tuple(reversed(list(commands)[2:]))}
        rest = compare("(b), (c) commands", commands, ratios, 3, pause=0)
    save("imports", [table | {"more, ms": extra}, rest], ["benchmarks/imports.py"])


if __name__ == "__main__":
    main()
