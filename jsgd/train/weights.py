"""Weights in files that others read too: `.safetensors` or `.npz`, each array under its path."""

import os
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jsgd.core.tree import map_with_path, path_name
from jsgd.train.array_files import read_arrays, write_arrays
from jsgd.train.names import unknown


def save_weights(path: str | os.PathLike, params: Any, model_state: Any = None) -> None:
    """Save a model's parameters, and its state, under names such as `"block0/conv/kernel"`.

    What is no weight (the state of an optimizer, the step) belongs in a checkpoint. The file is
    replaced whole or not at all.

    Args:
        path: it ends in `.safetensors` (`pip install 'jsgd[weights]'`), which most frameworks
            read, or in `.npz`, which NumPy reads. An `.npz` takes every dtype; one that NumPy does
            not have is saved as bytes, and its name says so: `"dense/kernel:bfloat16"`.
        params, model_state: pytrees of arrays, as `model.init` gives them.

    Raises:
        ValueError: the path ends in something else; a leaf is no array of numbers, or of a dtype
            that the format has not; or two leaves have the same name.

    >>> import jax, jsgd, tempfile
    >>> model = jsgd.models.REGISTRY["mlp"](jax.ShapeDtypeStruct((1, 8), "float32"), outputs=3)
    >>> params, model_state = model.init(jax.random.key(0))
    >>> folder = tempfile.TemporaryDirectory()
    >>> save_weights(f"{folder.name}/mlp.npz", params, model_state)
    >>> sorted(np.load(f"{folder.name}/mlp.npz"))[:3]
    ['dense0/bias', 'dense0/kernel', 'hyper/dropout']
    >>> like = model.init(jax.random.key(1))
    >>> params, model_state = load_weights(f"{folder.name}/mlp.npz", *like)
    >>> folder.cleanup()
    """
    named = by_path(params, model_state)
    write_arrays(path, {name: _array(name, x) for name, x in named.items()})


def load_weights(
    path: str | os.PathLike,
    params: Any,
    model_state: Any = None,
    *,
    ignore: Iterable[str] = (),
    convert: Callable[[str, np.ndarray], tuple[str, np.ndarray]] | None = None,
) -> tuple[Any, Any]:
    """Load weights into trees of the same structure, as `(params, model_state)`.

    Every array must be there, with its shape and dtype, and no other.

    Args:
        path: a file of `save_weights`, or another `.safetensors` or `.npz`.
        params, model_state: what the file is to fit, arrays or `jax.ShapeDtypeStruct`s:
            `*jax.eval_shape(model.init, jax.random.key(0))`.
        ignore: paths of what need not fit, such as the head: `"out"` is everything under it, `*`
            any text. There the leaves stay what they are in `params`, and the file's are not read.
        convert: for files of others: `convert(name, array) -> (path, array)` gives each array the
            path and the axes that it has here.

    Raises:
        ValueError: the file is broken, or does not fit: the message says which paths are missing,
            left over, or of another shape or dtype; or `ignore` has a path that there is not.

    A file of torch's, which has the kernels of dense layers (outputs, inputs), those of
    convolutions (outputs, inputs, height, width), and calls both weights:

    >>> def from_torch(name, x):
    ...     axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(x.ndim)
    ...     return name.replace(".", "/").replace("weight", "kernel"), x.transpose(axes)
    >>> from_torch("conv.weight", np.ones((8, 3, 5, 5)))[1].shape
    (5, 5, 3, 8)
    """
    found = read_arrays(path)
    if convert is not None:
        converted = dict(convert(name, x) for name, x in found.items())
        if len(converted) < len(found):
            raise ValueError(
                f"convert: it makes {len(converted)} paths of the {len(found)} names in {path}"
            )
        found = converted
    state = {} if model_state is None else model_state
    return fit_in((params, state), found, ignore, source=str(path), option="ignore")


def by_path(*trees: Any) -> dict[str, Any]:
    """`{path: leaf}` of all the trees together; raises `ValueError` if a path comes twice."""
    leaves = [pair for tree in trees for pair in jax.tree_util.tree_leaves_with_path(tree)]
    named: dict[str, Any] = {}
    for path, leaf in leaves:
        if path_name(path) in named:
            raise ValueError(f"{path_name(path)!r} is the path of two leaves: rename one of them")
        named[path_name(path)] = leaf
    return named


def is_under(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern is the path, or the path of something that it lies in.

    >>> [is_under("block1/conv/kernel", [p]) for p in ("block1", "block", "*kernel", "block[01]")]
    [True, False, True, True]
    """
    return any(fnmatchcase(path, p) or fnmatchcase(path, f"{p}/*") for p in patterns)


def fit_in(
    trees: tuple, found: dict[str, Any], but: Iterable[str], *, source: str, option: str
) -> Any:
    """The trees with what was found by path in place of their leaves, but for some that stay.

    Args:
        trees: pytrees of arrays or of shapes and dtypes.
        found: path -> array.
        but: patterns of the paths that need not fit.
        source, option: what was read, and where `but` was given: for the error message.

    Raises:
        ValueError: it does not fit, or a pattern fits nothing.
    """
    but = [but] if isinstance(but, str) else list(but)
    wanted = by_path(*jax.eval_shape(lambda x: x, trees))
    paths = wanted | found
    for pattern in but:
        if not any(is_under(path, [pattern]) for path in paths):
            tops = dict.fromkeys(path.partition("/")[0] for path in paths)
            raise ValueError(f"{option}: " + unknown("path", pattern, tops))
    wrong = []
    for path in paths:
        if is_under(path, but):
            continue
        if path not in found:
            wrong.append(f"{path!r} is missing")
        elif path not in wanted:
            wrong.append(f"{path!r} is left over")
        elif _type(found[path]) != _type(wanted[path]):
            wrong.append(f"{path!r} is {_type(found[path])}, not {_type(wanted[path])}")
    if wrong:
        more = f"; and {len(wrong) - 4} more" if len(wrong) > 4 else ""
        raise ValueError(
            f"{source} does not fit: {'; '.join(wrong[:4])}{more}. "
            f"Name in {option} what need not fit: {option}=('head', ...)"
        )

    def one(path, leaf):
        return leaf if is_under(path, but) else jnp.array(found[path])

    return tuple(map_with_path(one, tree) for tree in trees)


def _type(x: Any) -> str:
    return f"{x.dtype}{list(x.shape)}"


def _array(name: str, x: Any) -> np.ndarray:
    dtype = jnp.result_type(x)
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        raise ValueError(f"{name!r} is a random key: save jax.random.key_data of it, or nothing")
    return np.array(x, order="C", copy=None)
