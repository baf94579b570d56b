"""Every test runs strictly: no implicit promotion of rank or dtype, and on two devices."""

import os
from pathlib import Path

os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "0"  # of processes that tests start, too

import jax
import pytest
from hypothesis import settings

jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

settings.register_profile("jsgd", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("jsgd")


def pytest_collection_modifyitems(items):
    """With pytest-xdist, the tests of one optimizer share a worker, and so what it compiled."""
    for item in items:
        name = getattr(item, "callspec", None) and item.callspec.params.get("name")
        if isinstance(name, str):
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(autouse=True, scope="module")
def few_programs():
    """Linux lets a process map memory 65,530 times; a compiled program does so some 7 times."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and len(maps.read_bytes().splitlines()) > 20_000:
        jax.clear_caches()


@pytest.fixture
def x64():
    """Double precision for one test."""
    with jax.enable_x64(True):
        yield
