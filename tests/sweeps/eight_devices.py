"""One population on eight devices and on one: test_layout.py runs this in a process of its own."""

import jax
import numpy as np

import jsgd
from jsgd.sweeps.layout import plan
from jsgd.sweeps.population import Population
from jsgd.sweeps.program import Members, compile_run


def main() -> None:
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    run = jsgd.train.make_run(jsgd.train.regression(model, data), jsgd.sgd(), batch_size=64)
    keys = jax.random.split(jax.random.key(0), 11)
    members = Members(keys, {"lr": np.geomspace(0.001, 0.1, 11)})
    losses = []
    for program in (
        compile_run(run, members, 3, jax.local_devices()[:1]),
        plan(run, members, 1, "vmap"),
    ):
        parts = list(Population.start(run, program, members, np.arange(11)).advance())
        losses.append(np.concatenate([metrics["test_loss"] for _, metrics in parts]))
    np.testing.assert_allclose(*losses, rtol=1e-5)
    print(f"{program.devices} devices agree with 1")


if __name__ == "__main__":
    main()
