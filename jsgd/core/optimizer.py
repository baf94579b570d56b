"""`Optimizer`, the pair of pure functions, and `State`, what it carries."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax

from jsgd.core.hyper import trees_equal


class Optimizer(NamedTuple):
    """A pair of pure functions: jit them, vmap them, scan them, shard them.

    Attributes:
        init: `init(params) -> state`.
        step: `step(params, grads, state, **given) -> (params, state)`. `given` is keyword-only:
            `value=` (the loss) and `value_fn=` (params -> loss). Every optimizer takes all of it
            and ignores what it does not need. Equal factories share one `step`, whatever the
            numbers, so one compiled program serves every setting.

    >>> import jsgd
    >>> jsgd.adam(1e-3).step is jsgd.adam(1e-2).step
    True
    """

    init: Callable
    step: Callable

    def __repr__(self) -> str:
        return repr(self.init)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class State:
    """What an optimizer carries from step to step: a pytree of arrays, one type for all of them.

    Attributes:
        t: int32 scalar, the number of steps done.
        hyper: name -> float array | schedule | a pytree of them that is a prefix of the parameters.
        slots: name -> what the rule remembers: `"mu"`, `"nu"`, `"trace"`, `"key"`, ...
        inner: a wrapper's inner state (a dict of them, by label, under `partition`), else `None`.
    """

    t: jax.Array
    hyper: dict[str, Any] = field(default_factory=dict)
    slots: dict[str, Any] = field(default_factory=dict)
    inner: Any = None

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, State) and trees_equal(self, other)

    __hash__ = None  # type: ignore[assignment]
