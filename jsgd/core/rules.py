"""The lifts: a rule, written once as a small pure function, becomes an `Optimizer`.

A rule says what happens to the parameters; core does the rest, once, here: it resolves schedules
and per-leaf hyperparameters, computes in float32 (or the leaf's own dtype, where that is wider or
complex), casts once to the parameter's dtype, counts, and checks that the trees agree.

* `elementwise` and `leafwise`: `rule(p, g, s, h) -> (p, slots)` sees one leaf. An elementwise rule
  treats every number alike, so it may be shown any piece of the parameters; a leafwise rule is
  always shown one whole leaf.
* `treewise`: `rule(params, grads, s, h) -> (params, slots)` sees the trees.
* `wrapper`: `rule(step, params, grads, inner, s, h) -> (params, inner, slots)` changes one thing
  about another optimizer.

`s.name` is a slot, `h.name` a hyperparameter, a static choice or something given to the step
(`h.value`, `h.value_fn`), and `h.t` the 1-based step.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import tree
from jsgd.core.bind import bind, call_repr
from jsgd.core.hyper import Given, as_hyper, checked, is_special, resolve, trees_equal
from jsgd.core.numerics import cast_like, hyper_dtype, promotion, real_dtype, working_dtype
from jsgd.core.optimizer import Optimizer, State

Slots = tuple[str, ...] | Mapping[str, Callable]


def elementwise(rule: Callable, *, slots: Slots = (), needs_params: bool = False, **hyper: Any) -> Optimizer:
    """An optimizer from a rule that treats every number of the parameters alike.

    Args:
        rule: `rule(p, g, s, h) -> (p, slots)`, a module-level function if it is to be pickled.
        slots: what the rule remembers. Names, for zeros like the leaf in its working dtype, or
            `{name: initialiser}` with `initialiser(leaf) -> array` (its dtype is kept).
        needs_params: whether `new_p - p` depends on `p`, as with weight decay.
        **hyper: the hyperparameters. `None`, booleans and strings are static choices.

    Raises:
        ValueError: a number is outside the range of its name.

    >>> import jax.numpy as jnp, jsgd
    >>> def _signed(p, g, s, h):
    ...     return p - h.lr * jnp.sign(g), {}
    >>> def sign_sgd(lr=0.1):
    ...     return jsgd.elementwise(_signed, lr=lr)
    >>> opt = sign_sgd(lr=0.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, -0.1]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-0.5, 0.5]
    """
    return _lift(_leaves_step, rule, slots, None, needs_params, hyper)


def leafwise(
    rule: Callable, *, slots: Slots = (), key: Any = None, needs_params: bool = False, **hyper: Any
) -> Optimizer:
    """An optimizer from a rule that must see one whole leaf: its norm, its rows and columns, noise.

    Args:
        rule, slots, needs_params, **hyper: as for `elementwise`. An initialiser may raise a
            `ValueError` for a leaf it cannot take; the leaf's path is added to it.
        key: an int seed or a JAX key; the rule then finds a fresh key for its leaf in `h.key`.
    """
    return _lift(_leaves_step, rule, slots, key, needs_params, hyper)


def treewise(
    rule: Callable, *, slots: Slots = (), key: Any = None, needs_params: bool = True, **hyper: Any
) -> Optimizer:
    """An optimizer from a rule that must see the trees: `rule(params, grads, s, h)`.

    The trees come in their working dtype. Hyperparameters are scalars here: there is no one leaf
    that a per-leaf value would belong to. An initialiser of a slot is given the whole tree.
    """
    _check_scalars(hyper)
    return _lift(_tree_step, rule, slots, key, needs_params, hyper)


def wrapper(
    rule: Callable,
    inner: Optimizer,
    *,
    slots: Slots = (),
    key: Any = None,
    needs_params: bool = False,
    per_leaf: tuple[str, ...] = (),
    **hyper: Any,
) -> Optimizer:
    """An optimizer that changes one thing about another.

    Args:
        rule: `rule(step, params, grads, inner, s, h) -> (params, inner, slots)`, where
            `step(params, grads, inner)` is the inner step with everything given to the outer one.
        inner: the optimizer that is wrapped.
        slots: as for `treewise`: names for zeros like the parameters, or `{name: fn(params)}`.
        per_leaf: the hyperparameters that may be trees (`tree.fill` spreads them); the others are
            one number or schedule.
        key, needs_params, **hyper: as above.

    Raises:
        ValueError: `inner` is no optimizer, or a number is outside its range.
    """
    if not isinstance(inner, Optimizer):
        raise ValueError(f"a wrapper takes the optimizer first, not {inner!r}")
    _check_scalars({name: x for name, x in hyper.items() if name not in per_leaf})
    return _lift(_wrapped_step, rule, slots, key, needs_params, hyper, inner)


def _check_scalars(hyper: dict[str, Any]) -> None:
    for name, value in hyper.items():
        if jax.tree.structure(value, is_leaf=is_special).num_nodes > 1:
            raise ValueError(f"{name} is one number or schedule for the whole tree, not {value!r}")


@dataclass(frozen=True, eq=False)
class Init:
    """A lifted rule's `init`: the rule, its static choices, and the numbers it starts from."""

    rule: Callable
    slots: tuple[tuple[str, Callable], ...]
    static: tuple[tuple[str, Any], ...]
    hyper: dict[str, Any]
    key: Any
    leaf_by_leaf: bool
    needs_params: bool
    inner: Optimizer | None = None

    def __call__(self, params: Any) -> State:
        hyper = {name: as_hyper(name, x) for name, x in self.hyper.items()}
        if jax.tree.leaves(params):
            for name, value in hyper.items():
                tree.broadcast_prefix(value, params, name, is_special)
        if self.inner is None:
            tree.check_trainable(params)
        slots = {name: self._slot(fn, params) for name, fn in self.slots}
        if self.key is not None:
            slots["key"] = raw_key(self.key)
        inner = None if self.inner is None else self.inner.init(params)
        return State(jnp.zeros((), jnp.int32), hyper, slots, inner)

    def _slot(self, fn: Callable, params: Any) -> Any:
        if not self.leaf_by_leaf and fn is not zeros:
            return fn(params)

        def one(path, leaf):
            try:
                return fn(leaf)
            except ValueError as error:
                raise ValueError(f"parameter {path!r}: {error}") from None

        return tree.map_with_path(one, params)

    def _choices(self) -> tuple:
        return (self.rule, self.slots, self.static, self.leaf_by_leaf, self.inner)

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


