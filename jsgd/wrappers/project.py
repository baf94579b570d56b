r"""Parameters kept in a set: after every step they go to its nearest point."""

from typing import Any

import jax
import jax.numpy as jnp

from jsgd.core import Optimizer, projections, tree, wrapper

_INF = float("inf")
_SETS = {  # name -> (kernel, its numbers where none are given)
    "box": (projections.box, {"lower": -_INF, "upper": _INF}),
    "hypercube": (projections.hypercube, {"side": 1.0}),
    "simplex": (projections.simplex, {"total": 1.0}),
    "l1_ball": (projections.l1_ball, {"radius": 1.0}),
    "l1_sphere": (projections.l1_sphere, {"radius": 1.0}),
    "l2_ball": (projections.l2_ball, {"radius": 1.0}),
    "l2_sphere": (projections.l2_sphere, {"radius": 1.0}),
    "linf_ball": (projections.linf_ball, {"radius": 1.0}),
    "hyperplane": (projections.hyperplane, {"normal": 1.0, "offset": 0.0}),
    "halfspace": (projections.halfspace, {"normal": 1.0, "offset": 0.0}),
    "line": (projections.line, {"direction": 1.0}),
}
_NUMBER_BY_NUMBER = ("box", "hypercube", "linf_ball")
_VECTORS = ("normal", "direction")


def project(opt: Optimizer, onto: str, *, each_leaf: bool = False, **numbers: Any) -> Optimizer:
    r"""Projects the parameters onto a set after every step.

    .. math::
        \theta \leftarrow \arg\min_{x \in C} \lVert x - \theta \rVert

    with one of these sets :math:`C`, whose numbers are hyperparameters like all others:

    ============ ================================================ ===============================
    ``onto``     the points :math:`x` with                        numbers (and where not given)
    ============ ================================================ ===============================
    `box`        `lower <= x <= upper`                            `lower` (-inf), `upper` (inf)
    `hypercube`  `0 <= x <= side`                                 `side` (1)
    `linf_ball`  `max |x| <= radius`                              `radius` (1)
    `l1_ball`    `sum |x| <= radius`                              `radius` (1)
    `l1_sphere`  `sum |x| = radius`                               `radius` (1)
    `l2_ball`    `sqrt(sum |x|**2) <= radius`                     `radius` (1)
    `l2_sphere`  `sqrt(sum |x|**2) = radius`                      `radius` (1)
    `simplex`    `x >= 0, sum x = total`                          `total` (1)
    `hyperplane` `sum normal * x = offset`                        `normal` (1), `offset` (0)
    `halfspace`  `sum normal * x <= offset`                       `normal` (1), `offset` (0)
    `line`       `x = c * direction` for some number `c`          `direction` (1)
    ============ ================================================ ===============================

    The sums are over **all parameters together**, as one long vector, or with `each_leaf=True`
    over each leaf alone; for the first three sets that makes no difference. To constrain some
    leaves only, see `partition`. On a sphere, zero goes where all coordinates are equal, and for
    the l1 sphere a zero counts as positive (in optax it stays zero, off the sphere).

    Args:
        opt: the optimizer that takes the step.
        onto: static; the name of the set.
        each_leaf: static; whether every leaf has a set of its own.
        **numbers: those of the set. `normal` and `direction` are one number, which stands for a
            vector of them, or a tree that is a prefix of the parameters, with arrays of the
            parameters' shapes; with `each_leaf`, and for the first three sets, so may all be.

    Raises:
        ValueError: there is no such set, or it has no such number, or one is out of range; at
            `init`, a leaf is complex and the set is not a ball or a sphere.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.project(jsgd.sgd(1.0), "l2_ball", radius=2.5)
    >>> params, state = opt.step(jnp.zeros(2), jnp.array([3.0, 4.0]), opt.init(jnp.zeros(2)))
    >>> params.tolist()
    [-1.5, -2.0]
    >>> weights = jnp.array([0.5, 0.5])
    >>> opt = jsgd.project(jsgd.sgd(1.0), "simplex")
    >>> params, state = opt.step(weights, jnp.array([0.0, -0.5]), opt.init(weights))
    >>> params.tolist()
    [0.25, 0.75]

    References:
        Duchi et al., "Efficient Projections onto the l1-Ball for Learning in High Dimensions",
        ICML 2008 (simplex and l1). Parikh and Boyd, "Proximal Algorithms", 2014, chapter 6.
    """
    if onto not in _SETS:
        raise ValueError(f"onto = {onto!r}: it must be one of {', '.join(map(repr, _SETS))}")
    defaults = _SETS[onto][1]
    for name in numbers:
        if name not in defaults:
            raise ValueError(f"{onto!r} has no {name!r}; it has {', '.join(defaults)}")
    by_leaf = bool(each_leaf) and onto not in _NUMBER_BY_NUMBER
    each_leaf = bool(each_leaf) or onto in _NUMBER_BY_NUMBER
    return wrapper(
        _project,
        opt,
        needs_params=True,
        by_leaf=by_leaf,
        per_leaf=tuple(defaults) if each_leaf else _VECTORS,
        check=None if onto.endswith(("ball", "sphere")) else _check_real,
        onto=onto,
        each_leaf=each_leaf,
        **defaults | numbers,
    )


def _project(step, params, grads, inner, s, h):
    params, inner = step(params, grads, inner)
    params = tree.widen(params)
    kernel, names = _SETS[h.onto]
    numbers = {name: getattr(h, name) for name in names}
    if not h.each_leaf:
        return kernel(params, **numbers), inner, {}
    spread = [tree.fill(x, params, name) for name, x in numbers.items()]
    return jax.tree.map(kernel, params, *spread), inner, {}


def keep_nonnegative(opt: Optimizer) -> Optimizer:
    """Sets the parameters that a step took below zero to zero.

    Args:
        opt: the optimizer that takes the step.

    Raises:
        ValueError: at `init`, a leaf is complex.

    >>> import jax.numpy as jnp, jsgd
    >>> opt = jsgd.keep_nonnegative(jsgd.sgd(1.0))
    >>> params, state = opt.step(jnp.ones(2), jnp.array([0.5, 3.0]), opt.init(jnp.ones(2)))
    >>> params.tolist()
    [0.5, 0.0]
    """
    return wrapper(_keep_nonnegative, opt, needs_params=True, check=_check_real)


def _keep_nonnegative(step, params, grads, inner, s, h):
    params, inner = step(params, grads, inner)
    return projections.nonnegative(params), inner, {}


def _check_real(leaf: Any) -> None:
    if jnp.iscomplexobj(leaf):
        raise ValueError(
            "a projection that compares numbers takes no complex leaves; "
            "give this one to another optimizer with jsgd.partition"
        )
