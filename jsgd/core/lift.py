"""The machinery under the lifts: everything that every rule would otherwise do for itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import tree
from jsgd.core.bind import bind, call_repr
from jsgd.core.flat import refuse_flat
from jsgd.core.hyper import (
    Given,
    as_hyper,
    checked,
    is_special,
    resolve,
    trees_equal,
)
from jsgd.core.numerics import cast_like, hyper_dtype, promotion, real_dtype, working_dtype
from jsgd.core.optimizer import Optimizer, State
from jsgd.core.ranges import OPTIONAL, RANGES
from jsgd.core.slots import key_slot, raw_key, zeros

Slots = tuple[str, ...] | Mapping[str, Callable]
LEAF_BY_LEAF = ("elementwise", "leafwise")


@dataclass(frozen=True, eq=False)
class Init:
    """A lifted rule's `init`: the rule, its static choices, and the numbers it starts from."""

    rule: Callable
    slots: tuple[tuple[str, Callable], ...]
    static: tuple[tuple[str, Any], ...]
    hyper: dict[str, Any]
    key: Any
    kind: str  # the name of the lift: "elementwise", "leafwise", "treewise" or "wrapper"
    needs_params: bool
    inner: Optimizer | None = None
    check: Callable | None = None
    per_example: bool = False
    by_leaf: bool = False

    def __call__(self, params: Any) -> State:
        if self.by_leaf or self.kind == "leafwise":
            refuse_flat(params, repr(self))
        hyper = {name: as_hyper(name, x) for name, x in self.hyper.items()}
        if jax.tree.leaves(params):
            for name, value in hyper.items():
                tree.broadcast_prefix(value, params, name, is_special)
        if self.inner is None:
            tree.check_trainable(params)
        own = params if self.inner is None else tree.trainable(params)
        if self.check is not None:
            _of_each(self.check, own)
        slots = {name: self._slot(fn, own) for name, fn in self.slots}
        if self.key is not None:
            slots["key"] = key_slot(self.key)
        inner = None if self.inner is None else self.inner.init(params)
        return State(jnp.zeros((), jnp.int32), hyper, slots, inner)

    def bare(self) -> "Init":
        """This without its numbers and its key: one for all that share a step."""
        key = None if self.key is None else 0
        return replace(self, hyper={}, key=key, inner=self.inner and bare(self.inner))

    def _slot(self, fn: Callable, params: Any) -> Any:
        return _of_each(fn, params) if self.kind in LEAF_BY_LEAF else fn(params)

    def _choices(self) -> tuple:
        return (self.rule, self.slots, self.static, self.kind, self.inner)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, Init)
            and self._choices() == other._choices()
            and trees_equal((self.hyper, self.key), (other.hyper, other.key))
        )

    def __hash__(self) -> int:
        return hash((*self._choices(), tuple(self.hyper)))

    def __repr__(self) -> str:
        first = [] if self.inner is None else [self.inner]
        key = {} if self.key is None else {"key": self.key}
        return call_repr(self.rule, self.hyper | dict(self.static) | key, *first)


def _of_each(fn: Callable, params: Any) -> Any:
    """`fn` of every leaf; to an error that it raises, the path is added."""

    def one(path, leaf):
        try:
            return fn(leaf)
        except ValueError as error:
            raise ValueError(f"parameter {path!r}: {error}") from None

    return tree.map_with_path(one, params)


def bare(opt: Optimizer) -> Optimizer:
    """The optimizer without its numbers, so that a step may hold it: `init` makes the slots."""
    strip = getattr(opt.init, "bare", None)
    return opt._replace(init=strip()) if strip else opt


def check_wrapped(inner: Any) -> None:
    """Raises `ValueError` unless what a wrapper was given first is an optimizer."""
    if not isinstance(inner, Optimizer):
        raise ValueError(f"a wrapper takes the optimizer first, not {inner!r}")


@dataclass(frozen=True)
class Around:
    """Of the `init` of a wrapper that is not lifted: what it says of the optimizer within."""

    inner: Optimizer

    @property
    def needs_params(self) -> bool:
        return getattr(self.inner.init, "needs_params", True)

    def bare(self) -> "Around":
        """This without its numbers: see `bare`."""
        return replace(self, inner=bare(self.inner))


def lift(
    kind: str,
    rule: Callable,
    slots: Slots,
    hyper: dict[str, Any],
    *,
    key: Any = None,
    needs_params: bool,
    inner: Optimizer | None = None,
    check: Callable | None = None,
    per_example: bool = False,
    by_leaf: bool = False,
) -> Optimizer:
    """The pair of functions for a rule of this kind."""
    static = tuple((name, x) for name, x in hyper.items() if _is_static(name, x))
    numbers = {name: checked(name, x) for name, x in hyper.items() if not _is_static(name, x)}
    default = zeros if kind in LEAF_BY_LEAF else tree.zeros_like
    named = slots if isinstance(slots, Mapping) else dict.fromkeys(slots, default)
    pairs = tuple(named.items())
    if inner is not None:
        needs_params = needs_params or getattr(inner.init, "needs_params", True)
    key = raw_key(key)
    init = Init(
        rule, pairs, static, numbers, key, kind, needs_params, inner, check, per_example, by_leaf
    )
    step = leaves_step if kind in LEAF_BY_LEAF else tree_step
    if inner is None:
        return Optimizer(init, bind(step, rule, pairs, static))
    return Optimizer(init, bind(wrapped_step, inner.step, per_example, rule, pairs, static))


def _is_static(name: str, x: Any) -> bool:
    """A choice, not a number; names that stand for numbers take no choice but `OPTIONAL` ones."""
    if name in RANGES:
        return x is None and name in OPTIONAL
    return x is None or isinstance(x, bool | str)