def _lift(step, rule, slots, key, needs_params, hyper, inner=None) -> Optimizer:
    def is_static(x):
        return x is None or isinstance(x, bool | str)

    static = tuple((name, x) for name, x in hyper.items() if is_static(x))
    numbers = {name: checked(name, x) for name, x in hyper.items() if not is_static(x)}
    slots = tuple(slots.items() if isinstance(slots, Mapping) else ((n, zeros) for n in slots))
    leaf_by_leaf = step is _leaves_step
    if inner is not None:
        needs_params = needs_params or getattr(inner.init, "needs_params", True)
    init = Init(rule, slots, static, numbers, key, leaf_by_leaf, needs_params, inner)
    first = () if inner is None else (inner.step,)
    return Optimizer(init, bind(step, *first, rule, slots, static))


def _leaves_step(rule, slots, static, params, grads, state, **given):
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
        names |= dict(static) | {"t": t.astype(real_dtype(work))} | keys(i)
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


def _tree_step(rule, slots, static, params, grads, state, **given):
    tree.check_same(grads, params)
    work = [real_dtype(working_dtype(p)) for p in jax.tree.leaves(params)]
    new_slots, keys = _next_keys(state.slots, 1)
    h = _names(static, given, state, max(work, key=lambda d: d.itemsize, default=None), keys(0))

    def cast(x, p):
        return jnp.asarray(x, working_dtype(p))

    s = {name: state.slots[name] for name, _ in slots}
    params_out, s_out = rule(
        jax.tree.map(cast, params, params), jax.tree.map(cast, grads, params), Given(s), h
    )
    return (
        jax.tree.map(cast_like, params_out, params),
        State(state.t + 1, state.hyper, new_slots | _fit_slots(s_out, s, "the tree")),
    )


def _wrapped_step(inner_step, rule, slots, static, params, grads, state, **given):
    tree.check_same(grads, params)
    new_slots, keys = _next_keys(state.slots, 1)
    s = {name: state.slots[name] for name, _ in slots}
    params_out, inner, s_out = rule(
        functools.partial(inner_step, **given),
        params,
        grads,
        state.inner,
        Given(s),
        _names(static, given, state, None, keys(0)),
    )
    return (
        jax.tree.map(cast_like, params_out, params),
        State(state.t + 1, state.hyper, new_slots | _fit_slots(s_out, s, "the tree"), inner),
    )


def _names(static, given, state, dtype, key) -> Given:
    """The `h` of a rule that sees the trees."""
    dtype = dtype or hyper_dtype()
    hyper = jax.tree.map(lambda x: x.astype(dtype), resolve(state.hyper, state.t))
    return Given(given | hyper | dict(static) | key | {"t": (state.t + 1).astype(dtype)})


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
    return {
        name: jax.tree.map(lambda x, y: _fit(x, y, f"{name} of {where}"), new[name], old[name])
        for name in old
    }


def raw_key(key: Any) -> jax.Array:
    """An int seed or a JAX key as plain words, which save, donate and compare like any array."""
    key = jax.random.key(key) if isinstance(key, int) else key
    words = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return jnp.array(words, copy=True)


def zeros(leaf: Any) -> jax.Array:
    """The initialiser of most slots: zeros like the leaf in its working dtype."""
    return jnp.zeros_like(leaf, working_dtype(leaf))


def counter(params: Any) -> jax.Array:
    """The initialiser of a wrapper's slot that counts: int32 zero."""
    return jnp.zeros((), jnp.int32)


def real_zeros(leaf: Any) -> jax.Array:
    """The initialiser of a slot of magnitudes: zeros, real also where the leaf is complex."""
    return jnp.zeros_like(leaf, real_dtype(working_dtype(leaf)))
