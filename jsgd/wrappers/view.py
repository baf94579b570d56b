r"""An optimizer that is shown another view of the parameters, as under `masked`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp

from jsgd.core import Optimizer, State, tree
from jsgd.core.bind import bind, call_repr
from jsgd.core.lift import Around, check_wrapped


def view(
    factory: Callable, opt: Optimizer, there: Callable, back: Callable, **arguments: Any
) -> Optimizer:
    """An optimizer whose inner one steps in another view of the parameters.

    Args:
        factory: the wrapper that this is for, with its further `arguments`: for the eye only.
        opt: the inner optimizer.
        there: `there(full, params)` is what the inner optimizer sees of `full`, the parameters
            or their gradients.
        back: `back(seen, params)` is the whole tree again, given the parameters before the step.
    """
    check_wrapped(opt)
    init = ViewInit(opt, there, factory, arguments)
    return Optimizer(init, bind(_view_step, opt.step, there, back))


@dataclass(frozen=True)
class ViewInit(Around):
    """The `init` of a view."""

    there: Callable
    factory: Callable
    arguments: dict[str, Any] = field(compare=False)

    def __call__(self, params: Any) -> State:
        return State(jnp.zeros((), jnp.int32), inner=self.inner.init(self.there(params, params)))

    def __repr__(self) -> str:
        return call_repr(self.factory, self.arguments, self.inner)


def _view_step(inner_step, there, back, params, grads, state, *, value_fn=None, **given):
    tree.check_same(grads, params)
    if value_fn is not None:
        given["value_fn"] = lambda seen: value_fn(back(seen, params))
    seen, inner = inner_step(there(params, params), there(grads, params), state.inner, **given)
    return back(seen, params), State(state.t + 1, state.hyper, state.slots, inner)
