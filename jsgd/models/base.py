"""`Model`, a network as a pair of pure functions, and the two ways from Flax to it."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import nnx

_MODES = {  # how a module may spell the mode, and the value that it wants
    "train": lambda train: train,
    "deterministic": lambda train: not train,
    "use_running_average": lambda train: not train,
}


class Model(NamedTuple):
    """A network as a pair of pure functions: jit them, vmap them, scan them.

    Attributes:
        init: `init(key) -> (params, model_state)`. `params` is what an optimizer changes,
            `model_state` (a dict, `{}` when there is nothing) is everything else: averages of
            BatchNorm, and the network's own hyperparameters.
        apply: `apply(params, model_state, x, *, train=False, key=None) -> (y, model_state)`.
            `train` is a Python bool; `key` feeds what is random in training. With
            `train=False` the model state comes back as it went in.

    A model's own hyperparameters are data: our networks keep them in the collection "hyper",
    so `model_state["hyper"]["dropout"]` is an array that a sweep sets and maps over. A training
    step reads the collection and never changes it.

    >>> import jax, jsgd.models
    >>> model = jsgd.models.REGISTRY["mlp"](jax.ShapeDtypeStruct((1, 8), "float32"), outputs=3)
    >>> params, model_state = model.init(jax.random.key(0))
    >>> model_state
    {'hyper': {'dropout': Array(0., dtype=float32)}}
    >>> y, model_state = model.apply(params, model_state, jax.numpy.ones((5, 8)), train=False)
    >>> y.shape
    (5, 3)
    """

    init: Callable
    apply: Callable


def from_linen(module: Any, example: Any) -> Model:
    """Make a `Model` of a Linen module.

    Every collection of variables but "params" is model state. In training all of it may
    change, except "hyper", which is read only. The key feeds the "dropout" stream.

    Args:
        module: any `flax.linen.Module` of one input. Its `__call__` may take the mode as `train`,
            or else as Flax's `deterministic` or `use_running_average`, or not at all.
        example: an array or `jax.ShapeDtypeStruct` of the shape and dtype of a batch of inputs;
            only these are read.

    Raises:
        ValueError: `module` is no Linen module, or `example` has no shape and dtype.

    >>> import jax
    >>> from flax import linen as nn
    >>> model = from_linen(nn.Dense(2), jax.ShapeDtypeStruct((1, 3), "float32"))
    >>> params, model_state = model.init(jax.random.key(0))
    >>> params["kernel"].shape, model_state
    ((3, 2), {})
    """
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"module must be a flax.linen.Module, got {type(module).__name__}: "
            "for NNX, give from_nnx a function rngs -> module"
        )
    if not (hasattr(example, "shape") and hasattr(example, "dtype")):
        raise ValueError(
            "example must be an array or a jax.ShapeDtypeStruct of a batch of inputs, "
            f"got {type(example).__name__}"
        )
    taken = inspect.signature(type(module).__call__).parameters
    name = next((name for name in _MODES if name in taken), None)

    def mode(train):
        return {name: _MODES[name](train)} if name else {}

    def init(key):
        variables = module.init(key, jnp.zeros(example.shape, example.dtype), **mode(False))
        params = variables.get("params", {})
        return params, {kind: held for kind, held in variables.items() if kind != "params"}

    def apply(params, model_state, x, *, train=False, key=None):
        variables = {"params": params, **model_state}
        if not train:
            return module.apply(variables, x, **mode(False)), model_state
        changes = [kind for kind in model_state if kind != "hyper"]
        rngs = {} if key is None else {"dropout": key}
        y, changed = module.apply(variables, x, **mode(True), rngs=rngs, mutable=changes)
        return y, {**model_state, **changed}

    return Model(init, apply)


def from_nnx(make: Callable[[nnx.Rngs], nnx.Module]) -> Model:
    """Make a `Model` of an NNX module.

    The module is split once into `nnx.Param` (params) and the other variables (model state),
    both nested dicts of arrays, and merged where it is applied, so every transformation of JAX is
    safe (`jax.vmap` over an NNX object itself silently drops the updates of BatchNorm). `Rngs`
    that the module holds are no part of the model state: in training each is seeded anew from
    `key`. The mode is set by the module's `train()` and `eval()`.

    Args:
        make: builds the module from `nnx.Rngs`. It must be pure: `init` calls it on traced keys.

    Raises:
        ValueError: `make` is a module already; or, in `apply`, the module holds `Rngs` and is
            trained without a key.

    >>> import jax
    >>> from flax import nnx
    >>> model = from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    >>> params, model_state = model.init(jax.random.key(0))
    >>> params["kernel"].shape, model_state
    ((3, 2), {})
    """
    if isinstance(make, nnx.Module):
        raise ValueError(
            "make must be a function rngs -> module, got a module that is made already"
        )

    def split(module):
        graph, *states = nnx.split(module, nnx.Param, nnx.RngState, ...)
        return graph, *(nnx.to_pure_dict(state) for state in states)

    graph, _, streams, _ = split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))

    def seeded(key):
        leaves, tree = jax.tree.flatten(streams)
        fresh = [
            jax.random.split(jax.random.fold_in(key, place), leaf.shape)
            if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            else jnp.zeros(leaf.shape, leaf.dtype)  # a stream's counter
            for place, leaf in enumerate(leaves)
        ]
        return jax.tree.unflatten(tree, fresh)

    def init(key):
        _, params, _, model_state = split(make(nnx.Rngs(key)))
        return params, model_state

    def apply(params, model_state, x, *, train=False, key=None):
        if train and streams and key is None:
            raise ValueError("this module draws random numbers in training: pass key=")
        key = jax.random.key(0) if key is None else key
        module = nnx.merge(graph, params, seeded(key), model_state)
        if not train:
            module.eval()
            return module(x), model_state
        module.train()
        y = module(x)
        return y, split(module)[3]

    return Model(init, apply)
