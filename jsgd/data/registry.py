"""The data sets by name, and `load`, which takes them as words."""

import inspect
from collections.abc import Callable
from typing import Any

from jsgd.data.arrays import load_npz
from jsgd.data.cifar import cifar10, cifar100
from jsgd.data.dataset import Dataset
from jsgd.data.digits import digits
from jsgd.data.idx import fashion_mnist, mnist
from jsgd.data.images import images
from jsgd.data.synthetic import linear_regression

REGISTRY: dict[str, Callable[..., Dataset]] = {
    "digits": digits,
    "linear_regression": linear_regression,
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "images": images,
    "npz": load_npz,
}


def load(name: str, **options: Any) -> Dataset:
    """Load a data set that is named in a word: `"digits"`, or `"mnist:DIR"` for one with a path.

    Args:
        name: one of `REGISTRY`, with `:PATH` behind it if its function takes a `path`.
        **options: the function's other arguments.

    Raises:
        ValueError: there is no such data set, the path is missing or one too many, or what the
            function itself raises.

    >>> load("digits", test_size=0.5).test[0].shape
    (899, 8, 8, 1)
    """
    kind, colon, path = name.partition(":")
    if kind not in REGISTRY:
        raise ValueError(
            f"there is no data set {kind!r}; there are: {', '.join(map(_form, REGISTRY))}"
        )
    if bool(path) != _takes_path(kind) or bool(colon) != bool(path):
        raise ValueError(f"data set {name!r}: write {_form(kind)}")
    return REGISTRY[kind](*([path] if path else []), **options)


def _takes_path(kind: str) -> bool:
    return "path" in inspect.signature(REGISTRY[kind]).parameters


def _form(kind: str) -> str:
    return f"{kind}:PATH" if _takes_path(kind) else kind
