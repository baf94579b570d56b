"""Export: a trained model, or a step of its training, as a file that runs without jsgd.

What runs it needs JAX and `flatbuffers` alone; so it is used:

    import jax, numpy
    from jax import export
    from pathlib import Path

    predict = jax.jit(export.deserialize(Path("model.jax").read_bytes()).call)
    y = predict(x)

    step = jax.jit(export.deserialize(Path("step.jax").read_bytes()).call)
    state = dict(numpy.load("start.npz"))
    for batch in batches:
        state, metrics = step(state, batch)
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from jsgd.core import Optimizer
from jsgd.core.tree import map_with_path
from jsgd.train.files import write
from jsgd.train.leaves import raw, wrapped
from jsgd.train.names import unknown
from jsgd.train.problem import Problem
from jsgd.train.run import Carry
from jsgd.train.stream import make_stream_run
from jsgd.train.weights import by_path

if TYPE_CHECKING:  # which brings in Flax
    from jsgd.models import Model

PLATFORMS = "cpu", "cuda", "rocm", "tpu"


def export_predict(
    path: str | os.PathLike,
    model: "Model",
    params: Any,
    model_state: Any,
    example: Any,
    *,
    batch_size: int | None = None,
    platforms: Sequence[str] | None = None,
) -> None:
    """Save `predict(x) -> y`, the model in evaluation with these weights.

    The weights are in the file. JAX promises to read it for six months with newer versions
    (https://docs.jax.dev/en/latest/export/export.html, compatibility guarantees).

    Args:
        path: the file, which is replaced whole.
        model, params, model_state: what to apply.
        example: an array or `jax.ShapeDtypeStruct` of a batch of inputs: their shape and dtype.
        batch_size: the rows of `x`, or `None` for any number. Convolutions on CPU then cut the
            patches of all images at once; and a model of your own whose Python code looks at the
            number of rows cannot be exported so.
        platforms: where it is to run, of "cpu", "cuda", "rocm" and "tpu"; `None` for where it is
            exported. Each gets what `jax.lax.platform_dependent` has for it.

    Raises:
        ValueError: a platform is unknown.
        ImportError: flatbuffers is missing: `pip install 'jsgd[export]'`.

    >>> import jsgd, tempfile
    >>> x = jax.ShapeDtypeStruct((1, 8, 8, 1), "float32")
    >>> model = jsgd.models.REGISTRY["mlp"](x, outputs=10)
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/model.jax"
    >>> export_predict(path, model, *model.init(jax.random.key(0)), x, platforms=("cpu", "tpu"))
    >>> from jax import export; from pathlib import Path
    >>> predict = export.deserialize(Path(path).read_bytes()).call
    >>> predict(jax.numpy.ones((5, 8, 8, 1))).shape
    (5, 10)
    >>> folder.cleanup()
    """
    from jax import export  # here: it takes a while to import

    (rows,) = export.symbolic_shape("batch" if batch_size is None else str(batch_size))
    x = jax.ShapeDtypeStruct((rows, *example.shape[1:]), example.dtype)
    _save(path, lambda x: model.apply(params, model_state, x, train=False)[0], (x,), platforms)


def export_step(
    path: str | os.PathLike,
    problem: Problem,
    opt: Optimizer,
    carry: Carry,
    *,
    batch_size: int = 64,
    platforms: Sequence[str] | None = None,
) -> dict[str, jax.Array]:
    """Save `step(state, batch) -> (state, metrics)`, and return the state to start from.

    There the state is a dict: path -> array of all that a run carries, the hyperparameters too, so
    that `state["opt_state/hyper/lr"]` may be set, or mapped over. `save_weights("start.npz",
    state)` saves it. A step is that of `make_run`, with its metrics of the batch, no test.

    Args:
        path: the file, which is replaced whole.
        problem: what is trained; its data is not in the file.
        opt: the optimizer.
        carry: where the run is, of `make_run`: as `run.init` makes it, or later.
        batch_size: the rows of a batch, 1 to the number of samples of the problem. A batch is as
            `problem.train`: of `classification` the tuple `(x, y)`.
        platforms: as of `export_predict`.

    Raises:
        ValueError: as of `export_predict`, or the batch size is not possible.

    >>> import jsgd, tempfile
    >>> data = jsgd.data.linear_regression()
    >>> model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    >>> problem, opt = jsgd.train.regression(model, data), jsgd.adam(0.1)
    >>> carry = jsgd.train.make_run(problem, opt).init(jax.random.key(0), {})
    >>> folder = tempfile.TemporaryDirectory()
    >>> state = export_step(f"{folder.name}/step.jax", problem, opt, carry, batch_size=16)
    >>> from jax import export; from pathlib import Path
    >>> step = jax.jit(export.deserialize(Path(folder.name, "step.jax").read_bytes()).call)
    >>> state, metrics = step(state, tuple(x[:16] for x in data.train))
    >>> int(state["t"]), sorted(metrics)
    (1, ['diverged_at', 'loss', 'step'])
    >>> folder.cleanup()
    """
    problem = problem._replace(test=None)
    advance = make_stream_run(problem, opt, batch_size=batch_size).advance

    def step(state, batch):
        like = map_with_path(lambda path, x: wrapped(state[path], x), carry)
        new, metrics = advance(like, batch)
        return jax.tree.map(raw, by_path(new)), metrics

    start = jax.tree.map(raw, by_path(carry))
    batch = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((batch_size, *x.shape[1:]), x.dtype), problem.train
    )
    _save(path, step, (jax.eval_shape(lambda x: x, start), batch), platforms)
    return start


def _save(
    path: str | os.PathLike, fn: Callable, args: tuple, platforms: Sequence[str] | None
) -> None:
    from jax import export

    for name in platforms or ():
        if name not in PLATFORMS:
            raise ValueError(unknown("platform", name, PLATFORMS))
    exported = export.export(jax.jit(fn), platforms=platforms)(*args)
    try:
        data = exported.serialize()
    except ImportError:
        raise ImportError("programs need flatbuffers: pip install 'jsgd[export]'") from None
    write(Path(path), bytes(data))
