"""To and from optax: whatever takes an optax transformation can take a jsgd optimizer."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jsgd.core import Optimizer, State, tree
from jsgd.core.bind import bind, call_repr
from jsgd.core.hyper import as_hyper, checked, resolve, shown, trees_equal
from jsgd.core.lift import own_dtypes
from jsgd.core.numerics import cast_like, working_dtype


def to_optax(opt: Optimizer) -> optax.GradientTransformationExtraArgs:
    """A jsgd optimizer as a full optax transformation.

    It goes where optax's own go: `optax.chain`, Flax's `TrainState`, `nnx.Optimizer`,
    `optax.MultiSteps`, `optax.inject_hyperparams`. Its state is the jsgd `State`, so
    `jsgd.get_hyper` and `jsgd.set_hyper` work on it, and so does `optax.tree.get(state, "mu")`.

    * `update` without `params` works for rules whose step does not depend on them, and is a
      `ValueError` for the others (weight decay, averages), as in optax.
    * Extra arguments are passed on; `value` and `value_fn` mean what they mean in jsgd.
    * A number that the factory was given as a JAX array (as `inject_hyperparams` does) is read
      from the factory at each update; one given as a Python number lives in the state.
    * The updates are differences, `new_params - params`, formed in float32 or wider.

    Args:
        opt: the optimizer.

    Returns:
        `optax.GradientTransformationExtraArgs(init, update)`.

    >>> import jax.numpy as jnp, jsgd, optax
    >>> tx = optax.chain(optax.clip(1.0), jsgd.to_optax(jsgd.sgd(0.5)))
    >>> params = jnp.zeros(2)
    >>> updates, state = tx.update(jnp.array([4.0, -0.5]), tx.init(params), params)
    >>> optax.apply_updates(params, updates).tolist()
    [-0.5, 0.25]
    """
    return optax.GradientTransformationExtraArgs(opt.init, functools.partial(_update, opt))


def _update(opt: Optimizer, updates: Any, state: Any, params: Any = None, **given: Any) -> Any:
    if params is None:
        if getattr(opt.init, "needs_params", True):
            raise ValueError(
                f"the step of {opt!r} depends on the parameters: call update(grads, state, params)"
            )
        examples = int(getattr(opt.init, "per_example", False))
        params = jax.tree.map(
            lambda u: jnp.zeros(jnp.shape(u)[examples:], working_dtype(u)), updates
        )
    wide = tree.widen(params)  # no small step is lost against a large parameter in bfloat16
    new, state = opt.step(wide, updates, _follow(opt, state), **given)
    return jax.tree.map(lambda n, w, p: (n - w).astype(p.dtype), new, wide, params), state


def _follow(opt: Optimizer, state: State) -> State:
    """The state with the hyperparameters that the factory was given as arrays."""
    arrays = {
        name: as_hyper(name, x)
        for name, x in getattr(opt.init, "hyper", {}).items()
        if any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(x))
    }
    inner = getattr(opt.init, "inner", None)
    if isinstance(inner, Optimizer):
        followed = _follow(inner, state.inner)
    elif isinstance(inner, dict):
        followed = {label: _follow(inner[label], x) for label, x in state.inner.items()}
    else:
        followed = state.inner
    return replace(state, hyper=state.hyper | arrays, inner=followed)


def from_optax(transformation: Any, **hyper: Any) -> Optimizer:
    """An optax transformation as a jsgd optimizer.

    Given a factory and its numbers, the numbers are data as everywhere in jsgd: they live in the
    state, sweep under `vmap`, and may be schedules. Given a transformation that is made already,
    its numbers stay in the program.

    Args:
        transformation: `optax.adam`, say, or a finished `optax.GradientTransformation`.
        **hyper: the factory's numbers, under optax's names.

    Raises:
        ValueError: numbers were given to a finished transformation, or one is out of range.

    >>> import jax.numpy as jnp, jsgd, optax
    >>> opt = jsgd.from_optax(optax.yogi, learning_rate=0.1)
    >>> states = [opt.init(jnp.zeros(3)), jsgd.from_optax(optax.sgd(0.1)).init(jnp.zeros(3))]
    >>> [list(jsgd.get_hyper(state)) for state in states]
    [['learning_rate'], []]
    """
    if isinstance(transformation, optax.GradientTransformation) and hyper:
        raise ValueError(f"{list(hyper)}: a finished transformation takes none; give its factory")
    numbers = {name: checked(name, x) for name, x in hyper.items()}
    return Optimizer(OptaxInit(transformation, numbers), bind(_optax_step, transformation))


@dataclass(frozen=True, eq=False)
class OptaxInit:
    """The `init` of an optimizer from optax."""

    transformation: Callable | optax.GradientTransformation
    hyper: dict[str, Any]

    def __call__(self, params: Any) -> State:
        tree.check_trainable(params)
        hyper = {name: as_hyper(name, x) for name, x in self.hyper.items()}
        t = jnp.zeros((), jnp.int32)
        slots = _make(self.transformation, hyper, t).init(tree.widen(params))
        return State(t, hyper, {"optax": jax.tree.map(jnp.copy, slots)})

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, OptaxInit)
            and self.transformation == other.transformation
            and trees_equal(self.hyper, other.hyper)
        )

    def __hash__(self) -> int:
        return hash((self.transformation, tuple(self.hyper)))

    def __repr__(self) -> str:
        return call_repr(from_optax, self.hyper, self.transformation)


def _make(transformation: Any, hyper: dict[str, Any], t: jax.Array) -> Any:
    if not isinstance(transformation, optax.GradientTransformation):
        transformation = transformation(**shown(resolve(hyper, t)))
    return optax.with_extra_args_support(transformation)


def _optax_step(transformation, params, grads, state, **given):
    tree.check_same(grads, params)
    wide = tree.widen(params)
    grads = jax.tree.map(lambda g, w: jnp.asarray(g, w.dtype), grads, wide)
    tx = _make(transformation, state.hyper, state.t)
    if given.get("value_fn") is not None:  # optax's line searches want the gradient as JAX has it
        given = {"grad": jax.tree.map(jnp.conj, grads)} | given | own_dtypes(given, params)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        updates, slots = tx.update(grads, state.slots["optax"], wide, **given)
        new = optax.apply_updates(wide, updates)
    slots = jax.tree.map(_as_held, slots, state.slots["optax"])
    return (
        jax.tree.map(cast_like, new, params),
        State(state.t + 1, state.hyper, {"optax": slots}),
    )


def _as_held(new: Any, old: Any) -> Any:
    return cast_like(new, old) if jnp.issubdtype(jnp.result_type(old), jnp.number) else new
