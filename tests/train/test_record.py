"""Records: what tells two runs apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsgd.train import Run
from jsgd.train.record import difference, fingerprint


def run(add=0.0, within=0.0, seed=0, start=0.0):
    """An epoch adds numbers that it closes over, as programs within it do."""
    outside = jnp.zeros(100).at[50].add(add)
    inside = np.zeros(100, np.float32)
    inside[50] = within
    key = jax.random.key(seed)

    @jax.jit
    def inner(x):
        return x + jnp.sum(inside)

    def advance(x):
        x, _ = jax.lax.scan(lambda x, _: (inner(x), None), x, length=2)
        return x + jnp.sum(outside) + jax.random.normal(key), {"x": x}

    return Run(lambda key, hyper: jnp.float32(start), advance)


def of(run):
    return fingerprint(run, jax.random.key(0), {})


def test_a_run_that_is_made_again_is_the_same():
    assert difference(of(run()), of(run())) is None


@pytest.mark.parametrize("change", [{"add": 1.0}, {"within": 1.0}, {"seed": 1}])
def test_another_array_anywhere_in_an_epoch_tells(change):
    assert "the program of an epoch is another one" in str(difference(of(run()), of(run(**change))))


def test_another_start_tells():
    assert "the program that begins a run" in str(difference(of(run()), of(run(start=1.0))))
