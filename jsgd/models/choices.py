"""An option that is one of a few words."""

from collections.abc import Iterable


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raises `ValueError` unless the value is one of the choices.

    >>> check_choice("norm", "layer", ("batch", "group", "none"))
    Traceback (most recent call last):
    ValueError: norm = 'layer': it must be one of batch, group, none
    """
    if value not in choices:
        raise ValueError(f"{name} = {value!r}: it must be one of {', '.join(choices)}")
