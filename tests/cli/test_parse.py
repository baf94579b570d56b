"""Words on the command line: what they mean, and what is said of those that mean nothing."""

import numpy as np
import pytest

from jsgd.cli.parse import parse_batch_size, parse_layout, parse_setting, parse_space
from jsgd.sweeps import choice, grid, loggrid, loguniform, normal, quniform, randint, uniform


@pytest.mark.parametrize(
    ("word", "dimension"),
    [
        ("0,0.9,0.99", grid([0, 0.9, 0.99])),
        ("1e-3", grid([1e-3])),
        ("log:1e-3:1:16", loggrid(1e-3, 1, 16)),
        ("lin:0:0.5:3", grid([0, 0.25, 0.5])),
        ("uniform:-1:0.5", uniform(-1, 0.5)),
        ("loguniform:1e-5:1e-2", loguniform(1e-5, 1e-2)),
        ("quniform:0:0.5:0.1", quniform(0, 0.5, 0.1)),
        ("randint:1:10", randint(1, 10)),
        ("normal:-1:0.5", normal(-1, 0.5)),
        ("choice:0.9,0.95", choice([0.9, 0.95])),
        ("sgd,schedule-free_2", grid(["sgd", "schedule-free_2"])),
        ("choice:sgd,adam", choice(["sgd", "adam"])),
        ("true,False", grid([1, 0])),
    ],
)
def test_a_space(word, dimension):
    assert parse_space([f"lr={word}", "b=1"]) == {"lr": dimension, "b": grid([1])}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("lr", "'lr' is not NAME=VALUES"),
        ("lr=", "is not NAME=VALUES"),
        ("=0.1", "is not NAME=VALUES"),
        ("l-r=0.1", "is not NAME=VALUES"),
        ("lr=1e-3x", "'lr=1e-3x': '1e-3x' is not a number"),
        ("lr=0.1,a", "'lr=0.1,a': .*'a'.* in a grid: values are all numbers or all strings"),
        ("lr=Infinity", "'Infinity' is not a finite number"),
        ("lr=choice:a,", "'' is not a number"),
        ("lr=0.1,", "'' is not a number"),
        ("lr=nan", "'nan' is not a finite number"),
        ("lr=log:1:1e-3:16", "'lr=log:1:1e-3:16': a log grid needs 0 < low < high"),
        ("lr=log:0:1:16", "a log grid needs 0 < low < high"),
        ("lr=log:1e-3:1", "it must be log:LOW:HIGH:COUNT"),
        ("lr=log:1e-3:1:0", "2 numbers or more"),
        ("lr=lin:0:1:1.5", "2 values or more"),
        ("lr=uniform:1:0", "uniform needs low < high"),
        ("lr=quniform:0:1", "it must be quniform:LOW:HIGH:Q"),
        ("lr=quniform:0:1:0", "'lr=quniform:0:1:0': quniform needs 0 < q"),
        ("lr=normal:0", "it must be normal:MEAN:STD"),
        ("lr=normal:0:-1", "normal needs a finite mean and 0 < std, not 0.0 and -1.0"),
        ("lr=gauss:0:1", "there is no 'gauss'; there are: log, lin, uniform"),
    ],
)
def test_what_cannot_be_read_is_named(word, message):
    with pytest.raises(ValueError, match=message):
        parse_space([word])


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="lr is given twice"):
        parse_setting(["lr=1", "lr=2"])


def test_a_setting_is_of_numbers_and_names():
    setting = parse_setting(["lr=1e-2", "momentum=0", "norm=group"])
    assert setting == {"lr": 0.01, "momentum": 0.0, "norm": "group"}
    with pytest.raises(ValueError, match=r"'0.1,0.2' is not a number"):
        parse_setting(["lr=0.1,0.2"])


def test_layouts_and_batch_sizes():
    assert [parse_layout(x) for x in ("auto", "chunk:4")] == ["auto", ("chunk", 4)]
    assert [parse_batch_size(x) for x in ("64", "all")] == [64, None]
    with pytest.raises(ValueError, match="a number or 'all'"):
        parse_batch_size("-1")


def test_a_linear_grid_has_its_ends():
    values = parse_space(["x=lin:0:1:7"])["x"].values
    np.testing.assert_allclose(values, np.arange(7) / 6)
