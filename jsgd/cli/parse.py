"""From words on the command line to spaces and settings."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from jsgd.sweeps import choice, grid, loggrid, loguniform, normal, quniform, randint, uniform
from jsgd.sweeps.dimension import Dimension

_KINDS: dict[str, tuple[str, Callable[..., Dimension]]] = {
    "log": ("LOW:HIGH:COUNT", loggrid),
    "lin": ("LOW:HIGH:COUNT", lambda low, high, num: grid(np.linspace(low, high, _count(num)))),
    "uniform": ("LOW:HIGH", uniform),
    "loguniform": ("LOW:HIGH", loguniform),
    "quniform": ("LOW:HIGH:Q", quniform),
    "randint": ("LOW:HIGH", randint),
    "normal": ("MEAN:STD", normal),
}


def parse_space(words: Iterable[str]) -> dict[str, Dimension]:
    """A space from `NAME=VALUES` words.

    Raises:
        ValueError: a word cannot be read; the message begins with it.

    >>> space = parse_space(["lr=log:0.01:1:3", "optimizer=sgd,adam"])
    >>> space["lr"].values, space["optimizer"].values
    ((0.01, 0.1, 1.0), ('sgd', 'adam'))
    """
    return _read(words, _dimension)


def parse_setting(words: Iterable[str]) -> dict[str, Any]:
    """One setting from `NAME=VALUE` words; what is no number is an option of the model, a name.

    >>> parse_setting(["lr=0.1", "norm=group"])
    {'lr': 0.1, 'norm': 'group'}
    """
    return _read(words, _value)


def parse_layout(word: str) -> Any:
    """`chunk:K` as `("chunk", K)`; the others are themselves."""
    kind, colon, size = word.partition(":")
    return (kind, int(size)) if colon and size.isdecimal() else word


def parse_rungs(words: str | None) -> tuple[int, ...]:
    """`2,6` as whole numbers; none where nothing is said.

    Raises:
        ValueError: it is no list of whole numbers.
    """
    try:
        return tuple(int(x) for x in words.split(",")) if words else ()
    except ValueError:
        raise ValueError(f"--rungs {words}: whole numbers, such as 2,6") from None


def parse_batch_size(word: str) -> int | None:
    """A number, or `None` for "all"."""
    if word == "all":
        return None
    if not word.isdecimal():
        raise ValueError(f"--batch-size {word}: it must be a number or 'all'")
    return int(word)


def parse_size(word: str) -> tuple[int, int]:
    """`32` or `32x48` as (height, width).

    Raises:
        ValueError: it is neither.
    """
    height, x, width = word.partition("x")
    if not height.isdecimal() or (x and not width.isdecimal()):
        raise ValueError(f"--size {word}: pixels, such as 32, or HEIGHTxWIDTH, such as 32x48")
    return int(height), int(width or height)


def _read(words: Iterable[str], read: Callable[[str], Any]) -> dict[str, Any]:
    out = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier() or not value:
            raise ValueError(f"{word!r} is not NAME=VALUES, such as lr=0.1 or lr=log:1e-3:1:16")
        if name in out:
            raise ValueError(f"{word!r}: {name} is given twice")
        try:
            out[name] = read(value)
        except ValueError as error:
            raise ValueError(f"{word!r}: {error}") from None
    return out


def _dimension(text: str) -> Dimension:
    kind, colon, rest = text.partition(":")
    if not colon:
        return grid([_value(x) for x in text.split(",")])
    if kind == "choice":
        return choice([_value(x) for x in rest.split(",")])
    if kind not in _KINDS:
        raise ValueError(f"there is no {kind!r}; there are: {', '.join([*_KINDS, 'choice'])}")
    form, make = _KINDS[kind]
    parts = rest.split(":")
    if len(parts) != len(form.split(":")):
        raise ValueError(f"it must be {kind}:{form}")
    return make(*(_number(x) for x in parts))


def _value(text: str) -> float | str:
    """A number, or a name; `true` and `false` are 1 and 0."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return _number(text)
    except ValueError:
        if text.replace("-", "_").isidentifier() and text.lower() not in ("nan", "inf", "infinity"):
            return text
        raise


def _number(text: str) -> float:
    try:
        x = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not math.isfinite(x):
        raise ValueError(f"{text!r} is not a finite number")
    return x


def _count(num: float) -> int:
    if num != int(num) or num < 2:
        raise ValueError(f"a grid has 2 values or more, not {num:g}")
    return int(num)
