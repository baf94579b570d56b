r"""Fine-tuning: start from weights that are there, with rates that fall towards the input.

The head of another task is the same model with other `outputs`, its last layer fresh:

>>> import jsgd
>>> from jsgd.models import REGISTRY
>>> x = jax.ShapeDtypeStruct((1, 8), "float32")
>>> params, model_state = REGISTRY["mlp"](x, outputs=10).init(jax.random.key(0))  # load_weights
>>> model = pretrained(REGISTRY["mlp"](x, outputs=5), params, model_state, fresh=("out",))

To freeze all but the head, wrap the optimizer:

>>> opt = jsgd.freeze(jsgd.adamw(1e-3), lambda path, leaf: not path.startswith("out/"))

To thaw the rest at step 100, or to move it more slowly the nearer it is to the input, give every
leaf a rate of its own; rates are data, so a run, or a sweep, takes them in `hyper` too:

>>> rates = layerwise_lr(params, 1e-3, 0.5, layer_names(model), thaw_every=100)
>>> opt = jsgd.adamw(lr=rates)

Frozen are parameters: the averages of batch norm, which are model state, go on with the new data.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from jsgd.core import Schedule
from jsgd.core.hyper import is_concrete
from jsgd.core.tree import map_with_path
from jsgd.train.weights import by_path, fit_in, is_under

if TYPE_CHECKING:  # which brings in Flax
    from jsgd.models import Model


def pretrained(
    model: "Model", params: Any, model_state: Any = None, *, fresh: Iterable[str] = ()
) -> "Model":
    """The model, starting from these weights; what is fresh starts as it does without them.

    The problem's `init_scale` is of what is fresh, and the network's own hyperparameters
    (`model_state["hyper"]`) are those of `model`.

    Args:
        model: any `Model`, with the structure of the weights but for what is fresh.
        params: the parameters to start from, arrays.
        model_state: the state to start from, or `None` for that of the model.
        fresh: paths of what starts anew, and need not be in the weights: `"out"` is everything
            under it, `*` any text.

    Raises:
        ValueError: the weights do not fit the model (the message says which paths), or `fresh` has
            a path that there is not.

    >>> import jsgd
    >>> x = jax.ShapeDtypeStruct((1, 4), "float32")
    >>> params, _ = jsgd.models.REGISTRY["mlp"](x, outputs=3).init(jax.random.key(0))
    >>> new = jsgd.models.REGISTRY["mlp"](x, outputs=2)
    >>> start, _ = pretrained(new, params, fresh=("out",)).init(jax.random.key(1))
    >>> bool((start["dense0"]["kernel"] == params["dense0"]["kernel"]).all())
    True
    >>> start["out"]["kernel"].shape
    (128, 2)
    """
    fresh = (fresh,) if isinstance(fresh, str) else tuple(fresh)
    init = PretrainedInit(model, params, model_state, fresh)
    jax.eval_shape(init, jax.random.key(0))  # what does not fit is told now
    return model._replace(init=init)


@dataclass(frozen=True, eq=False)
class PretrainedInit:
    """The `init` of a pretrained model."""

    model: "Model"
    params: Any
    model_state: Any
    fresh: tuple[str, ...]

    def __call__(self, key: jax.Array) -> tuple[Any, Any]:
        params, state = self.model.init(key)
        given = state if self.model_state is None else self.model_state
        hyper = {"hyper": state["hyper"]} if "hyper" in state else {}
        trees = params, _without_hyper(state)
        found = by_path(self.params, _without_hyper(given))
        params, state = fit_in(trees, found, self.fresh, source="params", option="fresh")
        return params, hyper | state

    def is_fresh(self, path: str) -> bool:
        """Whether the parameter at this path is the model's own."""
        return is_under(path, self.fresh)


