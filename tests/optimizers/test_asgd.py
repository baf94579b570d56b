"""The average that ASGD keeps; its path has a golden trace."""

import jax.numpy as jnp
import numpy as np
import pytest
from walks import NOISE, PARAMS, STEPS, gradient

import jsgd


@pytest.mark.parametrize("t0", [0, 3, 100])
def test_average_is_the_mean_since_t0(t0, x64):
    """And the parameters themselves before."""
    opt = jsgd.asgd(lr=0.1, lambd=0.3, t0=t0)
    params, state = PARAMS, opt.init(PARAMS)
    np.testing.assert_array_equal(
        jsgd.eval_params(params, state)["layer"]["kernel"], params["layer"]["kernel"]
    )
    path = []
    for t in range(STEPS):
        noise = {
            "layer": {k: x[t] for k, x in NOISE["layer"].items()},
            "scale": NOISE["scale"][t],
        }
        params, state = opt.step(params, gradient(params, noise), state)
        path.append(params["layer"]["kernel"])
        mean = jnp.mean(jnp.stack(path[min(t0 + 1, t) :]), axis=0)
        average = jsgd.eval_params(params, state)["layer"]["kernel"]
        np.testing.assert_allclose(average, mean, rtol=1e-6)
