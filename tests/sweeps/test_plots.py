"""Pictures: which there are, and that they show what they should."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from jsgd.sweeps import SweepResult, choice, grid, loggrid, loguniform, settings, uniform
from jsgd.sweeps.plots import (
    heat_map,
    importances,
    learning_curves,
    parallel_coordinates,
    pictures,
    png,
    sensitivity,
    variance_shares,
)
from jsgd.sweeps.plots.look import NOTHING, extent, short
from jsgd.sweeps.result import tabulate
from jsgd.sweeps.space import dimensions

GRID = {"momentum": grid([0, 0.9]), "lr": loggrid(1e-3, 1, 7)}
LR = {"lr": loggrid(1e-3, 0.1, 8)}
DRAWS = {
    "lr": loguniform(1e-3, 1),
    "b": uniform(0, 1),
    "c": choice([1, 2]),
    "d": loguniform(1e-9, 1e-3),
    "e": uniform(-1, 1),
    "f": choice([0.9, 0.99, 0.999]),
}


def peak(points):
    """Best at lr = 0.05; the other hyperparameters do nothing."""
    return np.exp(-((np.log10(points["lr"]) + 1.3) ** 2))


def made_up(space, n=None, mode="max", diverging=0.5, seeds=2, score=peak, bad_epoch=2, epochs=4):
    """A result whose settings with a great lr diverge after `bad_epoch` good epochs."""
    points = settings(space, n)
    score = 0.9 * score(points) + 0.05
    score = score if mode == "max" else 1 - score
    curves = np.linspace(0.3, 1, epochs) * (score[:, None] + 0.01 * np.arange(seeds))[..., None]
    bad = (points["lr"] > diverging)[:, None, None] & (np.arange(epochs) >= bad_epoch)
    bad = np.broadcast_to(bad, curves.shape)
    curves = {"score": np.where(bad, np.nan, curves), "diverged_at": np.where(bad, 5, -1)}
    table = tabulate(points, curves, "score", mode, True)
    return SweepResult(table, curves, dimensions(space), "score", mode)


def halved(space, n=None, mode="max"):
    """A result half of whose settings were stopped after the second of four epochs."""
    full = made_up(space, n, mode)
    lengths = np.where(full.table["rank"] <= len(full.order) / 2, 4, 2)
    gone = np.arange(4) >= lengths[:, None, None]
    scores = np.where(gone, np.nan, full.curves["score"])
    curves = full.curves | {"score": scores}
    points = {name: full.table[f"param_{name}"] for name in space}
    table = tabulate(points, curves, "score", mode, True, lengths)
    return SweepResult(table, curves, full.space, "score", mode)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def labelled(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


@pytest.mark.parametrize(
    ("space", "n", "names"),
    [
        ({"lr": loggrid(1e-3, 1, 4)}, None, {"curves", "sensitivity"}),
        ({"lr": loguniform(1e-3, 1)}, 30, {"curves", "sensitivity"}),
        (GRID, None, {"curves", "sensitivity", "heatmap"}),
        (
            GRID | {"lr": loggrid(1e-3, 1, 64)},
            None,
            {"curves", "sensitivity", "heatmap", "importance"},
        ),
        (dict(list(DRAWS.items())[:2]), 9, {"curves", "sensitivity", "heatmap"}),
        (dict(list(DRAWS.items())[:3]), 9, {"curves", "sensitivity", "parallel"}),
        (DRAWS, 30, {"curves", "sensitivity", "parallel", "importance"}),
        ({"lr": 0.1}, None, {"curves"}),
        ({"lr": 0.1, "momentum": 0.9}, None, {"curves"}),
        (GRID | {"b1": 0.9}, None, {"curves", "sensitivity", "heatmap"}),
    ],
)
def test_the_pictures_that_suit_the_space(space, n, names):
    assert set(pictures(made_up(space, n))) == names


@pytest.mark.parametrize(
    ("space", "n"), [({"lr": loguniform(1e-3, 1)}, 9), (GRID, None), (DRAWS, 30)]
)
@pytest.mark.parametrize(
    "how",
    [{}, {"mode": "min", "bad_epoch": 0}, {"seeds": 1, "epochs": 1, "diverging": np.inf}],
)
def test_every_picture_can_be_drawn(space, n, how):
    for figure in pictures(made_up(space, n, **how)).values():
        assert png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("bad_epoch", [0, 2])
@pytest.mark.parametrize(("space", "n"), [({"lr": 0.1}, None), (GRID, None), (DRAWS, 30)])
def test_pictures_of_a_sweep_that_diverged(space, n, mode, bad_epoch):
    result = made_up(space, n, mode, diverging=0, bad_epoch=bad_epoch)
    figures = pictures(result) | {"parallel": parallel_coordinates(result)}
    assert "importance" not in figures
    for figure in figures.values():
        png(figure)
        assert "best" not in figure.get_suptitle()
        assert legend(figure) == ["diverged"]


def test_every_picture_can_be_drawn_of_a_single_setting():
    result = made_up({"lr": 0.1, "momentum": 0.9})
    for draw in (sensitivity, heat_map, parallel_coordinates, learning_curves):
        assert "best score" in draw(result).get_suptitle()
        png(draw(result))


# strings, and names that do not apply to every setting

TREE = {
    "optimizer": choice({"sgd": {"b": uniform(0, 1)}, "adam": {"b2": choice([0.99, 0.999])}}),
    "batch_size": choice([32, 64, 256]),
    "lr": loguniform(1e-3, 1),
}


@pytest.fixture(scope="module")
def branched():
    return made_up(TREE, 40)


def test_pictures_of_conditions(branched):
    figures = pictures(branched)
    assert set(figures) == {"curves", "sensitivity", "parallel", "importance"}
    for figure in figures.values():
        png(figure)
    best = branched.best_params
    first = legend(figures["curves"])[0]
    assert first.startswith(f"1. optimizer {best['optimizer']}, b")
    assert len(first.split(", ")) == len(best) == 4


def test_a_panel_has_the_settings_to_which_its_name_applies(branched):
    optimizer, b, b2, _, lr = sensitivity(branched).axes
    table, good = branched.table, np.isfinite(branched.table["mean_score"])
    assert [t.get_text() for t in optimizer.get_xticklabels()] == ["adam", "sgd"]
    best = labelled(optimizer, "best at each value")
    assert (best.get_linestyle(), best.get_marker()) == ("None", "_")
    for ax, rows in ((b, table["param_optimizer"] == "sgd"), (b2, table["param_b2"] > 0)):
        dots = next(line for line in ax.lines if line.get_marker() == "o")
        assert len(dots.get_xdata()) == (good & rows).sum()
    dots = next(line for line in lr.lines if line.get_marker() == "o")
    assert len(dots.get_xdata()) == good.sum()


def test_lines_of_a_list_of_spaces_say_what_does_not_apply():
    lr = loggrid(1e-3, 0.1, 4)
    space = [{"optimizer": "sgd", "lr": lr, "b": [0, 0.9]}, {"optimizer": "adam", "lr": lr}]
    _, ax, _ = sensitivity(made_up(space)).axes
    words = [t.get_text() for t in ax.get_legend().get_texts()]
    assert words == [f"adam, {NOTHING}", "sgd, 0", "sgd, 0.9"]
    assert [len(x.get_xdata()) for x in ax.lines[:3]] == [4, 4, 4]
    cells = heat_map(made_up(space), "b", "lr").axes[0].collections[0].get_array()
    assert cells.shape == (2, 4)


def test_lines_pass_below_an_axis_that_does_not_apply(branched):
    ax = parallel_coordinates(branched, "optimizer", "b", "lr").axes[0]
    shown = [x for x in ax.collections if isinstance(x, LineCollection)][-1].get_segments()
    heights = np.array([[y for _, y in line] for line in shown])
    sgd = heights[:, 0] > 0.5
    assert ((heights[:, 1] < 0) == ~sgd).all()
    assert (heights[:, [0, 2, 3]] >= 0).all()
    assert [t.get_text() for t in ax.texts] == [NOTHING]


def test_a_heat_map_has_the_settings_to_which_both_apply(branched):
    table = branched.table
    both = np.isfinite(table["mean_score"]) & (table["param_optimizer"] == "sgd")
    assert len(heat_map(branched, "b", "lr").axes[0].collections[0].get_offsets()) == both.sum()
    assert "heatmap" not in pictures(
        made_up({"o": choice([{"b": uniform(0, 1)}, {}]), "lr": 0.1}, 9)
    )


def test_grids_that_were_drawn_from_are_cells_only_if_none_is_missing():
    space = {"lr": grid([0.1, 0.2]), "b": grid([1, 2]), "c": uniform(0, 1)}
    few, many = (heat_map(made_up(space, n)).axes[0].collections[0] for n in (3, 60))
    assert len(few.get_offsets()) == 3
    assert many.get_array().shape == (2, 2)


@pytest.mark.parametrize("draw", [sensitivity, parallel_coordinates, heat_map])
@pytest.mark.parametrize("names", [["b", "b2"], ["c", "lr"], ["c"]])
def test_names_that_never_apply_leave_nothing_to_see(draw, names):
    space = [{"lr": loguniform(1e-3, 1), "b": uniform(0, 1)}, {"lr": 0.1, "b2": [1, 2]}]
    result = made_up([*space, {"lr": 0.2, "c": 1}], 5)
    result.table["param_c"][:] = np.nan
    png(draw(result, *names))


def test_a_gap_is_not_what_importances_learn_from():
    space = {"o": choice({"sgd": {"b": uniform(0, 1)}, "adam": {"c": uniform(0, 1)}}), "lr": 0.1}
    result = made_up(space, 200, score=lambda p: np.where(p["o"] == "sgd", p["b"], 0.5))
    share, _, r2 = variance_shares(result)
    assert r2 > 0.9
    assert share["b"] > 0.7
    assert share["o"] > 0.2  # which of the two it is decides whether b counts
    assert share["c"] < 0.02


@pytest.mark.parametrize("draw", [sensitivity, parallel_coordinates])
def test_an_unknown_hyperparameter_is_refused(draw):
    with pytest.raises(ValueError, match="there is no hyperparameter 'mometum': did you mean"):
        draw(made_up(GRID), "mometum")


# heat map


def cells(figure):
    """The numbers in the cells, by (column, row)."""
    ax = figure.axes[0]
    xs, ys = (np.unique(x) for x in zip(*(t.get_position() for t in ax.texts)))
    return {
        (np.searchsorted(xs, t.get_position()[0]), np.searchsorted(ys, t.get_position()[1])): (
            t.get_text()
        )
        for t in ax.texts
    }


def test_a_heat_map_has_every_score_in_its_cell_and_hatches_where_there_is_none():
    result = made_up(GRID)
    figure = heat_map(result, "momentum", "lr")
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("lr", "momentum")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert [t.get_text() for t in ax.get_xticklabels()][:3] == ["0.001", "0.00316", "0.01"]
    (mesh,) = [x for x in ax.collections if x.get_array() is not None]
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh.get_array()), [[0, 0, 0, 0, 0, 0, 1]] * 2)
    assert ax.patch.get_hatch()
    assert legend(figure) == ["best", "diverged"]
    texts = cells(figure)
    assert len(texts) == 12
    for row, score in enumerate(result.table["mean_score"]):
        if np.isfinite(score):
            assert texts[row % 7, row // 7] == f"{score:.3f}"[1:]


@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_heat_map_frames_the_best(mode):
    result = made_up(GRID, mode=mode)
    (frame,) = heat_map(result, "momentum", "lr").axes[0].patches
    best = result.best_params
    assert frame.get_x() < best["lr"] < frame.get_x() + frame.get_width()
    assert frame.get_width() < best["lr"] * 1.3  # half a cell to each side, on a log axis
    assert frame.get_y() < (best["momentum"] > 0) < frame.get_y() + 1


def test_the_colours_are_not_spent_on_bad_settings():
    result = made_up(GRID)
    ax, bar = heat_map(result, "momentum", "lr").axes
    scores = result.table["mean_score"]
    norm = ax.collections[0].norm
    assert norm.vmin == pytest.approx(np.nanmedian(scores))
    assert norm.vmax == pytest.approx(np.nanmax(scores))
    assert bar.get_ylabel() == "score"


def test_a_grid_of_three_shows_the_best_over_the_third():
    result = made_up(GRID | {"lr": grid([0.01, 0.05]), "c": grid([1, 2])})
    best = result.table["mean_score"].reshape(2, 2, 2).max(axis=2)
    texts = cells(heat_map(result, "momentum", "lr"))
    assert sorted(texts.values()) == sorted(f"{x:.3f}"[1:] for x in best.ravel())


def test_the_hyperparameters_of_a_heat_map_can_be_chosen():
    result = made_up({"a": grid([1]), "b": grid([1, 2]), "lr": grid([0.1, 0.2, 0.3])})
    for names, labels in [
        ((), ("lr", "b")),
        (("a",), ("b", "a")),
        ((None, "a"), ("b", "a")),
        (("a", "lr"), ("lr", "a")),
    ]:
        ax = heat_map(result, *names).axes[0]
        assert (ax.get_xlabel(), ax.get_ylabel()) == labels


def test_a_long_title_is_broken_between_hyperparameters():
    lines = (
        learning_curves(made_up(DRAWS | {"a_long_name": uniform(1, 2)}, 9))
        .get_suptitle()
        .split("\n")
    )
    assert len(lines) > 1
    assert all(line.endswith(",") for line in lines[:-1])


@pytest.mark.parametrize("count", [4, 16, 64])
def test_the_ticks_of_a_heat_map_stay_few(count):
    space = {"lr": loggrid(1e-3, 1, count), "b": grid(np.linspace(0, 1, count))}
    figure = heat_map(made_up(space))
    ax = figure.axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert bool(ax.texts) == (count == 4)
    png(figure)  # ticks are settled when drawn
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert 2 <= len([t for t in labels if t.get_text()]) <= 16


def test_an_uneven_grid_has_cells_of_one_size():
    space = {"b": grid([0, 0.5, 0.9, 0.99]), "lr": loggrid(1e-3, 1, 3)}
    ax = heat_map(made_up(space)).axes[0]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "0.5", "0.9", "0.99"]
    assert np.diff(ax.get_xticks()).tolist() == [1, 1, 1]
    many = heat_map(made_up(space | {"b": grid(np.linspace(0, 1, 40) ** 3)})).axes[0]
    assert many.get_xticks().tolist() == list(range(0, 40, 4))


def test_draws_are_points_and_what_diverged_crosses():
    result = made_up(dict(list(DRAWS.items())[:2]), 30)
    ax = heat_map(result).axes[0]
    bad = (result.table["status"] == "DIVERGED").sum()
    assert 0 < bad < 30
    assert {ax.get_xscale(), ax.get_yscale()} == {"log", "linear"}
    assert len(ax.collections[0].get_offsets()) == 30 - bad
    assert len(labelled(ax, "diverged").get_xdata()) == bad
    assert labelled(ax, "best").get_xdata() == [result.best_params[ax.get_xlabel()]]


def test_there_is_no_colour_bar_where_there_is_no_colour():
    result = made_up(GRID, diverging=0)
    assert len(heat_map(result).axes) == 1
    assert len(parallel_coordinates(result).axes) == 4
    assert len(learning_curves(result).axes) == 1


@pytest.mark.parametrize(("space", "names"), [({"lr": 0.1}, ()), (GRID, ("lr", "lr"))])
def test_a_heat_map_needs_two(space, names):
    with pytest.raises(ValueError, match="a heat map needs two hyperparameters"):
        heat_map(made_up(space), *names)


# sensitivity


@pytest.mark.parametrize(("mode", "edge"), [("max", 0), ("min", 1)])
def test_diverged_settings_are_marked_at_the_bad_edge(mode, edge):
    result = made_up({"lr": loggrid(1e-3, 1, 7)}, mode=mode)
    ax = sensitivity(result).axes[0]
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "lr", "score")
    (crosses,) = [line for line in ax.lines if line.get_marker() == "x"]
    np.testing.assert_allclose(crosses.get_xdata(), [1.0])
    assert abs(crosses.get_ydata()[0] - edge) < 0.05
    assert crosses.get_transform() == ax.get_xaxis_transform()


def test_a_band_goes_from_the_worst_to_the_best_seed():
    result = made_up({"lr": loggrid(1e-3, 0.1, 5)}, seeds=3)
    figure = sensitivity(result)
    (band,) = figure.axes[0].collections
    corners = band.get_paths()[0].vertices
    at = np.isclose(corners[:, 0], 0.1)
    last = result.curves["score"][-1, :, -1]
    assert {corners[at, 1].min(), corners[at, 1].max()} == {last.min(), last.max()}
    assert "worst to best of 3 seeds" in legend(figure)
    assert not sensitivity(made_up({"lr": loggrid(1e-3, 0.1, 5)}, seeds=1)).axes[0].collections


def test_few_lines_are_drawn_one_by_one_and_many_are_points():
    result = made_up(GRID)
    for_momentum, for_lr = sensitivity(result).axes
    assert (for_lr.get_xscale(), for_momentum.get_xscale()) == ("log", "linear")
    drawn = [line for line in for_lr.lines if len(line.get_xdata()) == 7]
    assert [t.get_text() for t in for_lr.get_legend().get_texts()] == ["0", "0.9"]
    assert for_lr.get_legend().get_title().get_text() == "momentum"
    for line, rows in zip(drawn, (slice(0, 7), slice(7, 14)), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), result.table["mean_score"][rows])
    assert for_momentum.get_legend() is None  # it would be seven lines
    best = labelled(for_momentum, "best at each value")
    np.testing.assert_allclose(best.get_ydata(), np.nanmax(result.table["mean_score"]))


def test_the_star_is_the_best():
    result = made_up(GRID, mode="min")
    for ax, name in zip(sensitivity(result, "lr", "momentum").axes, ("lr", "momentum")):
        (star,) = [line for line in ax.lines if line.get_marker() == "*"]
        assert star.get_xdata() == [result.best_params[name]]
        assert star.get_ydata() == [result.best_score]


# parallel coordinates


def test_parallel_coordinates_have_an_axis_each_and_a_line_a_setting():
    result = made_up(DRAWS, 30)
    figure = parallel_coordinates(result)
    ax, *sides = figure.axes
    scales = [side.get_yscale() for side in sides[:7]]
    assert scales == ["log", "linear", "linear", "log", "linear", "linear", "linear"]
    assert [t.get_text() for t in ax.get_xticklabels()] == [*DRAWS, "score"]
    bad = (result.table["status"] == "DIVERGED").sum()
    lost, shown = (x for x in ax.collections if isinstance(x, LineCollection))
    assert (len(lost.get_segments()), len(shown.get_segments())) == (bad, 30 - bad)
    scores = result.table["mean_score"][result.order[: 30 - bad]]
    np.testing.assert_array_equal(shown.get_array(), scores[::-1])  # the best above the others
    assert len(ax.lines[0].get_xdata()) == bad  # their crosses
    assert legend(figure) == ["best", "diverged"]


@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_line_crosses_each_axis_at_its_value(mode):
    result = made_up(DRAWS, 30, mode)
    ax, *sides = parallel_coordinates(result).axes
    heights = labelled(ax, "best").get_ydata()
    places = {name: x for name, x in result.best_params.items() if name != "f"}
    for side, height, x in zip(sides, heights, [*places.values(), None]):
        if x is not None:
            at = side.transAxes.inverted().transform(side.transData.transform((0, x)))
            assert at[1] == pytest.approx(height)
    at = (
        sides[6]
        .transAxes.inverted()
        .transform(sides[6].transData.transform((0, result.best_score)))
    )
    assert at[1] == pytest.approx(heights[6])
    assert heights[6] > 0.9  # the good end is on top
    ticks = [t.get_text() for t in sides[5].get_yticklabels()]
    assert ticks[round(heights[5] * 2)] == short(result.best_params["f"])


# learning curves


def test_the_best_learning_curves_are_named_and_have_bands():
    result = made_up(GRID)
    figure = learning_curves(result)
    assert len(legend(figure)) == 3 + 2
    assert legend(figure)[0] == f"1. momentum 0, lr {result.best_params['lr']:.3g}"
    assert legend(figure)[3:] == ["diverged", "worst to best of 2 seeds"]
    ax = figure.axes[0]
    first = labelled(ax, legend(figure)[0])
    np.testing.assert_allclose(
        first.get_ydata(), result.curves["score"][result.order[0]].mean(axis=0)
    )
    assert len([x for x in ax.collections if not isinstance(x, LineCollection)]) == 3


def test_learning_curves_are_coloured_by_rank():
    result = made_up(GRID)
    ranked = next(x for x in learning_curves(result).axes[0].collections)
    assert ranked.get_array().tolist() == list(range(12, 0, -1))
    best = ranked.get_segments()[-1]
    np.testing.assert_allclose(best[:, 0], [1, 2, 3, 4])
    assert best[-1, 1] == result.best_score


@pytest.mark.parametrize(("bad_epoch", "end"), [(0, 1), (2, 2), (3, 3)])
def test_diverged_learning_curves_end_where_they_diverged(bad_epoch, end):
    result = made_up(GRID, bad_epoch=bad_epoch)
    # a run may go on with numbers that mean nothing
    result.curves["score"][:] = np.nan_to_num(result.curves["score"], nan=0.3)
    ax = learning_curves(result).axes[0]
    lost = ax.collections[1].get_segments()
    assert [len(segment) for segment in lost] == [bad_epoch, bad_epoch]
    (crosses,) = [line for line in ax.lines if line.get_marker() == "x"]
    assert crosses.get_xdata().tolist() == [end, end]


def test_stopped_learning_curves_end_in_a_dot():
    result = halved({"lr": loggrid(1e-3, 0.1, 8)})
    figure = learning_curves(result)
    assert figure.get_suptitle().startswith("8 settings, 4 stopped: best score")
    assert legend(figure)[3] == "stopped"
    ax = figure.axes[0]
    dots = labelled(ax, "stopped")
    assert dots.get_xdata().tolist() == [2] * 4
    stopped = result.table["status"] == "STOPPED"
    np.testing.assert_allclose(
        np.sort(dots.get_ydata()), np.sort(result.table["mean_score"][stopped])
    )
    png(figure)


def test_stopped_learning_curves_have_the_colour_of_their_rung():
    result = halved({"lr": loggrid(1e-3, 0.1, 8)})
    figure = learning_curves(result)
    ax, bar = figure.axes
    assert (bar.get_ylabel(), [t.get_text() for t in bar.get_yticklabels()]) == (
        "epochs", ["2", "4"]
    )  # fmt: skip
    (lines,) = (x for x in ax.collections if isinstance(x, LineCollection))
    ran = [np.isfinite(segment[:, 1]).sum() for segment in lines.get_segments()]
    assert sorted(zip(ran, lines.get_array().tolist(), strict=True)) == [(2, 0)] * 4 + [(4, 1)] * 4


@pytest.mark.parametrize("n", [None, 8])
def test_stopped_settings_are_hollow(n):
    result = halved({"lr": loguniform(1e-3, 0.1), "b": uniform(0, 1)} if n else LR, n)
    figure = sensitivity(result)
    hollow = [x for x in figure.axes[0].lines if str(x.get_markerfacecolor()) in ("white", "none")]
    stopped = result.table["status"] == "STOPPED"
    np.testing.assert_allclose(
        np.sort(hollow[0].get_xdata()), np.sort(result.table["param_lr"][stopped])
    )
    assert "stopped early" in legend(figure)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_score_of_a_stopped_setting_is_its_last(mode):
    result = halved({"lr": loggrid(1e-3, 0.1, 8)}, mode=mode)
    ax = sensitivity(result).axes[0]
    line = next(line for line in ax.lines if len(line.get_xdata()) == 8)
    np.testing.assert_array_equal(line.get_ydata(), result.table["mean_score"])
    (band,) = ax.collections
    assert np.isfinite(band.get_paths()[0].vertices).all()
    assert len(band.get_paths()) == 1


# importance


def test_the_shares_of_a_sum_are_those_of_its_terms():
    space = {"lr": loguniform(1e-4, 1), "b": uniform(0, 1), "c": uniform(0, 1)}
    result = made_up(
        space, 300, diverging=np.inf, score=lambda p: 3 * np.log10(p["lr"]) / 4 + p["b"]
    )
    share, spread, r2 = variance_shares(result)
    assert list(share) == ["lr", "b", "c"]
    assert share["lr"] == pytest.approx(0.9, abs=0.07)
    assert share["b"] == pytest.approx(0.1, abs=0.05)
    assert share["c"] < 0.01
    assert 0 < spread["lr"] < 0.1
    assert r2 > 0.9
    assert variance_shares(result) == (share, spread, r2)


def test_an_interaction_counts_for_all_who_take_part():
    space = {"lr": grid(np.linspace(0.01, 0.3, 12)), "b": grid(np.linspace(0, 1, 12))}
    result = made_up(space, score=lambda p: (p["lr"] > 0.15) ^ (p["b"] > 0.5))
    share, _, _ = variance_shares(result)
    assert share == pytest.approx({"lr": 1, "b": 1}, abs=0.15)


def test_importances_are_bars_with_error_bars():
    result = made_up(DRAWS, 40)
    figure = importances(result)
    ax = figure.axes[0]
    share, spread, r2 = variance_shares(result)
    assert [bar.get_width() for bar in ax.patches] == list(share.values())
    assert [t.get_text() for t in ax.get_yticklabels()] == list(share)
    assert ax.get_yticklabels()[0].get_text() == "lr"
    (errors,) = ax.collections
    low, high = errors.get_segments()[0][:, 0]
    assert high - low == pytest.approx(2 * spread["lr"])
    good = np.isfinite(result.table["mean_score"]).sum()
    assert figure.get_suptitle() == f"{good} settings; R² on settings not seen {r2:.2f}"


def test_importances_compare_scores_of_one_epoch():
    space = {"lr": loggrid(1e-3, 0.1, 12), "b": grid([1, 2])}
    full, result = made_up(space), halved(space)
    assert "STOPPED" in result.table["status"]
    early = {name: x[..., :2] for name, x in full.curves.items()}
    points = {name: full.table[f"param_{name}"] for name in space}
    table = tabulate(points, early, "score", "max", True)
    assert variance_shares(result) == variance_shares(
        SweepResult(table, early, full.space, "score", "max")
    )
    assert importances(result).axes[0].get_xlabel().endswith("score at epoch 2")
    assert importances(full).axes[0].get_xlabel().endswith("score")


def test_importances_need_enough_settings():
    with pytest.raises(ValueError, match="19 settings have a score: importances need 20 or more"):
        importances(made_up({"lr": loggrid(1e-3, 1, 20)}, diverging=0.9))


def test_equal_scores_have_no_variance_to_share():
    space = GRID | {"lr": loggrid(1e-3, 0.1, 15)}
    share, _, _ = variance_shares(made_up(space, score=lambda p: 0 * p["lr"]))
    assert share == {"momentum": 0, "lr": 0}


# what is shown of the scores


def test_losses_far_apart_are_on_a_log_axis():
    assert extent(np.array([1.0, 49.0]), "min").log is False
    assert extent(np.array([1.0, 50.0]), "min").log is True
    assert extent(np.array([0.0, 1e9]), "min").log is False
    assert extent(np.array([1.0, 50.0]), "max").log is False


@pytest.mark.parametrize("mode", ["max", "min"])
def test_what_is_far_worse_than_most_is_off_the_scale(mode):
    sign = -1 if mode == "max" else 1
    low, high, log = extent(sign * np.array([-1.0, 0, 1, 1e9, np.nan]), mode)
    assert not log
    assert max(abs(low), abs(high)) < 40
    low, high, _ = extent(sign * np.array([-1.0, 0, 1, 10]), mode)
    assert 10 <= max(abs(low), abs(high)) < 11
    assert extent(np.array([np.nan]), mode) == (0, 1, False)
    assert extent(np.array([1e30, 1, 0.01, 0.1, 0.1]), "min").high < 1e3


def test_accuracies_are_all_on_the_scale():
    low, high, _ = extent(np.array([0.1, 0.987, 0.988, 0.989]), "max")
    assert low < 0.1
    assert high == 1.01


@pytest.mark.parametrize("draw", [heat_map, sensitivity, learning_curves], ids=lambda f: f.__name__)
def test_notebooks_show_pictures(draw):
    assert draw(made_up(GRID))._repr_png_().startswith(b"\x89PNG")
