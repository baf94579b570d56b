"""Samplers: points spread over the unit cube, and which samplers are not of this kind."""

import sys
from typing import Any

import numpy as np

from jsgd.train.names import unknown

_NAMES = ("random", "sobol", "halton", "tpe")


def points(n: int, d: int, sampler: Any, rng: np.random.Generator) -> np.ndarray:
    """`n` points of [0, 1)^d, of shape (n, d).

    Args:
        n: how many, >= 1.
        d: of how many coordinates, >= 1.
        sampler: "random", "sobol", "halton", or a `scipy.stats.qmc.QMCEngine`, which is advanced.
        rng: what those with a name draw from.

    Raises:
        ValueError: there is no such sampler, or the engine is of another dimension.

    >>> quarters = points(4, 1, "sobol", np.random.default_rng(0)) // 0.25
    >>> sorted(quarters.ravel().tolist())
    [0.0, 1.0, 2.0, 3.0]
    """
    if sampler == "random":
        return rng.random((n, d))
    from scipy.stats import qmc  # here: it takes a while to import

    if isinstance(sampler, qmc.QMCEngine):
        engine: Any = sampler
        if engine.d != d:
            raise ValueError(f"a sampler of {engine.d} dimensions for a space of {d} names")
    elif sampler in ("sobol", "halton"):
        engine = (qmc.Sobol if sampler == "sobol" else qmc.Halton)(d, rng=rng)
    else:
        there_are = f"{', '.join(_NAMES)}, a scipy.stats.qmc.QMCEngine, or one of optuna.samplers"
        raise ValueError(unknown("sampler", str(sampler), _NAMES, there_are))
    # Sobol points are balanced in powers of two, and SciPy warns of other numbers
    count = 1 << (n - 1).bit_length() if isinstance(engine, qmc.Sobol) else n
    return np.minimum(engine.random(count)[:n], np.nextafter(1, 0))  # some engines reach 1


def is_optuna(sampler: Any) -> bool:
    """Whether it is a sampler of Optuna's, or the name of one, which learns from scores.

    >>> is_optuna("tpe"), is_optuna("sobol")
    (True, False)
    """
    if isinstance(sampler, str):
        return sampler == "tpe"
    optuna = sys.modules.get("optuna")  # whoever made one has imported it
    return optuna is not None and isinstance(sampler, optuna.samplers.BaseSampler)
