"""Every test runs strictly: no implicit promotion of rank or dtype, and on two devices."""

import jax
import pytest
from hypothesis import settings

jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

settings.register_profile("jsgd", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("jsgd")


@pytest.fixture
def x64():
    """Double precision for one test."""
    with jax.enable_x64(True):
        yield
