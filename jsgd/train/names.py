"""What to say about a name that nobody knows: what there is, and what was probably meant."""

import difflib
from collections.abc import Iterable


def unknown(what: str, name: str, known: Iterable[str], there_are: str | None = None) -> str:
    """The one line about an unknown name.

    >>> unknown("optimizer", "adm", ["adam", "sgd"])
    "there is no optimizer 'adm': did you mean 'adam'? There are: adam, sgd"
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? There" if near else "there"
    return f"there is no {what} {name!r}: {guess} are: {there_are or ', '.join(known) or 'none'}"
