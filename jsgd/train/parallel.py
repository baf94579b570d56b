"""Parallel: one run on many devices, each of which works on its part of every batch.

All is said by constraints on where arrays lie. The program stays that of one device, and so do its
results, but for rounding: what has to cross the devices (means of gradients, the statistics of
batch norm, global norms) the compiler adds. A mesh that is `None` constrains nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

Devices = int | Sequence[jax.Device] | None


def mesh_of(devices: Devices) -> Mesh | None:
    """The mesh of so many devices, or of these, with the one axis "data".

    Args:
        devices: 1 to `len(jax.devices())`, or different devices, or `None` for no mesh.

    Raises:
        ValueError: there are no such devices.

    >>> mesh_of(1).axis_names
    ('data',)
    """
    if devices is None:
        return None
    there, some = jax.devices(), devices
    if isinstance(devices, int) and not isinstance(devices, bool):
        some = there[:devices] if 0 < devices <= len(there) else []
    some = list(some) if isinstance(some, Sequence) else []
    if not some or len(set(some)) < len(some) or not set(some) <= set(there):
        raise ValueError(
            f"devices = {devices!r}: it must be None, 1 to {len(there)}, or different devices"
        )
    return Mesh(np.array(some), ("data",), axis_types=(AxisType.Auto,))


def spread(loss: Callable, mesh: Mesh | None) -> Callable:
    """The loss of a `Problem`, on batches cut by samples where the devices divide them."""
    if mesh is None:
        return loss

    def cut(x):
        return _put(x, mesh, 0 if x.ndim and x.shape[0] % mesh.size == 0 else None)

    def spread_loss(params, model_state, batch, hyper, *, train, key):
        params = _put(params, mesh)  # averages of them would come cut, as the state is
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):  # jsgd.models.conv looks for it
            batch = jax.tree.map(cut, batch)
            return loss(params, model_state, batch, hyper, train=train, key=key)

    return spread_loss


def place(carry: Any, mesh: Mesh | None, shard_state: bool) -> Any:
    """The carry with its arrays whole on each device; or those of the optimizer's state cut.

    Each of these is cut along its longest axis that the devices divide.

    Raises:
        ValueError: it is inside `jax.shard_map`, where each device is on its own.
    """
    if mesh is None:
        return carry
    if jax.sharding.get_abstract_mesh().manual_axes:
        raise ValueError(
            "a sweep spreads its members over the devices, so that none can have them all: "
            "give make_run no devices"
        )

    def cut(x):
        fits = [i for i, size in enumerate(x.shape) if size % mesh.size == 0]
        small = not shard_state or x.size < _SMALL or not fits
        return _put(x, mesh, None if small else max(fits, key=lambda i: x.shape[i]))

    return replace(_put(carry, mesh), opt_state=jax.tree.map(cut, carry.opt_state))


_SMALL = 2**10  # numbers: cutting less saves no memory, and costs a message at every step


def _put(tree: Any, mesh: Mesh, axis: int | None = None) -> Any:
    """The arrays of a tree cut along an axis, or whole on each device."""
    spec = PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, "data")
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, spec))
