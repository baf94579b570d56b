"""The order of an epoch: every order is as likely as another."""

import collections

import jax
import numpy as np
import pytest
from scipy.stats import chisquare

from jsgd.train import permutation


@pytest.mark.parametrize("n", [1, 2, 3, 1437, 2**16, 2**16 + 1])
def test_every_number_comes_once(n):
    keys = jax.random.split(jax.random.key(0), 2)
    one, two = jax.vmap(lambda key: permutation(key, n))(keys)
    np.testing.assert_array_equal(np.sort(one), np.arange(n))
    np.testing.assert_array_equal(one, permutation(keys[0], n))
    assert one.dtype == np.int32
    assert n < 9 or not np.array_equal(one, two)


def test_every_order_is_as_likely():
    keys = jax.random.split(jax.random.key(0), 24_000)
    orders = np.asarray(jax.jit(jax.vmap(lambda key: permutation(key, 4)))(keys))
    counts = collections.Counter(map(tuple, orders.tolist()))
    assert len(counts) == 24
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_every_place_is_as_likely():
    keys = jax.random.split(jax.random.key(1), 20_000)
    orders = np.asarray(jax.jit(jax.vmap(lambda key: permutation(key, 100)))(keys))
    for sample in (0, 50, 99):
        places = np.argmax(orders == sample, axis=1)
        assert chisquare(np.bincount(places, minlength=100)).pvalue > 1e-3
