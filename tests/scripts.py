"""Scripts of the tests, which need a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

EIGHT_DEVICES = {"JAX_NUM_CPU_DEVICES": "8", "JAX_PLATFORMS": "cpu"}  # settled before JAX starts


def run_script(script, *arguments, options=(), **env):
    """What the script beside a test prints; if it fails, so does the test, with what it says."""
    tests = Path(__file__).parent
    env = os.environ | {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"} | env
    words = [sys.executable, *options, str(script), *map(str, arguments)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
