"""Run the benchmarks, one after another, and print one table of what is claimed and measured.

    python -m benchmarks                all of them: half an hour on two cores
    python -m benchmarks step sweep     these
    python -m benchmarks --table        none: the table of the results that are kept

Each is a process of its own, because they set up JAX's devices in different ways, and prints as it
goes; a script by itself says what it claims (`python benchmarks/step.py`).
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.claims import CLAIMS, table

HERE = Path(__file__).parent


def main(words: list[str]) -> None:
    known = list(dict.fromkeys(claim.script for claim in CLAIMS))
    known += ["deepobs", "momentum", "mgh", "halving", "digits_cnn", "finetune", "descent"]
    chosen = [] if words == ["--table"] else words or known
    if unknown := set(chosen) - set(known):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    failed = []
    for i, name in enumerate(chosen):
        print(f"== {name} ({i + 1} of {len(chosen)})", flush=True)
        if subprocess.run([sys.executable, HERE / f"{name}.py"], check=False).returncode:
            failed.append(name)
    print(table())
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
