"""The benchmark of fine-tuning, at a small scale: weights that were trained help."""

import finetune
import jax
import numpy as np

import jsgd


def network(data):
    """Not the CNN of the benchmark, which takes three times as long to compile."""
    mlp = jsgd.models.REGISTRY["mlp"]
    return mlp(data.train[0], data.outputs, features=(128, 64), dropout_rate=0.2)


def test_pretrained_weights_beat_those_from_scratch(monkeypatch):
    monkeypatch.setattr(finetune, "network", network)
    methods = ("from scratch", "all layers")
    before, table = finetune.measure([3e-3], seeds=6, epochs=20, pretraining=10, only=methods)
    assert before > 0.8
    scratch, tuned = (np.array(row["accuracy"]) for row in table.values())
    assert tuned.mean() > scratch.mean() + 0.02


def test_a_seed_draws_as_many_images_of_each_class():
    data = finetune.digits(5, 10)
    run = finetune.with_few_labels(network(data), data, jsgd.sgd())
    draw = jax.jit(lambda key: run.init(key, {})[0])
    rows = [draw(jax.random.key(seed)) for seed in (0, 1)]
    assert set(rows[0].tolist()) != set(rows[1].tolist())
    for drawn in rows:
        np.testing.assert_array_equal(np.bincount(data.train[1][drawn]), finetune.LABELS)
        assert len(set(drawn.tolist())) == len(drawn)
