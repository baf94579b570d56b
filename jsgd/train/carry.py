"""What a run is, a pair of pure functions, and what one carries from epoch to epoch."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jsgd.core import eval_params, get_hyper, set_hyper
from jsgd.core.numerics import hyper_dtype
from jsgd.train.names import check_names


class Run(NamedTuple):
    """One training as a pair of pure functions: jit them, vmap them, shard them.

    Attributes:
        init: `init(key, hyper) -> carry`; `hyper` is a dict of numbers, `{"lr": ..., ...}`.
        advance: `advance(carry) -> (carry, metrics)`, one epoch; `metrics` is a dict of scalars.
        set_hyper: `set_hyper(carry, hyper) -> carry`, the names of `init`'s hyper with other values
            from now on; or `None`, where a run on its way cannot take others.
        samples: how many samples an epoch goes through, where it says so.

    Anything of this form can be fitted and swept, a training or not. Two metrics have a meaning
    of their own: `step`, the steps done, and `diverged_at`, the first bad step or -1.
    """

    init: Callable
    advance: Callable
    set_hyper: Callable | None = None
    samples: int | None = None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Carry:
    """What a run made by `make_run` carries from epoch to epoch: a pytree of arrays.

    Attributes:
        params, opt_state: the model's parameters, and the optimizer.
        model_state: the rest of the model; between epochs it suits
            `jsgd.eval_params(params, opt_state)`, which need not be `params`.
        hyper: the problem's hyperparameters, and the fold.
        key: the key that the epochs to come are drawn from.
        t: int32, the steps done.
        diverged_at: int32, the first step (from 1) whose loss or new parameters were not finite,
            or -1.
    """

    params: Any
    model_state: Any
    opt_state: Any
    hyper: dict[str, Any]
    key: jax.Array
    t: jax.Array
    diverged_at: jax.Array

    @property
    def eval_params(self) -> Any:
        """The parameters to use: `jsgd.eval_params`."""
        return eval_params(self.params, self.opt_state)


def with_hyper(carry: Carry, hyper: Mapping[str, Any], off: Iterable[str] = ()) -> Carry:
    """The carry with these values; raises `ValueError` if a name is unknown, or a number wrong."""
    check_names(hyper, get_hyper(carry.opt_state), carry.hyper, off)
    theirs = {name: x for name, x in hyper.items() if name not in carry.hyper}
    own = {name: hyper.get(name, x) for name, x in carry.hyper.items()}
    own = {name: jnp.asarray(x, hyper_dtype()) for name, x in own.items()}
    return replace(carry, opt_state=set_hyper(carry.opt_state, **theirs), hyper=own)
