"""Run the benchmarks, one after another, and print one table of what is claimed and measured.

    python -m benchmarks                all of them: half an hour on two cores
    python -m benchmarks step sweep     these
    python -m benchmarks --table        none: the table of the results that are kept

Each is a process of its own, because they set up JAX's devices in different ways, and prints as it
goes; a script by itself says what it claims (`python benchmarks/step.py`). All run on the CPU, and
where there is a GPU, `step`, `convolution` and `sweep` run on it as well.
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.claims import CLAIMS, GPU_CLAIMS, table

HERE = Path(__file__).parent


def main(words: list[str]) -> None:
    known = list(dict.fromkeys(claim.script for claim in CLAIMS))
    known += ["deepobs", "momentum", "mgh", "halving", "digits_cnn", "finetune", "descent"]
    chosen = [] if words == ["--table"] else words or known
    if unknown := set(chosen) - set(known):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    turns = [(name, "CPU") for name in chosen]
    if chosen and has_gpu():
        there = {claim.script.removesuffix("-gpu") for claim in GPU_CLAIMS}
        turns += [(name, "GPU") for name in chosen if name in there]
    failed = []
    for i, (name, device) in enumerate(turns):
        print(f"== {name} on {device} ({i + 1} of {len(turns)})", flush=True)
        command = [sys.executable, HERE / f"{name}.py"]
        env = os.environ | ({"JAX_PLATFORMS": "cpu"} if device == "CPU" else {})
        if subprocess.run(command, env=env, check=False).returncode:
            failed.append(f"{name} on {device}")
    print(table())
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def has_gpu() -> bool:
    """Asked in a process of its own, since whoever asks takes the memory of the GPU."""
    command = [sys.executable, "-c", "import jax; print(jax.default_backend())"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.strip() == "gpu"


if __name__ == "__main__":
    main(sys.argv[1:])
