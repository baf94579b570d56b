"""Runs on eight devices and on one: test_devices.py runs this in a process of its own."""

import jax
import numpy as np
from flax import linen as nn

import jsgd
from jsgd.data import Dataset
from jsgd.train import classification, fit, make_run

RUNS = {
    "momentum": (jsgd.sgd(0.1, momentum=0.9), {}),
    "adam": (jsgd.adam(jsgd.schedules.cosine(0.01, 8)), {"microbatch": 8}),
}


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(64, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        return nn.Dense(3)(nn.Dropout(0.1, deterministic=not train)(nn.relu(x)))


def share(state) -> float:
    """How much of an optimizer's state the first device holds."""
    leaves = jax.tree.leaves(state)
    return sum(x.addressable_shards[0].data.size for x in leaves) / sum(x.size for x in leaves)


def main() -> None:
    draw, y = np.random.default_rng(0), np.arange(70) % 3
    x = draw.normal(size=(70, 128)).astype(np.float32)
    model = jsgd.models.from_linen(Net(), x)
    problem = classification(model, Dataset((x, y), (x[:30], y[:30]), 3))
    for name, (opt, how) in RUNS.items():
        one = make_run(problem, opt, batch_size=32, **how)
        eight = make_run(problem, opt, batch_size=32, devices=8, shard_state=True, **how)
        ends = [fit(run, epochs=2, progress=False) for run in (one, eight)]
        for metric in ("loss", "test_loss"):
            np.testing.assert_allclose(*(end.history[metric] for end in ends), 1e-5, err_msg=name)
        carry = ends[1].carry
        for state in (eight.init(jax.random.key(0), {}).opt_state, carry.opt_state):
            assert share(state) < 0.17, (name, share(state))
        assert {len(x.sharding.device_set) for x in jax.tree.leaves(carry)} == {8}
        assert all(x.is_fully_replicated for x in jax.tree.leaves(carry.params)), name
    print(f"{', '.join(RUNS)}: 8 devices agree with 1")


if __name__ == "__main__":
    jax.config.update("jax_numpy_rank_promotion", "raise")
    main()
