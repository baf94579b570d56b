"""Folds: who is trained on and who is tested, and runs that take the fold as a number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.model_selection import KFold, StratifiedKFold

import jsgd
from jsgd.data import Dataset
from jsgd.train import classification, fold_rows, make_run

LABELS = np.repeat([5, 1, 3], [12, 6, 6])
VALUES = {"x": np.arange(24.0), "y": np.zeros((24, 2))}


def rows_of(data, n):
    return jax.tree.map(lambda x: x[:n], data)


@pytest.mark.parametrize("data", [(np.zeros((24, 2)), LABELS), VALUES], ids=["labels", "pytree"])
@pytest.mark.parametrize(("n", "folds"), [(24, 4), (23, 5), (24, 5), (20, 2)])
def test_folds_partition_the_rows(data, n, folds):
    train, test = fold_rows(rows_of(data, n), folds)
    assert test.shape == (folds, n // folds)
    assert len(np.unique(test)) == test.size
    for parts in zip(train, test, strict=True):
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n))


@pytest.mark.parametrize(
    ("data", "splitter"),
    [
        ((np.zeros(24), LABELS), StratifiedKFold),
        (VALUES, KFold),
        ((np.zeros(24), np.arange(24)), KFold),  # numbers, not classes
        ((np.zeros(24), np.zeros(24)), KFold),
    ],
)
def test_folds_of_equal_size_are_those_of_scikit_learn(data, splitter):
    theirs = splitter(4, shuffle=True, random_state=0).split(LABELS, LABELS)
    for ours, parts in zip(zip(*fold_rows(data, 4), strict=True), theirs, strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours, parts)


def test_what_is_left_over_is_of_the_class_that_its_fold_has_most_of():
    _, test = fold_rows((np.zeros(24), LABELS), 5)
    assert all(np.isin([1, 3], LABELS[rows]).all() for rows in test)


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    y = (np.arange(31) % 3).astype(np.int32)
    x = (rng.normal(size=(31, 4)) + np.eye(3, 4)[y]).astype(np.float32)
    data = Dataset((x, y), (x[:5], y[:5]), 3)
    return classification(jsgd.models.REGISTRY["linear"](x, 3), data)


@pytest.mark.parametrize("how", [{"batch_size": 6}, {"batch_size": 6, "shuffle": False}, {}])
def test_a_member_of_a_fold_is_a_run_on_the_split_data(problem, how):
    """Both folds in one program, against runs that know nothing of folds."""
    how = {"batch_size": None} | how

    def train(run, hyper):
        carry = run.init(jax.random.key(1), {"lr": 0.2} | hyper)
        for _ in range(2):
            carry, metrics = run.advance(carry)
        return carry.params, metrics

    run = make_run(problem, jsgd.sgd(), **how, folds=2)
    members = jax.jit(jax.vmap(lambda fold: train(run, {"fold": fold})))(jnp.arange(2.0))
    for fold, split in enumerate(zip(*fold_rows(problem.train, 2), strict=True)):
        parts = [jax.tree.map(lambda x, rows=rows: x[rows], problem.train) for rows in split]
        plain = make_run(problem._replace(train=parts[0], test=parts[1]), jsgd.sgd(), **how)
        alone = jax.jit(lambda plain=plain: train(plain, {}))()
        member = jax.tree.map(lambda x, fold=fold: x[fold], members)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-6, 1e-6), member, alone)


@pytest.mark.parametrize(
    ("hyper", "says"),
    [
        ({}, r"give fold, 0 to 2, or sweep\(..., folds=3\)"),
        ({"fold": 3}, "fold = 3: it must be 0 to 2"),
        ({"fold": -1.0}, "it must be 0 to 2"),
        ({"fold": np.float32(0.5)}, "it must be 0 to 2"),
        ({"fold": jnp.float32(jnp.nan)}, "it must be 0 to 2"),
        ({"fold": 0, "lrr": 1.0}, "did you mean 'lr'.* of the problem: .*, fold"),
    ],
)
def test_a_fold_that_there_is_not_is_refused(problem, hyper, says):
    run = make_run(problem, jsgd.sgd(), batch_size=4, folds=3)
    with pytest.raises(ValueError, match=says):
        jax.eval_shape(lambda: run.init(jax.random.key(0), hyper))


@pytest.mark.parametrize("folds", [1, 0, 32, 2.0, True])
def test_an_impossible_number_of_folds_is_refused(problem, folds):
    with pytest.raises(ValueError, match="it must be 2 to 31 samples"):
        make_run(problem, jsgd.sgd(), folds=folds)


def test_a_batch_larger_than_what_a_fold_trains_on_is_refused(problem):
    with pytest.raises(ValueError, match="batch_size = 22: it must be None or 1 to 21 samples"):
        make_run(problem, jsgd.sgd(), batch_size=22, folds=3)


def test_a_problem_that_has_a_fold_of_its_own_is_refused(problem):
    with pytest.raises(ValueError, match="'fold' is the problem's name"):
        make_run(problem._replace(hyper=problem.hyper | {"fold": 0.0}), jsgd.sgd(), folds=3)
