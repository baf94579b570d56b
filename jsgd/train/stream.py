"""A run over a stream: it is given its samples, chunk by chunk, and holds none of them."""

from typing import Any

from jsgd.core import Optimizer
from jsgd.train.problem import Problem
from jsgd.train.run import Run, make_run


def make_stream_run(
    problem: Problem,
    opt: Optimizer,
    *,
    batch_size: int = 64,
    test_batch_size: int = 1024,
    norms: bool = False,
) -> Run:
    """As `make_run`, for sets larger than memory: `advance(carry, chunk) -> (carry, metrics)`.

    One `advance` goes through the batches of a chunk in their order (`jsgd.data.stream` has
    shuffled them), then does the test. The chunk is an argument: one program serves all chunks of
    one size. `fit(run, stream=jsgd.data.stream(...))` drives it, chunk by chunk.

    Args:
        problem: made with any one chunk as its training data, which is an example only.
        opt, batch_size, test_batch_size, norms: as of `make_run`. The rows that a chunk has beyond
            a multiple of the batch size are left out.

    Raises:
        ValueError: as `make_run`.

    >>> import jax, jsgd
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> run = make_stream_run(jsgd.train.regression(model, data), jsgd.sgd(0.1), batch_size=16)
    >>> carry, advance = run.init(jax.random.key(0), {"lr": 0.05}), jax.jit(run.advance)
    >>> for chunk in [data.train] * 5:  # elsewhere: in jsgd.data.stream(source, size=4096)
    ...     carry, metrics = advance(carry, chunk)
    >>> int(metrics["step"]), bool(metrics["test_loss"] < 0.05)
    (80, True)
    """

    def of(chunk: Any) -> Run:
        return make_run(
            problem._replace(train=chunk),
            opt,
            batch_size=batch_size,
            shuffle=False,
            test_batch_size=test_batch_size,
            norms=norms,
        )

    def advance(carry, chunk):
        return of(chunk).advance(carry)

    return of(problem.train)._replace(advance=advance, samples=None)  # a chunk may be of any size
