"""Names: whose they are, and what to say about one that nobody knows."""

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


def check_names(
    given: Iterable[str], opts: Iterable[str], problems: Iterable[str], off: Iterable[str] = ()
) -> None:
    """Raises `ValueError` unless every name is the optimizer's or the problem's, and not both's.

    Args:
        given: the names to check.
        opts, problems: the names of both.
        off: names that the problem would have, were they given; told to who asks for others.
    """
    opts, problems = list(opts), list(problems)
    held = f"of the optimizer: {', '.join(opts)}; of the problem: {', '.join(problems) or 'none'}"
    held += f"; off unless named: {', '.join(off)}" if off else ""
    for name in given:
        if name not in opts and name not in problems:
            raise ValueError(unknown("hyperparameter", name, [*opts, *problems, *off], held))
        if name in opts and name in problems:
            raise ValueError(
                f"{name!r} is the optimizer's and the problem's too: rename the latter"
            )
