"""The learning rate that `find_lr` suggests: stable, good to train with, drawn, or refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.sweeps import find_lr
from jsgd.train import Run, fit


def quadratic(curvature, name="lr", opt=None, low=1.0):
    """Gradient descent on a quadratic, stable below 2 / curvature: 20 steps an epoch."""
    opt = opt or jsgd.sgd()
    slopes = jnp.asarray([low, curvature], jnp.float32)

    def init(key, hyper):
        params = jnp.ones(2, jnp.float32)
        return params, jsgd.set_hyper(opt.init(params), lr=hyper[name])

    def advance(carry):
        def step(carry, _):
            params, state = carry
            value = jnp.sum(slopes * params**2) / 2
            return opt.step(params, slopes * params, state), value

        carry, values = jax.lax.scan(step, carry, length=20)
        return carry, {"loss": jnp.mean(values), "last": values[-1]}

    return Run(init, advance)


QUIET = {"progress": False, "layout": "vmap"}


@pytest.mark.parametrize("curvature", [1.0, 30.0])
@pytest.mark.parametrize("metric", ["loss", "last"])
def test_on_a_quadratic_it_is_stable_and_not_small(curvature, metric):
    found = find_lr(quadratic(curvature), n=32, metric=metric, **QUIET)
    assert 0.1 / curvature < found.lr < 1 / curvature
    assert 2 / curvature < found.edge < 4 / curvature
    assert found.rates[[0, -1]] == pytest.approx([1e-6, 10])
    assert found.losses.shape == (32,)


@pytest.fixture(scope="module")
def steep():
    """Of rates that go so high that some diverge, with another name for them."""
    run = quadratic(30.0, "step_size")
    return find_lr(run, 1e-4, 1e6, 24, name="step_size", epochs=2, **QUIET)


def test_the_rate_may_have_another_name(steep):
    assert 0.1 / 30 < steep.lr < 1 / 30
    assert steep.lr < steep.result.best_params["step_size"] < steep.edge


def test_what_diverged_is_nan_and_beyond_the_edge(steep):
    bad = np.isnan(steep.losses)
    assert bad.any()
    assert (steep.rates[bad] > steep.edge).all()


def test_it_is_drawn(steep, tmp_path):
    fig = steep.plot(tmp_path / "lr.png")
    assert (tmp_path / "lr.png").stat().st_size > 10_000
    ax = fig.axes[0]
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["diverged", "unstable", f"suggested step size {steep.lr:.3g}"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step size", "loss after 2 epochs")
    assert ax.get_xscale() == "log"
    assert steep.plot(ax=ax) is fig


def test_the_edge_may_lie_beyond_the_range():
    found = find_lr(quadratic(1.0), 1e-6, 1.5, 16, **QUIET)
    assert np.isnan(found.edge)
    assert "unstable" not in [x.get_label() for x in found.plot().axes[0].patches]


def test_digits_are_learnt_well_with_it():
    data = jsgd.data.digits()
    model = jsgd.models.REGISTRY["logistic"](data.train[0], data.outputs)
    run = jsgd.train.make_run(jsgd.train.classification(model, data), jsgd.adam(), batch_size=64)
    found = find_lr(run, n=12, **QUIET)
    trained = fit(run, epochs=10, hyper={"lr": found.lr}, progress=False)
    assert trained.history["test_accuracy"][-1] >= 0.95


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"low": 1.0}, "no lr from 1 to 10 lowers the loss: try lower ones"),
        ({"n": 7}, "n = 7: it must be a whole number >= 8"),
        ({"low": 0.0}, "a log grid needs 0 < low < high"),
        ({"metric": "los"}, "there is no metric 'los': did you mean 'loss'"),
    ],
)
def test_what_cannot_be_found_is_said(how, says):
    with pytest.raises(ValueError, match=says):
        find_lr(quadratic(30.0), **{"n": 8} | how, **QUIET)
