"""Groups: what changes shapes is swept too, with a program for each group and one table for all."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.sweeps import choice, sweep, uniform
from jsgd.train import Run


def swept(run, space, **how):
    fixed = {"epochs": 9, "metric": "score", "mode": "max", "layout": "vmap", "progress": False}
    return sweep(run, space, **fixed | how)


class Counted:
    """Makes runs of a vector that grows, and notes what each was made of and how often traced."""

    def __init__(self):
        self.made, self.traces = [], collections.Counter()

    def __call__(self, width, kind="even", scale=1.0):
        self.made.append((width, kind, scale))

        def init(key, hyper):
            x = jnp.zeros(width) + jax.random.uniform(key) * 1e-3
            return {"x": x, "speed": hyper["speed"], "extra": hyper.get("extra", jnp.float32(0.5))}

        def advance(carry):
            self.traces[width, kind] += 1
            x = carry["x"] + scale * carry["speed"] + carry["extra"]
            return carry | {"x": x}, {"score": jnp.mean(x)}

        return Run(init, advance)


@pytest.fixture
def make():
    return Counted()


SPEEDS = [3.0, 1.0, 8.0, 2.0, 9.0, 5.0, 4.0, 7.0, 6.0]


def test_the_table_of_groups_is_that_of_sweeps_of_each(make):
    space = {"width": [4, 8], "speed": SPEEDS, "kind": ["even", "odd"]}
    merged = swept(make, space, seeds=2)
    table = merged.table
    assert table["param_width"].dtype == np.int64
    for width in (4, 8):
        for kind in ("even", "odd"):
            alone = swept(make(width, kind), {"speed": SPEEDS}, seeds=2)
            rows = (table["param_width"] == width) & (table["param_kind"] == kind)
            np.testing.assert_array_equal(table["param_speed"][rows], alone.table["param_speed"])
            for name in ("mean_score", "std_score"):
                np.testing.assert_array_equal(table[name][rows], alone.table[name])
            np.testing.assert_array_equal(merged.curves["score"][rows], alone.curves["score"])
    assert sorted(table["rank"]) == list(range(1, 37))
    assert merged.best_params["speed"] == 9.0


def test_static_values_are_given_as_they_are(make):
    swept(make, {"width": [4.0, 8], "kind": ["odd"], "scale": [0.5], "speed": [1.0]}, epochs=1)
    assert make.made == [(4, "odd", 0.5), (8, "odd", 0.5)]
    assert all(type(width) is int for width, _, _ in make.made)


def test_one_compilation_a_group_and_rung_size(make, capsys):
    space = {"width": [4, 8], "speed": SPEEDS}
    result = swept(make, space, rungs=(1, 3), progress=True)
    # the check beforehand, then of the 18, 6 and 2 settings that run those of the group:
    # 5, 2 and 1 on each of two devices
    assert make.traces == {(4, "even"): 1 + 3, (8, "even"): 1 + 3}
    out = capsys.readouterr().out
    assert "2 groups, 2 compilations" in out
    assert "after epoch 1: 6 of 18 settings left, 2 compilations" in out
    assert result.info["compilations"] == 6
    assert "width=4, speed: 9 settings x 1 seeds = 9 members: 1 chunk of 5" in out
    assert result.table["status"].tolist().count("COMPLETED") == 2


def test_a_second_batch_compiles_nothing(make):
    space = {"width": [4], "speed": uniform(0, 1)}
    swept(make, space, n=9, sampler="tpe", at_once=3)
    assert make.traces[4, "even"] == 2  # the check beforehand, and the program


def test_a_name_that_does_not_apply_is_not_given(make):
    """Its default holds: 0.5."""
    branches = choice({"with": {"extra": [2.0]}, "without": {}})
    result = swept(make, {"width": [4], "speed": [1.0], "how": branches}, n=8, epochs=1)
    with_extra = result.table["param_how"] == "with"
    assert 0 < with_extra.sum() < 8
    np.testing.assert_array_equal(result.table["param_extra"], np.where(with_extra, 2.0, np.nan))
    scores = result.table["mean_score"]
    np.testing.assert_allclose(scores, np.where(with_extra, 3.0, 1.5), atol=1e-3)


def test_real_optimizers_batch_sizes_and_networks(run):
    """Each member of each group is its solo run."""
    data = jsgd.data.linear_regression()

    def make(optimizer, batch_size):
        model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
        opt = jsgd.optimizers.REGISTRY[optimizer].factory()
        return jsgd.train.make_run(jsgd.train.regression(model, data), opt, batch_size=batch_size)

    space = {"optimizer": ["sgd", "adam"], "batch_size": [16, 32], "lr": [0.01, 0.1]}
    result = swept(make, space, metric="test_loss", mode="min", epochs=2, key=5)
    for row in (0, 3, 6):
        params = result.params(row)
        hyper = {"lr": params.pop("lr")}
        solo, key = make(**params), jax.random.fold_in(jax.random.key(5), 0)
        fitted = jsgd.train.fit(solo, epochs=2, key=key, hyper=hyper, progress=False)
        np.testing.assert_allclose(
            result.curves["test_loss"][row, 0], fitted.history["test_loss"], rtol=1e-5
        )


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"speed": [1.0]}, "needs 'width': name it in the space, or give it a default"),
        ({"width": [4], "speed": ["fast"]}, r"speed = 'fast': .* takes \(width\)"),
        ({"width": [4], "sped": [1.0]}, "speed"),
    ],
)
def test_a_mistake_is_found_beforehand(make, space, message):
    with pytest.raises((ValueError, KeyError), match=message):
        swept(make, space)
    assert not make.traces
