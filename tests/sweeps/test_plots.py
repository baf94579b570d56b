"""Pictures: which there are, and that they show what they should."""

import numpy as np
import pytest

from jsgd.sweeps import SweepResult, choice, grid, loggrid, loguniform, settings, uniform
from jsgd.sweeps.plots import heat_map, learning_curves, pictures, png, sensitivity
from jsgd.sweeps.result import tabulate
from jsgd.sweeps.space import dimensions


def made_up(space, n=None, mode="max", diverging=0.5, seeds=2):
    """A result whose score peaks at lr = 0.05, and where a great lr diverges."""
    points = settings(space, n)
    lr = points["lr"]
    score = np.exp(-((np.log10(lr) + 1.3) ** 2)) * (0.9 if mode == "max" else -0.9) + 0.05
    spread = 0.01 * np.arange(seeds)
    curves = np.linspace(0.3, 1, 4) * (score[:, None] + spread)[..., None]
    bad = np.where(lr > diverging, 5, -1)[:, None, None] * np.ones((1, seeds, 4), int)
    curves = {"score": np.where(bad > 0, np.nan, curves), "diverged_at": bad}
    table = tabulate(points, curves, "score", mode, True)
    return SweepResult(table, curves, dimensions(space), "score", mode)


GRID = {"momentum": grid([0, 0.9]), "lr": loggrid(1e-3, 1, 7)}


@pytest.mark.parametrize(
    ("space", "n", "names"),
    [
        ({"lr": loggrid(1e-3, 1, 4)}, None, {"curves", "sensitivity"}),
        (GRID, None, {"curves", "sensitivity", "heatmap"}),
        ({"lr": loguniform(1e-3, 1), "b": uniform(0, 1)}, 9, {"curves", "sensitivity", "heatmap"}),
        ({"lr": loguniform(1e-3, 1), "b": uniform(0, 1), "c": choice([1, 2])}, 9,
         {"curves", "sensitivity"}),
        ({"lr": 0.1}, None, {"curves"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_pictures_that_suit_the_space(space, n, names, mode):
    figures = pictures(made_up(space, n, mode))
    assert set(figures) == names
    for figure in figures.values():
        assert png(figure).startswith(b"\x89PNG")


def cells(figure):
    """The numbers in the cells, by (column, row)."""
    return {t.get_position(): t.get_text() for t in figure.axes[0].texts}


def test_a_heat_map_has_every_score_in_its_cell():
    result = made_up(GRID)
    figure = heat_map(result, "momentum", "lr")
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("lr", "momentum")
    assert [t.get_text() for t in ax.get_xticklabels()][:3] == ["0.001", "0.00316", "0.01"]
    texts = cells(figure)
    assert len(texts) == 14
    for row in range(14):
        at = row % 7, row // 7
        score = result.table["mean_score"][row]
        assert texts[at] == ("\N{MULTIPLICATION SIGN}" if np.isnan(score) else f"{score:.3f}"[1:])


def test_a_heat_map_frames_the_best():
    result = made_up(GRID)
    (frame,) = heat_map(result, "momentum", "lr").axes[0].patches
    column = int(frame.get_x() + 0.5)
    assert GRID["lr"].values[column] == result.best_params["lr"]


def test_the_colours_are_not_spent_on_bad_settings():
    result = made_up(GRID)
    (image,) = heat_map(result, "momentum", "lr").axes[0].images
    scores = result.table["mean_score"]
    assert image.norm.vmin == pytest.approx(np.nanmedian(scores))
    assert image.norm.vmax == pytest.approx(np.nanmax(scores))


def test_a_grid_of_three_shows_the_best_over_the_third():
    result = made_up(GRID | {"lr": grid([0.01, 0.05]), "c": grid([1, 2])})
    best = result.table["mean_score"].reshape(2, 2, 2).max(axis=2)
    texts = cells(heat_map(result, "momentum", "lr"))
    assert sorted(texts.values()) == sorted(f"{x:.3f}"[1:] for x in best.ravel())


def test_diverged_settings_are_marked_in_a_sensitivity_curve():
    result = made_up({"lr": loggrid(1e-3, 1, 7)})
    ax = sensitivity(result).axes[0]
    assert ax.get_xscale() == "log"
    crosses = next(line for line in ax.lines if line.get_label() == "diverged")
    np.testing.assert_allclose(crosses.get_xdata(), [1.0])
    assert len(ax.collections) == 1  # the band


def test_the_best_learning_curves_are_named():
    result = made_up(GRID)
    labels = [t.get_text() for t in learning_curves(result).axes[0].get_legend().get_texts()]
    assert len(labels) == 5
    assert labels[0] == f"1.  momentum 0,  lr {result.best_params['lr']:.3g}"