def leaves_step(rule, slots, static, params, grads, state, **given):
    """The step of an elementwise or leafwise rule."""
    tree.check_same(grads, params)
    paths, treedef = jax.tree_util.tree_flatten_with_path(params)
    n = treedef.num_leaves
    hyper = {
        name: tree.broadcast_prefix(x, params, name, is_special)
        for name, x in resolve(state.hyper, state.t).items()
    }
    held = {name: treedef.flatten_up_to(state.slots[name]) for name, _ in slots}
    new_slots, keys = _next_keys(state.slots, n)
    t, new_p, new_s = state.t + 1, [], {name: [] for name in held}
    for i, ((path, p), g) in enumerate(zip(paths, jax.tree.leaves(grads), strict=True)):
        work = working_dtype(p)
        names = {name: x[i].astype(real_dtype(work)) for name, x in hyper.items()}
        names |= _value(given, real_dtype(work)) | dict(static) | keys(i)
        names["t"] = t.astype(real_dtype(work))
        s = {name: x[i] for name, x in held.items()}
        with promotion(work):
            p_out, s_out = rule(
                jnp.asarray(p, work), jnp.asarray(g, work), Given(s), Given(given | names)
            )
        where = tree.path_name(path)
        new_p.append(_fit(p_out, p, where))
        for name, x in _fit_slots(s_out, s, where).items():
            new_s[name].append(x)
    new_slots |= {name: treedef.unflatten(x) for name, x in new_s.items()}
    return treedef.unflatten(new_p), State(t, state.hyper, new_slots)


def tree_step(rule, slots, static, params, grads, state, **given):
    """The step of a treewise rule."""
    tree.check_same(grads, params)
    work = [real_dtype(working_dtype(p)) for p in jax.tree.leaves(params)]
    given |= own_dtypes(given, params)
    new_slots, keys = _next_keys(state.slots, 1)
    h = _names(static, given, state, max(work, key=lambda d: d.itemsize, default=None), keys(0))

    def cast(x, p):
        return jnp.asarray(x, working_dtype(p))

    s = {name: state.slots[name] for name, _ in slots}
    params_in, grads_in = jax.tree.map(cast, params, params), jax.tree.map(cast, grads, params)
    # global norms and inner products are of `hyper_dtype()`, whatever the leaves are
    with promotion(hyper_dtype(), *(working_dtype(p) for p in jax.tree.leaves(params))):
        params_out, s_out = rule(params_in, grads_in, Given(s), h)
    return (
        jax.tree.map(cast_like, params_out, params),
        State(state.t + 1, state.hyper, new_slots | _fit_slots(s_out, s, "the tree")),
    )


def wrapped_step(inner_step, per_example, rule, slots, static, params, grads, state, **given):
    """The step of a wrapper's rule."""
    tree.check_same(grads, params, per_example)
    new_slots, keys = _next_keys(state.slots, 1)
    s = {name: state.slots[name] for name, _ in slots}
    own = tree.trainable(params)

    # integer leaves, frozen by a partition within, go around the rule; nobody reads their gradients
    frozen = params if per_example else grads

    def step(p, g, inner):
        p, inner = inner_step(tree.restore(p, params), tree.restore(g, frozen), inner, **given)
        return tree.trainable(p), inner

    def value_fn(p):
        return given["value_fn"](tree.restore(p, params))

    seen = given | {"value_fn": value_fn} if given.get("value_fn") else given
    params_out, inner, s_out = rule(
        step,
        own,
        tree.trainable(grads, params),
        state.inner,
        Given(s),
        _names(static, seen, state, None, keys(0)),
    )
    return (
        tree.restore(jax.tree.map(cast_like, params_out, own), params),
        State(state.t + 1, state.hyper, new_slots | _fit_slots(s_out, s, "the tree"), inner),
    )


def _names(static, given, state, dtype, key) -> Given:
    """The `h` of a rule that sees the trees."""
    dtype = dtype or hyper_dtype()
    hyper = jax.tree.map(lambda x: x.astype(dtype), resolve(state.hyper, state.t))
    t = (state.t + 1).astype(dtype)
    return Given(given | _value(given, dtype) | hyper | dict(static) | key | {"t": t})


def _value(given: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """The loss in the dtype that the rule computes in, where it was given."""
    value = given.get("value")
    return {} if value is None else {"value": jnp.asarray(value, dtype)}


def own_dtypes(given: dict[str, Any], params: Any) -> dict[str, Any]:
    """The loss that was given, if any, as a function of parameters in any dtype."""
    value_fn = given.get("value_fn")
    if value_fn is None:
        return {}
    return {"value_fn": lambda work: value_fn(jax.tree.map(cast_like, work, params))}


def _next_keys(slots: dict[str, Any], n: int) -> tuple[dict[str, Any], Callable]:
    """The key to keep, and `i -> {"key": ...}`, where a rule was given one."""
    if "key" not in slots:
        return {}, lambda i: {}
    key, sub = jax.random.split(slots["key"])
    subs = jax.random.split(sub, n)
    return {"key": key}, lambda i: {"key": subs[i]}


def _fit(new: Any, old: Any, where: str) -> jax.Array:
    if jnp.shape(new) != jnp.shape(old):
        raise ValueError(f"the rule turned {where!r} from {jnp.shape(old)} to {jnp.shape(new)}")
    return cast_like(new, old)


def _fit_slots(new: dict[str, Any], old: dict[str, Any], where: str) -> dict[str, Any]:
    if set(new) != set(old):
        raise ValueError(f"the rule returned slots {sorted(new)}, it has {sorted(old)}")
    return jax.tree.map(lambda x, y: _fit(x, y, f"a slot of {where}"), dict(new), old)
