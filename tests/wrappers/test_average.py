"""The average of the parameters, and the one reader that finds it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from walks import PARAMS, STEPS, assert_close, assert_same, lenient, ours

import jsgd


def last(path):
    return jax.tree.map(lambda x: x[-1], path)


def weighted(path, decay):
    """The debiased average of a stacked path, by its definition: weights `decay**age`, sum one."""

    def one(x):
        weights = decay ** np.arange(len(x))[::-1]
        return np.tensordot(weights / weights.sum(), np.asarray(x, float), 1)

    return jax.tree.map(one, path)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99, 0.9999])
def test_average_is_debiased(decay):
    path, state = ours(jsgd.ema(jsgd.adam(0.1), decay))
    assert_same(path, ours(jsgd.adam(0.1))[0])  # training does not see it
    assert_close(jsgd.eval_params(last(path), state), weighted(path, decay))


def test_equals_optax():
    path, state = ours(jsgd.ema(jsgd.sgd(0.1), 0.9))
    tx = optax.ema(0.9, debias=True)
    tx_state = tx.init(PARAMS)
    for t in range(STEPS):
        params = jax.tree.map(lambda x, t=t: x[t], path)
        with lenient():
            average, tx_state = tx.update(params, tx_state)
    assert_close(jsgd.eval_params(params, state), average)


@pytest.mark.parametrize(
    "around",
    [
        jsgd.clip_by_value,
        lambda opt: jsgd.skip_nonfinite(jsgd.accumulate(jsgd.clip_by_global_norm(opt))),
        lambda opt: jsgd.partition({"all": opt}, lambda path, leaf: "all"),
    ],
    ids=["one wrapper", "three", "partition"],
)
def test_found_behind_wrappers(around):
    path, state = ours(around(jsgd.ema(jsgd.sgd(0.1), 0.9)))
    assert_close(jsgd.eval_params(last(path), state), weighted(path, 0.9))


def test_partition_averages_its_own_leaves():
    opts = {"slow": jsgd.ema(jsgd.sgd(0.1), 0.9), "plain": jsgd.sgd(0.1)}
    labels = {"layer": {"bias": "frozen", "kernel": "slow"}, "scale": "plain"}
    path, state = ours(jsgd.partition(opts, labels))
    params, seen = last(path), jsgd.eval_params(last(path), state)
    assert_close(seen["layer"]["kernel"], weighted(path["layer"]["kernel"], 0.9))
    assert np.abs(seen["layer"]["kernel"] - params["layer"]["kernel"]).max() > 1e-2
    assert_same((seen["layer"]["bias"], seen["scale"]), (PARAMS["layer"]["bias"], params["scale"]))


def test_outermost_average_counts():
    path, state = ours(jsgd.ema(jsgd.ema(jsgd.sgd(0.1), 0.5), 0.9))
    assert_close(jsgd.eval_params(last(path), state), weighted(path, 0.9))


def test_without_an_average_the_parameters_themselves():
    path, state = ours(jsgd.clip_by_value(jsgd.adam(0.1)))
    assert_same(jsgd.eval_params(last(path), state), last(path))


def test_average_is_kept_wide_and_shown_narrow():
    """In bfloat16 an average at 0.999 would never move."""
    opt = jsgd.ema(jsgd.sgd(1.0), 0.999)
    params, seen = jnp.ones(2, jnp.bfloat16), []
    state, step = opt.init(params), jax.jit(opt.step)
    for t in range(20):
        params, state = step(params, jnp.full(2, -1.0 if t % 2 else 1.0, jnp.bfloat16), state)
        seen.append(params)
    assert state.slots["average"].dtype == jnp.float32
    assert_close(state.slots["average"], weighted(jnp.stack(seen), 0.999))
    assert jsgd.eval_params(params, state).dtype == jnp.bfloat16


def test_one_decay_for_the_whole_tree():
    with pytest.raises(ValueError, match="decay is one number or schedule"):
        jsgd.ema(jsgd.sgd(), {"layer": 0.9, "scale": 0.9})
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\)"):
        jsgd.ema(jsgd.sgd(), 1.0)


@pytest.mark.parametrize(("start", "every"), [(0, 1), (0, 5), (1, 1), (4, 3), (7, 2)])
def test_swa_is_the_mean_of_its_members(start, every):
    path, state = ours(jsgd.swa(jsgd.adam(0.1), start, every))
    assert_same(path, ours(jsgd.adam(0.1))[0])  # training does not see it
    members = [t for t in range(1, STEPS + 1) if t >= start and (t - start) % every == 0]
    mean = jax.tree.map(lambda x: np.mean([x[t - 1] for t in members], axis=0), path)
    assert_close(jsgd.eval_params(last(path), state), mean)
    assert int(state.slots["count"]) == len(members)


def test_swa_equals_torch():
    torch = pytest.importorskip("torch")
    from torch.optim.swa_utils import AveragedModel

    path, state = ours(jsgd.swa(jsgd.sgd(0.1), start=3, every=2))
    module = torch.nn.Linear(2, 3, bias=False)
    averaged = AveragedModel(module)
    for t in range(3, STEPS + 1, 2):
        kernel = np.array(path["layer"]["kernel"][t - 1])
        module.weight.data = torch.tensor(kernel)
        averaged.update_parameters(module)
    assert_close(
        jsgd.eval_params(last(path), state)["layer"]["kernel"], averaged.module.weight.data.numpy()
    )


def test_swa_before_its_start():
    path, state = ours(jsgd.swa(jsgd.sgd(0.1), start=STEPS + 1))
    assert_same(jsgd.eval_params(last(path), state), last(path))
    assert int(state.slots["count"]) == 0


def test_swa_skips_what_does_not_count():
    """An infinite parameter between two members leaves the average finite."""
    opt = jsgd.swa(jsgd.sgd(1.0), start=1, every=2)
    params, state = opt.step(jnp.zeros(1), jnp.ones(1), opt.init(jnp.zeros(1)))
    _, state = opt.step(params, jnp.array([jnp.inf]), state)
    assert_same(state.slots["average"], jnp.array([-1.0]))


def test_swa_errors():
    with pytest.raises(ValueError, match=r"start must be in \[0, inf\)"):
        jsgd.swa(jsgd.sgd(), -1)
