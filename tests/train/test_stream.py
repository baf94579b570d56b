"""Runs over streams: as a run that holds the samples, without holding them."""

import jax
import numpy as np

import jsgd
from jsgd.train import make_run, make_stream_run, regression


def test_chunks_one_after_the_other_are_the_epoch_of_a_run_that_holds_them():
    data = jsgd.data.linear_regression(n=96)
    problem = regression(jsgd.models.REGISTRY["linear"](data.train[0], data.outputs), data)
    run = make_run(problem, jsgd.sgd(0.1), batch_size=16, shuffle=False)
    expected, metrics = jax.jit(run.advance)(run.init(jax.random.key(0), {}))
    chunks = [jax.tree.map(lambda x, at=at: x[at : at + 32], data.train) for at in (0, 32, 64)]
    traces = []

    def loss(*args, **kwargs):
        traces.append(1)
        return problem.loss(*args, **kwargs)

    example = problem._replace(train=jax.tree.map(np.zeros_like, chunks[0]), loss=loss)
    streamed = make_stream_run(example, jsgd.sgd(0.1), batch_size=16)
    carry, advance = streamed.init(jax.random.key(0), {}), jax.jit(streamed.advance)
    carry, last = advance(carry, chunks[0])
    once = len(traces)
    for chunk in chunks[1:]:
        carry, last = advance(carry, chunk)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), carry.params, expected.params
    )
    np.testing.assert_allclose(last["test_loss"], metrics["test_loss"], rtol=1e-6)
    assert last["step"] == 6
    assert len(traces) == once  # one program serves all chunks
