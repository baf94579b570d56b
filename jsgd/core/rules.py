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
(`h.value`, `h.value_fn`), and `h.t` the 1-based step. Gradients of complex leaves are directions of
steepest ascent, the conjugate of what `jax.grad` gives (`jsgd.core.tree.value_and_grad`).
"""

from collections.abc import Callable
from typing import Any

import jax

from jsgd.core.hyper import is_special
from jsgd.core.lift import Slots, check_wrapped, lift
from jsgd.core.optimizer import Optimizer


def elementwise(
    rule: Callable, *, slots: Slots = (), needs_params: bool = False, **hyper: Any
) -> Optimizer:
    """An optimizer from a rule that treats every number of the parameters alike.

    Args:
        rule: `rule(p, g, s, h) -> (p, slots)`, a module-level function if it is to be pickled.
        slots: what the rule remembers. Names, for zeros like the leaf in its working dtype, or
            `{name: initialiser}` with `initialiser(leaf) -> array` (its dtype is kept), or a
            pytree of arrays.
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
    return lift("elementwise", rule, slots, hyper, needs_params=needs_params)


def leafwise(
    rule: Callable, *, slots: Slots = (), key: Any = None, needs_params: bool = False, **hyper: Any
) -> Optimizer:
    """An optimizer from a rule that must see one whole leaf: its norm, its rows and columns, noise.

    Args:
        rule, slots, needs_params, **hyper: as for `elementwise`. An initialiser may raise a
            `ValueError` for a leaf it cannot take; the leaf's path is added to it.
        key: an int seed or a JAX key; the rule then finds a fresh key for its leaf in `h.key`.

    Raises:
        ValueError: a number is outside the range of its name.

    >>> import jax.numpy as jnp, jsgd
    >>> def _normalised(p, g, s, h):
    ...     return p - h.lr * g / jnp.linalg.norm(g), {}
    >>> opt = jsgd.leafwise(_normalised, lr=1.0)
    >>> params = {"a": jnp.zeros(2), "b": jnp.zeros(1)}
    >>> grads = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([5.0])}
    >>> params, state = opt.step(params, grads, opt.init(params))
    >>> print(params["a"], params["b"])
    [-0.6 -0.8] [-1.]
    """
    return lift("leafwise", rule, slots, hyper, key=key, needs_params=needs_params)


def treewise(
    rule: Callable, *, slots: Slots = (), key: Any = None, needs_params: bool = True, **hyper: Any
) -> Optimizer:
    """An optimizer from a rule that must see the trees: `rule(params, grads, s, h)`.

    The trees come in their working dtype; where leaves differ in that, or are complex, JAX's
    standard promotion holds. `h.value_fn` takes such trees, and asks the loss at parameters in
    their own dtypes. Hyperparameters are scalars here: there is no one leaf that a per-leaf value
    would belong to. An initialiser of a slot is given the whole tree.

    Raises:
        ValueError: a hyperparameter is a tree, or a number is outside the range of its name.

    >>> import jax, jax.numpy as jnp, jsgd
    >>> from jsgd.core import tree
    >>> def _polyak(params, grads, s, h):
    ...     lr = h.value / tree.norm(grads) ** 2          # the loss, given to the step
    ...     return jax.tree.map(lambda p, g: p - lr * g, params, grads), {}
    >>> opt = jsgd.treewise(_polyak)
    >>> x = jnp.array([3.0, 4.0])
    >>> x, state = opt.step(x, 2 * x, opt.init(x), value=jnp.sum(x**2))
    >>> x.tolist()
    [1.5, 2.0]
    """
    _check_scalars(hyper)
    return lift("treewise", rule, slots, hyper, key=key, needs_params=needs_params)


def wrapper(
    rule: Callable,
    inner: Optimizer,
    *,
    slots: Slots = (),
    key: Any = None,
    needs_params: bool = False,
    per_leaf: tuple[str, ...] = (),
    check: Callable | None = None,
    per_example: bool = False,
    by_leaf: bool = False,
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
        check: `check(leaf)` is called at `init` for every parameter, and may raise a `ValueError`
            for one that the rule cannot take; the leaf's path is added to it.
        per_example: whether the gradients are those of single examples, each leaf with one more
            axis in front than its parameter; the rule gives the inner step one gradient.
        by_leaf: whether the rule tells leaves apart, by their norms, say: it then refuses a `Flat`.
        key, needs_params, **hyper: as above.

    Raises:
        ValueError: `inner` is no optimizer, or a number is outside its range.

    >>> import jax.numpy as jnp, jsgd
    >>> from jsgd.core import tree
    >>> def _scaled(step, params, grads, inner, s, h):
    ...     params, inner = step(params, tree.scale(h.factor, grads), inner)
    ...     return params, inner, {}
    >>> opt = jsgd.wrapper(_scaled, jsgd.sgd(1.0), factor=0.5)
    >>> params, state = opt.step(jnp.zeros(1), jnp.ones(1), opt.init(jnp.zeros(1)))
    >>> params.tolist(), sorted(jsgd.get_hyper(state))
    ([-0.5], ['factor', 'lr'])
    """
    check_wrapped(inner)
    _check_scalars({name: x for name, x in hyper.items() if name not in per_leaf})
    return lift(
        "wrapper",
        rule,
        slots,
        hyper,
        key=key,
        needs_params=needs_params,
        inner=inner,
        per_example=per_example,
        by_leaf=by_leaf,
        check=check,
    )


def _check_scalars(hyper: dict[str, Any]) -> None:
    for name, value in hyper.items():
        if jax.tree.structure(value, is_leaf=is_special).num_nodes > 1:
            raise ValueError(f"{name} is one number or schedule for the whole tree, not {value!r}")
