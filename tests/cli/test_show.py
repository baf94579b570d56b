"""What is printed of a sweep."""

import numpy as np

from jsgd.cli.show import ranking
from jsgd.sweeps import SweepResult, choice, uniform
from jsgd.sweeps.result import tabulate
from jsgd.sweeps.space import dimensions


def test_the_ranking_has_strings_and_dashes_where_a_name_does_not_apply(capsys):
    space = {"o": choice({"sgd": {"momentum": uniform(0, 1)}, "adam": {"kind": ["a", "b"]}})}
    points = {
        "o": np.array(["sgd", "adam"]),
        "momentum": np.array([0.5, np.nan]),
        "kind": np.array(["", "b"]),
    }
    table = tabulate(points, {"score": np.array([[[0.1]], [[0.2]]])}, "score", "max", True)
    ranking(SweepResult(table, {}, dimensions(space), "score", "max"))
    head, first, second, best = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["rank", "o", "momentum", "kind"]
    assert first.split()[:4] == ["1", "adam", "-", "b"]
    assert second.split()[:4] == ["2", "sgd", "0.5", "-"]
    assert best == "best score 0.2000 at o adam, kind b"
