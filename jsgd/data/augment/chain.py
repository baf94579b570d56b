"""`augment`: all that is named, in one order, each by a strength that is data."""

from collections.abc import Mapping
from typing import Any

import jax

from jsgd.core.ranges import INF, Range
from jsgd.data.augment.boxes import cutmix, cutout
from jsgd.data.augment.color import color_jitter
from jsgd.data.augment.geometric import affine
from jsgd.data.augment.mixing import mixup

_GEOMETRIC = {
    "flip": Range(0, 1),
    "shift": Range(0, INF, open_high=True),
    "rotate": Range(0, 180),
    "zoom": Range(0, 1, open_high=True),
}
_COLOR = {"brightness": Range(0, 1), "contrast": Range(0, 1), "saturation": Range(0, 1)}
# What a strength may be; 0 is always the identity. All but mixup are of pictures.
STRENGTHS: dict[str, Range] = {
    **_GEOMETRIC,
    **_COLOR,
    "cutout": Range(0, INF, open_high=True),
    "mixup": Range(0, INF, open_high=True),
    "cutmix": Range(0, INF, open_high=True),
}


def augment(
    key: jax.Array, x: jax.Array, y: jax.Array, strengths: Mapping[str, Any]
) -> tuple[jax.Array, jax.Array]:
    """Augment a batch by what is named: `affine`, `color_jitter`, `cutout`, `mixup`, `cutmix`.

    They are applied in this order, and what is not named is not in the program at all. The draws
    of one do not depend on which others there are.

    Args:
        key: a key of `jax.random`.
        x: samples, floats of shape (n, height, width, channels); for mixup alone, (n, ...).
        y: targets, floats of shape (n, ...): classes as one-hot rows.
        strengths: name -> number or array; the names are those of `STRENGTHS`, which also has
            their ranges (checked by `jsgd.train.classification`, not here). What they mean is
            told by the functions; `cutout` is its size, `mixup` and `cutmix` their alpha.

    Raises:
        ValueError: a name is unknown.

    >>> import jax, jax.numpy as jnp
    >>> x, y = jnp.ones((2, 4, 4, 1)), jnp.eye(2)
    >>> x, y = augment(jax.random.key(0), x, y, {"brightness": 0.2, "cutout": 2.0})
    >>> x.shape, y.shape
    ((2, 4, 4, 1), (2, 2))
    """
    for name in strengths:
        if name not in STRENGTHS:
            raise ValueError(f"there is no augmentation {name!r}: there are {', '.join(STRENGTHS)}")
    affine_key, color_key, *keys = jax.random.split(key, 5)
    if geometric := {name: strengths[name] for name in _GEOMETRIC if name in strengths}:
        x = affine(affine_key, x, **geometric)
    if color := {name: strengths[name] for name in _COLOR if name in strengths}:
        x = color_jitter(color_key, x, **color)
    if "cutout" in strengths:
        x = cutout(keys[0], x, strengths["cutout"])
    if "mixup" in strengths:
        x, y = mixup(keys[1], x, y, strengths["mixup"])
    if "cutmix" in strengths:
        x, y = cutmix(keys[2], x, y, strengths["cutmix"])
    return x, y
