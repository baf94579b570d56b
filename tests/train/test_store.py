"""A store of checkpoints: what is saved comes back."""

import numpy as np

from jsgd.train import store


def test_arrays_of_size_0_come_back_too(tmp_path):
    some = [np.zeros((0, 3), np.int8), np.arange(2.0), np.zeros(0, bool)]
    arrays = {"some": store.numbered(some), "none": store.numbered(some[:1]), "one": np.ones(3)}
    store.save(tmp_path, 4, {"epoch": 4}, arrays)
    notes, loaded = store.load(tmp_path, 4)
    assert notes == {"epoch": 4}
    assert loaded.keys() == arrays.keys()
    np.testing.assert_array_equal(loaded["one"], np.ones(3))
    pairs = zip(some + some[:1], store.listed(loaded["some"]) + store.listed(loaded["none"]))
    for was, now in pairs:
        assert (was.dtype, was.shape) == (now.dtype, now.shape)
        np.testing.assert_array_equal(was, now)
