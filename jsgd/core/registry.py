"""A row of a registry: what the laws, `jsgd list` and the README's table know of a factory."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One optimizer, wrapper or schedule.

    Attributes:
        factory: what the user calls.
        paper: short citation.
        reference: the independent implementation that it is tested against.
        variants: keyword arguments, one dict for every structure that the laws are held against.
        identity: the keyword arguments at which a wrapper changes nothing, if there are such.
        takes: the leaves it takes: `"all"`, `"matrices"` (2-D ones) or `"reals"`.
    """

    factory: Callable[..., Any]
    paper: str
    reference: str
    variants: tuple[dict[str, Any], ...] = ({},)
    identity: dict[str, Any] | None = None
    takes: str = "all"

    @property
    def summary(self) -> str:
        """The first sentence of the factory's docstring."""
        return (self.factory.__doc__ or "").strip().split("\n")[0]
