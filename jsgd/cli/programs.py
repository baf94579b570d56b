"""Compiled programs, kept on disk from one command to the next."""

import os
from pathlib import Path
from typing import Any

import jax

_MOST = 2**30  # bytes; beyond that, what was not used for longest goes
_LEAST = 0.2  # s of compiling that a program must take to be worth a file


def keep_programs() -> None:
    """Let JAX's persistent compilation cache live in `~/.cache/jsgd/programs`.

    It is left as it is where the environment has settled it (`JAX_COMPILATION_CACHE_DIR=DIR`, or
    `JAX_ENABLE_COMPILATION_CACHE=0`). A folder that cannot be made is no error: there is no cache.
    """
    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None or not config.jax_enable_compilation_cache:
        return
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "jsgd" / "programs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_compilation_cache_max_size", _MOST)
    config.update("jax_persistent_cache_min_compile_time_secs", _LEAST)
