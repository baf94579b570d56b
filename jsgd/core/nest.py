"""States within states: the names of hyperparameters in a nest, read and set by name."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import jax

from jsgd.core.hyper import Schedule, as_hyper, named_values, parts, resolve, shown
from jsgd.core.optimizer import State


def nested(state: State, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], State]]:
    """Every state in a nest with its path: `("inner",)`, or the label under `partition`."""
    yield path, state
    if isinstance(state.inner, State):
        yield from nested(state.inner, (*path, "inner"))
    elif isinstance(state.inner, dict):
        for label, inner in state.inner.items():
            yield from nested(inner, (*path, label))


def _names(state: State) -> dict[str, tuple[tuple[str, ...], str]]:
    """Every name a hyperparameter answers to -> where it is (path of its state, name there).

    A name that is held once is itself. One held more often is qualified by the shortest end of
    its path that tells it apart, by labels alone where they do; the outermost state is `outer`.
    """
    return qualified(
        (name, path)
        for path, inner in nested(state)
        for root, value in inner.hyper.items()
        for name, _ in named_values(root, value)
    )


def qualified(
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
        for path, inner in nested(state)
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
    held = [inner for _, inner in nested(state) if name in inner.hyper]
    return [resolve({name: inner.hyper[name]}, inner.t)[name] for inner in held]


def scale_now(state: State, name: str, factor: Any) -> State:
    """A nest that takes its next step with `factor` times its values for `name`, every one of them.

    That step alone, since schedules are replaced by their values: see `with_hyper_of`.

    Raises:
        ValueError: no optimizer in the nest holds the name.
    """
    if not any(name in inner.hyper for _, inner in nested(state)):
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