def layer_names(model: "Model") -> list[str]:
    """The layers of a Linen network from input to output: the names at the top of its parameters.

    In a tree they are sorted by name; this is the order in which they are made. NNX keeps none.

    Raises:
        ValueError: the parameters are no dict.

    >>> import jsgd
    >>> layer_names(jsgd.models.REGISTRY["cnn"](jax.ShapeDtypeStruct((1, 8, 8, 1), "float32"), 10))
    ['conv0', 'conv1', 'dense', 'out']
    """
    names: list[str] = []

    def init(key):
        params, _ = model.init(key)
        if not isinstance(params, dict):
            raise ValueError(f"the parameters are no dict of layers, but {type(params).__name__}")
        names.extend(params)  # here: what JAX gives back is sorted
        return params

    jax.eval_shape(init, jax.random.key(0))
    return names


def layerwise_lr(
    params: Any,
    lr: Any,
    decay: Any,
    layers: Sequence[str],
    *,
    thaw_every: Any = None,
) -> Any:
    r"""A learning rate for every leaf: `lr` in the last layer, less in each layer before it.

    .. math::
        \eta_l(t) = \eta(t)\, \gamma^{L - l} \, [t \ge (L - l)\, k]

    for the layers :math:`l = 1, \dots, L`, with :math:`\gamma` the decay and :math:`k` =
    `thaw_every`. It is what the `lr` of elementwise and leafwise optimizers may be. All of it is
    data: one program sweeps rates and decays,

    >>> import jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["mlp"](data.train[0], 1)
    >>> run = jsgd.train.make_run(jsgd.train.regression(model, data), jsgd.adam())
    >>> params, layers = jax.eval_shape(model.init, jax.random.key(0))[0], layer_names(model)
    >>> def init(key, hyper):
    ...     return run.init(key, {"lr": layerwise_lr(params, hyper["lr"], hyper["decay"], layers)})
    >>> swept = jsgd.train.Run(init, run.advance)  # sweep(swept, {"lr": ..., "decay": ...})
    >>> carry = jax.jit(swept.init)(jax.random.key(0), {"lr": 0.5, "decay": 0.5})
    >>> carry.opt_state.hyper["lr"]["dense0"]["kernel"]
    Array(0.25, dtype=float32)

    Args:
        params: the parameters; only their structure is read.
        lr: a number >= 0 or a schedule.
        decay: >= 0; 1 is the same rate for all, and published values are 0.4 (1/2.6) to 0.95.
        layers: patterns of paths, from input to output: `layer_names(model)`, or coarser,
            `("stem*", "stage0*", "stage1*", "out")`. A leaf is of the first layer that it fits.
        thaw_every: >= 0; the last layer moves from the start, and each before it so many steps
            later. Until then its rate is 0; an optimizer's averages go on. `None` freezes nothing.

    Raises:
        ValueError: a leaf is of no layer, a layer has no leaf, or a number is out of its range.

    References:
        Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018,
        https://arxiv.org/abs/1801.06146, section 3.2 (discriminative fine-tuning) and 3.3 (gradual
        unfreezing).
    """
    for name, x in (("decay", decay), ("thaw_every", thaw_every)):
        if is_concrete(x) and not x >= 0:
            raise ValueError(f"{name} = {x}: it must be at least 0")
    paths, layer_of = by_path(params), {}
    for i, pattern in enumerate(layers):
        held = [path for path in paths if path not in layer_of and is_under(path, [pattern])]
        if not held:
            raise ValueError(f"layers: {pattern!r} has no leaf that is not of a layer before it")
        layer_of |= dict.fromkeys(held, i)
    for path in paths:
        if path not in layer_of:
            raise ValueError(f"layers: {path!r} is in none of {', '.join(layers)}")

    def rate(path, leaf):
        above = len(layers) - 1 - layer_of[path]
        scale = decay**above
        if thaw_every is None and not callable(lr):
            return lr * scale
        start = 0 if thaw_every is None else above * thaw_every
        return Schedule(_layer, lr=lr, scale=scale, start=start)

    return map_with_path(rate, params)


def _layer(t, h):
    lr = h.lr(t) if callable(h.lr) else h.lr
    return jnp.where(t >= h.start, h.scale * lr, 0)


def _without_hyper(model_state: dict[str, Any]) -> dict[str, Any]:
    return {name: x for name, x in model_state.items() if name != "hyper"}
