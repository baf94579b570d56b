"""Sessions of a training that a script kills: each is a forked child, of a JAX not yet started."""

import os
import sys

import jax


def share_programs(folder):
    """Have sessions take what another has compiled."""
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def session(train, out):
    """A child that trains."""
    child = os.fork()
    if child == 0:
        try:
            train(out)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return child
