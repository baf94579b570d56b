"""CPU cores as devices."""

import os
from typing import Any

import jax


def every_core_a_device(count: int | None = None) -> None:
    """Let JAX see every CPU core as a device; a GPU or TPU is not affected, and stays the default.

    It does nothing if JAX has started, or if the environment has settled it already.
    """
    if count is not None and count < 1:
        raise ValueError(f"--devices {count}: it must be at least 1")
    config: Any = jax.config
    settled = config.jax_num_cpu_devices > 0 or (
        "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    )
    if settled and count is None:
        return
    try:
        jax.config.update("jax_num_cpu_devices", count or _cores())
    except RuntimeError:
        if count is not None and count != jax.local_device_count():
            raise ValueError(f"--devices {count}: JAX has started with other devices") from None


def _cores() -> int:
    """The cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
