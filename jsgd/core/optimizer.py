"""`Optimizer`, the pair of pure functions; `State`, what it carries; and the readers of a state."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax

from jsgd.core import tree
from jsgd.core.hyper import Schedule, as_hyper, named_values, parts, resolve, shown, trees_equal
from jsgd.core.numerics import cast_like


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


def _nest(state: State, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], State]]:
    """Every state in a nest with its path: `("inner",)`, or the label under `partition`."""
    yield path, state
    if isinstance(state.inner, State):
        yield from _nest(state.inner, (*path, "inner"))
    elif isinstance(state.inner, dict):
        for label, inner in state.inner.items():
            yield from _nest(inner, (*path, label))


def _names(state: State) -> dict[str, tuple[tuple[str, ...], str]]:
    """Every name a hyperparameter answers to -> where it is (path of its state, name there).

    A name that is held once is itself. One held more often is qualified by the shortest end of
    its path that tells it apart, by labels alone where they do; the outermost state is `outer`.
    """
    return _qualified(
        (name, path)
        for path, inner in _nest(state)
        for root, value in inner.hyper.items()
        for name, _ in named_values(root, value)
    )


def _qualified(
    pairs: Iterable[tuple[str, tuple[str, ...]]],
) -> dict[str, tuple[tuple[str, ...], str]]:
    """Pairs of a name and the path of the state that has it, by the name that tells it apart."""
    held: dict[str, list[tuple[str, ...]]] = {}
    for name, path in pairs:
        held.setdefault(name, []).append(path)
    names = {}
    for name, paths in held.items():
        if len(paths) == 1:
            names[name] = (paths[0], name)
            continue
        labels = [tuple(part for part in path if part != "inner") for path in paths]
        shown_as = labels if all(labels) and len({*labels}) == len(labels) else paths
        for path, long in zip(paths, shown_as, strict=True):
            lengths = range(1, len(long) + 1)
            ends = [long[-n:] for n in lengths if sum(p[-n:] == long[-n:] for p in shown_as) == 1]
            end = min(ends, key=len, default=long or ("outer",))
            names["__".join((*end, name))] = (path, name)
    return names


def get_hyper(state: State) -> dict[str, Any]:
    """The hyperparameters in a state, wrappers and all, as one flat dict.

    A name that two optimizers of a nest hold is qualified by its path: `inner__weight_decay`,
    `muon__lr` (a label of `partition`), `outer__weight_decay`. The numbers inside a schedule
    follow it: `lr`, then `lr__peak_value`.

    >>> import jsgd
    >>> opt = jsgd.clip_by_global_norm(jsgd.sgd(lr=0.5, momentum=0.9), max_norm=2.0)
    >>> {name: float(x) for name, x in jsgd.get_hyper(opt.init({"w": 0.0})).items()}
    {'max_norm': 2.0, 'lr': 0.5, 'momentum': 0.8999999761581421, 'dampening': 0.0}
    """
    found = {
        (path, name): value
        for path, inner in _nest(state)
        for root, x in inner.hyper.items()
        for name, value in named_values(root, x)
    }
    return {name: found[where] for name, where in _names(state).items()}


def set_hyper(state: State, **values: Any) -> State:
    """A state with other hyperparameters, under the names that `get_hyper` shows.

    Args:
        state: any state; it is not changed.
        **values: numbers, arrays, schedules, or pytrees of them. Setting numbers in place of
            numbers never makes a new program; another structure (a schedule where a number was)
            does.

    Raises:
        ValueError: a name is unknown or ambiguous, or a number is out of its range.

    >>> import jax, jax.numpy as jnp, jsgd
    >>> state = jsgd.sgd().init({"w": jnp.zeros(3)})
    >>> float(jsgd.set_hyper(state, lr=0.25).hyper["lr"])
    0.25
    >>> states = jax.vmap(lambda lr: jsgd.set_hyper(state, lr=lr))(jnp.array([0.1, 0.2]))  # a sweep
    """
    names = _names(state)
    for name, value in values.items():
        if name not in names:
            alike = [known for known in names if known.endswith(f"__{name}")]
            problem = (
                f"{name!r} is held by several optimizers here"
                if alike
                else f"there is no hyperparameter {name!r} here"
            )
            raise ValueError(f"{problem}; there are: {', '.join(alike or names) or 'none'}")
        path, local = names[name]
        state = _set_at(state, path, local, value)
    return state


def hyper_now(state: State, name: str) -> Any:
    """The value that a nest of states will use for `name` at its next step.

    Raises:
        ValueError: no optimizer in the nest holds the name, or several do.
    """
    values = values_now(state, name)
    if len(values) != 1:
        raise ValueError(
            f"{len(values)} of the wrapped optimizers hold {name!r}, one must: "
            f"there are {', '.join(_names(state)) or 'none'}"
        )
    return values[0]


def values_now(state: State, name: str) -> list:
    """The values that the optimizers of a nest which hold `name` will use at their next step."""
    held = [inner for _, inner in _nest(state) if name in inner.hyper]
    return [resolve({name: inner.hyper[name]}, inner.t)[name] for inner in held]


def scale_now(state: State, name: str, factor: Any) -> State:
    """A nest that takes its next step with `factor` times its values for `name`, every one of them.

    That step alone, since schedules are replaced by their values: see `with_hyper_of`.

    Raises:
        ValueError: no optimizer in the nest holds the name.
    """
    if not any(name in inner.hyper for _, inner in _nest(state)):
        raise ValueError(
            f"none of the wrapped optimizers holds {name!r}: "
            f"there are {', '.join(_names(state)) or 'none'}"
        )

    def scaled(inner):
        held = {name: inner.hyper[name]} if name in inner.hyper else {}
        now = jax.tree.map(lambda x: factor * x, resolve(held, inner.t))
        return replace(inner, hyper=inner.hyper | now)

    return _map_nest(scaled, state)


def with_hyper_of(state: State, other: State) -> State:
    """A nest with the hyperparameters of another of the same make."""
    return _map_nest(lambda inner, like: replace(inner, hyper=like.hyper), state, other)


def restarted(fresh: State, state: State) -> State:
    """`fresh`, a nest as `init` makes it, with the hyperparameters and random keys of `state`."""

    def one(fresh, state):
        keys = {"key": state.slots["key"]} if "key" in state.slots else {}
        return replace(fresh, hyper=state.hyper, slots=fresh.slots | keys)

    return _map_nest(one, fresh, state)


def _map_nest(fn: Callable, *nests: State) -> State:
    """`fn(state, ...)` for the states that lie alike in nests of the same make."""
    first, *_ = inner = [nest.inner for nest in nests]
    if isinstance(first, State):
        first = _map_nest(fn, *inner)
    elif isinstance(first, dict):
        first = {label: _map_nest(fn, *(x[label] for x in inner)) for label in first}
    return replace(fn(*nests), inner=first)


def _set_at(state: State, path: tuple[str, ...], name: str, value: Any) -> State:
    if not path:
        root, *rest = name.split("__")
        new = _set_in(state.hyper[root], root, rest, value)
        return replace(state, hyper=state.hyper | {root: new})
    if isinstance(state.inner, dict):
        inner = state.inner | {path[0]: _set_at(state.inner[path[0]], path[1:], name, value)}
    else:
        inner = _set_at(state.inner, path[1:], name, value)
    return replace(state, inner=inner)


def _set_in(held: Any, name: str, rest: list[str], value: Any, inside: bool = False) -> Any:
    """`held` with the part that `rest` leads to replaced; schedules are the only way down."""
    if not rest:
        new = as_hyper(name, value)
        return shown(new) if inside else new  # inside a schedule a rate is a plain number
    new = {
        key: _set_in(x, key, rest[1:], value, True) if key == rest[0] else x
        for key, x in parts(held).items()
    }
    if not isinstance(held, Schedule):
        return tuple(new.values())
    return Schedule.tree_unflatten((held.rule, tuple(new)), tuple(new.values()))


def eval_params(params: Any, state: State) -> Any:
    """The parameters to evaluate: the average that an optimizer keeps, else `params` itself.

    A rule or a wrapper that has something better to evaluate than the trained parameters keeps it
    in the slot `"average"`, leaf by leaf; the outermost one counts.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.ema(jsgd.sgd(1.0), decay=0.5)
    >>> params, state = jnp.float32(0.0), opt.init(jnp.float32(0.0))
    >>> for _ in range(2):
    ...     params, state = opt.step(params, jnp.float32(-1.0), state)
    >>> float(params), round(float(jsgd.eval_params(params, state)), 4)
    (2.0, 1.6667)
    """
    best: dict[tuple, Any] = {}
    for _, inner in _nest(state):
        found = jax.tree_util.tree_leaves_with_path(tree.join(inner.slots.get("average")))
        best = dict(found) | best
    return jax.tree_util.tree_map_with_path(
        lambda path, p: cast_like(best[path], p) if path in best else p, params
    )


def metrics(state: State) -> dict[str, Any]:
    """The numbers that the `log_metrics` wrappers of a nest keep, as one flat dict.

    A name that several of them keep is qualified by its path, as in `get_hyper`. Without such a
    wrapper there are none.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.log_metrics(jsgd.clip_by_value(jsgd.log_metrics(jsgd.sgd(1.0)), 0.5))
    >>> params, state = opt.step(jnp.zeros(1), jnp.ones(1), opt.init(jnp.zeros(1)))
    >>> norms = {name: float(x) for name, x in jsgd.metrics(state).items() if "grad" in name}
    >>> norms
    {'outer__grad_norm': 1.0, 'inner__grad_norm': 0.5}
    """
    found = {
        (path, name): value
        for path, inner in _nest(state)
        for name, value in inner.slots.get("metrics", {}).items()
    }
    names = _qualified((name, path) for path, name in found)
    return {name: found[where] for name, where in names.items()}


def value_and_grad(value_fn: Callable, params: Any, state: State) -> tuple[jax.Array, Any]:
    """The loss and its gradient for the next step, without an evaluation where they are known.

    A line search ends with the value and the gradient at the parameters that it returns, and its
    optimizer keeps them in the slots `"next_value"` and `"next_gradient"`. They hold where the loss
    is the same at every step and nothing else moves the parameters. Before the first step, and with
    any other optimizer (a wrapper, say, which may move them), they are computed. Gradients of
    complex leaves are conjugated, as every step takes them.

    Args:
        value_fn: parameters -> loss.
        params: the parameters that the last step returned.
        state: the state that came with them.

    >>> import jax.numpy as jnp, jsgd
    >>> opt, params = jsgd.lbfgs(), jnp.array([3.0, 4.0])
    >>> state = opt.init(params)
    >>> for _ in range(2):
    ...     value, grads = jsgd.value_and_grad(lambda x: jnp.sum(x**2), params, state)
    ...     params, state = opt.step(
    ...         params, grads, state, value=value, value_fn=lambda x: jnp.sum(x**2)
    ...     )
    >>> params.round(4).tolist(), int(state.slots["evaluations"])
    ([0.0, 0.0], 2)
    """

    def compute():
        return tree.value_and_grad(value_fn, params)

    if "next_value" not in state.slots:
        return compute()
    known = state.slots["next_value"], state.slots["next_gradient"]
    known = jax.tree.map(lambda x, like: x.astype(like.dtype), known, jax.eval_shape(compute))
    return jax.lax.cond(state.t > 0, lambda: known, compute)
