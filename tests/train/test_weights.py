"""Weights: what comes back is what was saved, and what does not fit is told by its path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from jsgd.train import load_weights, save_weights

PARAMS = {
    "conv": {"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.ones(3, jnp.bfloat16)},
    "file": {"scale": jnp.float32(2.0), "none": jnp.zeros((0, 3), jnp.float16)},
    "table": np.arange(6, dtype=np.int32).reshape(2, 3).T,
    "mask": jnp.ones(2, bool),
    "phase": jnp.ones(2, jnp.complex64) * 1j,
}
STATE = {"batch_stats": {"mean": jnp.full(2, 3.0)}}
LIKE = jax.eval_shape(lambda: (PARAMS, STATE))
BOTH = pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
PLAIN = {"body": {"kernel": jnp.ones((2, 3))}, "head": {"kernel": jnp.full((3, 2), 2.0)}}


def assert_equal(trees, others):
    assert jax.tree.structure(trees) == jax.tree.structure(others)
    for a, b in zip(jax.tree.leaves(trees), jax.tree.leaves(others), strict=True):
        assert isinstance(a, jax.Array)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


@BOTH
def test_what_comes_back_is_what_was_saved(tmp_path, suffix):
    save_weights(tmp_path / f"a{suffix}", PARAMS, STATE)
    assert_equal(load_weights(tmp_path / f"a{suffix}", *LIKE), (PARAMS, STATE))


def test_an_npz_takes_every_dtype(tmp_path):
    params = {name: jnp.ones(3, name) for name in ("float8_e5m2", "float8_e4m3fn", "int4")}
    save_weights(tmp_path / "a.npz", params)
    assert_equal(load_weights(tmp_path / "a.npz", params), (params, {}))


def test_numpy_reads_an_npz(tmp_path):
    save_weights(tmp_path / "a.npz", PARAMS, STATE)
    with np.load(tmp_path / "a.npz") as file:
        assert {"conv/kernel", "conv/bias:bfloat16", "batch_stats/mean"} <= set(file)
        np.testing.assert_array_equal(file["table"], PARAMS["table"])


def test_the_library_reads_safetensors(tmp_path):
    save_weights(tmp_path / "a.safetensors", PARAMS, STATE)
    arrays = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert {"conv/kernel", "conv/bias", "batch_stats/mean"} <= set(arrays)
    np.testing.assert_array_equal(arrays["table"], PARAMS["table"])


@pytest.mark.parametrize(
    ("like", "says"),
    [
        ({"body": PLAIN["body"]}, "'head/kernel' is left over"),
        (PLAIN | {"more": jnp.ones(1)}, "'more' is missing"),
        (
            PLAIN | {"head": {"kernel": jnp.ones((3, 4))}},
            r"'head/kernel' is float32\[3, 2\], not float32\[3, 4\]",
        ),
        (
            PLAIN | {"head": {"kernel": jnp.ones((3, 2), jnp.bfloat16)}},
            r"'head/kernel' is float32\[3, 2\], not bfloat16\[3, 2\]",
        ),
    ],
)
def test_what_does_not_fit_is_told_and_may_be_ignored(tmp_path, like, says):
    path = tmp_path / "a.npz"
    save_weights(path, PLAIN)
    with pytest.raises(ValueError, match=rf"a.npz does not fit: {says}. Name in ignore"):
        load_weights(path, like)
    params, _ = load_weights(path, like, ignore=("head", "mor*")[: 1 + ("more" in like)])
    assert_equal(params, like | {"body": PLAIN["body"]})


def test_a_path_to_ignore_must_be_one(tmp_path):
    save_weights(tmp_path / "a.npz", PLAIN)
    with pytest.raises(ValueError, match="ignore: there is no path 'haed': did you mean 'head'"):
        load_weights(tmp_path / "a.npz", PLAIN, ignore=("haed",))


def _from_torch(name, x):
    return name.replace(".", "/").replace("weight", "kernel"), x.T


def test_files_of_others_are_converted(tmp_path):
    theirs = {f"{name}.weight": np.asarray(x["kernel"]).T.copy() for name, x in PLAIN.items()}
    safetensors.numpy.save_file(theirs, tmp_path / "a.safetensors")
    params, _ = load_weights(tmp_path / "a.safetensors", PLAIN, convert=_from_torch)
    assert_equal(params, PLAIN)


def test_two_names_for_one_path_are_refused(tmp_path):
    save_weights(tmp_path / "a.npz", PLAIN)
    with pytest.raises(ValueError, match="convert: it makes 1 paths of the 2 names"):
        load_weights(tmp_path / "a.npz", PLAIN, convert=lambda name, x: ("w", x))
    with pytest.raises(ValueError, match="'a/b' is the path of two leaves"):
        save_weights(tmp_path / "b.npz", {"a": {"b": 1.0}, "a/b": 2.0})


@BOTH
@pytest.mark.parametrize("size", [0, 10, -5])
def test_a_file_that_is_cut_short_is_refused(tmp_path, suffix, size):
    path = tmp_path / f"a{suffix}"
    save_weights(path, PLAIN)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=rf"a{suffix} is no whole {suffix} file"):
        load_weights(path, PLAIN)


def test_a_changed_bit_is_found_in_an_npz(tmp_path):
    path = tmp_path / "a.npz"
    save_weights(path, {"w": jnp.full(100, 7.0)})
    path.write_bytes(path.read_bytes().replace(np.float32(7).tobytes(), b"abcd", 1))
    with pytest.raises(ValueError, match=r"a.npz is no whole .npz file.*CRC"):
        load_weights(path, {"w": jnp.ones(100)})


@BOTH
def test_a_save_that_fails_leaves_what_was_there(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"a{suffix}"
    save_weights(path, PLAIN)

    def fails(*paths):
        raise OSError("no space")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="no space"):
        save_weights(path, {"other": jnp.ones(1)})
    assert [x.name for x in tmp_path.iterdir()] == [path.name]
    assert_equal(load_weights(path, PLAIN)[0], PLAIN)


@pytest.mark.parametrize(
    ("name", "leaf", "says"),
    [
        ("a.pt", 1.0, "must end in .npz or .safetensors"),
        ("a.safetensors", jnp.ones(1, jnp.float8_e5m2), "'w' is float8_e5m2, .* save as .npz"),
        ("a.npz", jax.random.key(0), "'w' is a random key"),
    ],
)
def test_what_cannot_be_saved_is_refused(tmp_path, name, leaf, says):
    with pytest.raises(ValueError, match=says):
        save_weights(tmp_path / name, {"w": leaf})
    assert not list(tmp_path.iterdir())
