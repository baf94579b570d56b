"""Every jsgd optimizer keeps optax's public contract: what optax promises of its own, of ours.

Where only types matter, nothing is compiled (`jax.eval_shape`).
"""

import inspect
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import CASES, example, given
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec
from scripts import EIGHT_DEVICES, run_script

import jsgd

every_case = pytest.mark.parametrize("name", CASES)
DTYPES = {  # and the leaves that take them
    "bfloat16": ("all", "matrices", "reals"),
    "float16": ("all", "matrices", "reals"),
    "float32": ("all", "matrices", "reals"),
    "float64": ("all", "matrices", "reals"),
    "complex64": ("all", "matrices"),
    "complex128": ("all", "matrices"),
}


@pytest.fixture(autouse=True)
def _standard_promotion():
    """optax's own functions do not run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def close(a, b, rtol=1e-5, atol=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol, atol), a, b)


def types(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), jax.eval_shape(lambda: tree))


def is_prefix(prefix, tree):
    """An array, or more, in `tree` for every leaf of `prefix`."""
    try:
        return bool(jax.tree.structure(prefix).flatten_up_to(tree))
    except ValueError:
        return False


def split(x):
    """The axes that an array is split along; one that knows of no mesh is whole."""
    return [(i, axis) for i, axis in enumerate(x.sharding.spec) if axis] if x.sharding else []


def assert_stable(tx, params, grads):
    """An update keeps the types of its state, so that `lax.cond` and `lax.scan` take it."""

    def run(params, grads):
        state = tx.init(params)
        more = given(params, grads) | {"nobody_knows": 3}
        return tx.update(grads, state, params, **more), state

    (updates, after), before = jax.eval_shape(run, params, grads)

    def named(tree):
        return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type, split(x)), tree)

    assert named(after) == named(before)
    expected = jax.tree.map(lambda p: (p.shape, p.dtype), params)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), updates) == expected


@every_case
def test_updates_are_the_step(name):
    """Under `lax.cond` too: the state keeps its types."""
    case = CASES[name]
    params, grads = example(case, jnp.float32)
    opt = case.make()
    tx = jsgd.to_optax(opt)
    more = given(params, grads)

    @jax.jit
    def both(params, state):
        updates, other = jax.lax.cond(
            True,
            lambda: tx.update(grads, state, params, **more),
            lambda: (jax.tree.map(jnp.zeros_like, params), state),
        )
        return optax.apply_updates(params, updates), other, opt.step(params, grads, state, **more)

    updated, state, (stepped, expected) = both(params, opt.init(params))
    close(updated, stepped)
    close(state, expected)


@every_case
def test_without_params(name):
    """As in optax: the same updates where the rule does not read them, else an error."""
    case = CASES[name]
    params, grads = example(case, jnp.float32)
    opt = case.make()
    tx, state = jsgd.to_optax(opt), opt.init(params)
    if opt.init.needs_params:
        with pytest.raises(ValueError, match="depends on the parameters"):
            tx.update(grads, state)
    else:
        more = given(params, grads)
        without, _ = tx.update(grads, state, **more)
        close(without, tx.update(grads, state, params, **more)[0], atol=1e-5)


@every_case
@pytest.mark.parametrize("dtype", DTYPES)
def test_types_are_stable(name, dtype):
    """Shapes, dtypes and weak types, with extra arguments that nobody knows."""
    case = CASES[name]
    if case.takes not in DTYPES[dtype]:
        return
    with jax.enable_x64(dtype in ("float64", "complex128")):
        assert_stable(jsgd.to_optax(case.make()), *example(case, jnp.dtype(dtype)))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.per_example])
def test_inside_multi_steps(name):
    """Which sums gradients, and so takes none of single examples."""
    case = CASES[name]
    tx = optax.MultiSteps(jsgd.to_optax(case.make()), 2).gradient_transformation()
    assert_stable(tx, *example(case, jnp.float32))


@every_case
def test_inject_hyperparams_over_the_factory(name):
    """Every number is one of its hyperparameters; the state keeps its types."""
    case = CASES[name]

    def factory(**hyper):
        return jsgd.to_optax(case.make(**hyper))

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(x, keyword) for x in case.hyper]
    factory.__signature__ = inspect.Signature(parameters)
    tx = optax.inject_hyperparams(factory)(**case.hyper)
    params, grads = example(case, jnp.float32)
    assert_stable(tx, params, grads)
    assert jax.eval_shape(tx.init, params).hyperparams.keys() == case.hyper.keys()


@every_case
def test_map_params(name):
    """It finds what is like the parameters, and only that."""
    case = CASES[name]
    params, _ = example(case, jnp.float32)
    tx = jsgd.to_optax(case.make())
    state = jax.eval_shape(tx.init, params)
    assert optax.tree.map_params(tx, lambda x: x, state) == state
    marked = optax.tree.map_params(tx, lambda _: 1, state, transform_non_params=lambda _: 0)

    def check(marks, state):
        assert not any(jax.tree.leaves((marks.t, marks.hyper)))
        for slot, mark in zip(state.slots.values(), marks.slots.values(), strict=True):
            leaves = jax.tree.leaves(slot)
            assert jax.tree.leaves(mark) == [is_prefix(params, slot)] * len(leaves)
        inner = state.inner if isinstance(state.inner, jsgd.State) else None
        if inner is not None:
            check(marks.inner, inner)

    check(marked, state)


@every_case
def test_abstract_init(name):
    """`jax.eval_shape` gives the types of the state that `init` makes."""
    case = CASES[name]
    params, _ = example(case)
    tx = jsgd.to_optax(case.make())
    assert types(jax.eval_shape(tx.init, params)) == types(tx.init(params))


WHOLE = ("compress", "galore", "partition", "project-onto=l1", "project-onto=simplex")


@every_case
def test_explicit_sharding(name):
    """On eight devices, with shardings in the types, the state's do not change.

    Where a rule multiplies matrices, sorts, or takes blocks of a leaf, JAX asks where the result of
    split ones shall lie; so it does of optax's. Such rules are given matrices that are not split.
    """
    case = CASES[name]
    mesh = AbstractMesh((8,), ("x",), axis_types=(AxisType.Explicit,))

    def leaves(*examples):
        def leaf(shape, *spec):
            spec = PartitionSpec(*[None] * len(examples), *spec)
            sharding = NamedSharding(mesh, spec)
            return jax.ShapeDtypeStruct((*examples, *shape), jnp.float32, sharding=sharding)

        tree = {"whole": leaf((16, 8), None, None)}
        if case.takes == "matrices":
            return tree
        if not name.startswith(WHOLE):
            tree |= {"rows": leaf((16, 8), "x", None), "columns": leaf((3, 8), None, "x")}
        if not name.startswith(("compress", "project-onto")):
            tree["bias"] = leaf((8,), "x")
        return tree | {"scale": leaf(())}

    with jax.sharding.use_abstract_mesh(mesh):
        grads = leaves(5) if case.per_example else leaves()
        assert_stable(jsgd.to_optax(case.make()), leaves(), grads)


def test_on_eight_devices():
    """Not the types alone: the updates are those of one device, and stay where they were."""
    printed = run_script(Path(__file__).parent / "eight_devices.py", **EIGHT_DEVICES)
    assert printed == "8 rules on 8 devices\n"
