"""The laws of DESIGN section 2, held against every optimizer and wrapper.

The golden traces (law 10) are in test_golden.py, the schedules' own tests in schedules/.
"""

import pickle
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES, example, given
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.tree_util import tree_flatten_with_path

import jsgd
from jsgd import wrappers
from jsgd.core.ranges import RANGES

every_case = pytest.mark.parametrize("name", CASES)


def full(step):
    """A step that is given all there is to give."""
    return lambda params, grads, state: step(params, grads, state, **given(params, grads))


@cache
def program(step):
    """One compilation a step for the whole file, which donates, and the list of its traces."""
    traces = []

    def traced(params, grads, state):
        traces.append(1)
        return full(step)(params, grads, state)

    return jax.jit(traced, donate_argnums=(0, 2)), traces


def run(step, params, grads, state):
    """That program, on copies."""
    params, state = jax.tree.map(jnp.copy, (params, state))
    return program(step)[0](params, grads, state)


def assert_same(a, b, rtol=0.0, atol=0.0):
    (xs, one), (ys, other) = tree_flatten_with_path(a), tree_flatten_with_path(b)
    assert one == other
    for (path, x), (_, y) in zip(xs, ys, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.dtype, x.shape) == (y.dtype, y.shape), path
        if rtol == atol == 0.0:
            assert np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"), path
        else:
            slack = 2.0**-7 if x.dtype.itemsize == 2 else 0.0  # one rounding of a half
            wide = np.complex64 if x.dtype.kind == "c" else np.float32
            np.testing.assert_allclose(
                x.astype(wide), y.astype(wide), rtol + slack, atol + slack, err_msg=str(path)
            )


def types(tree):
    return [
        (path, x.shape, x.dtype, x.weak_type) for path, x in tree_flatten_with_path(tree)[0]
    ], jax.tree.structure(tree)


def settings(case, n, seed=0):
    """n random settings of all hyperparameters of a case, within their ranges."""
    rng = np.random.default_rng(seed)

    def near(name, x):
        if name == "every":
            return float(rng.integers(1, 5))
        factor = float(rng.uniform(0.5, 1.0))
        low = RANGES[name].low if name in RANGES else 0.0
        low = low if np.isfinite(low) else 0.0
        return low + (x - low) * factor

    for _ in range(n):
        yield {name: near(name, x) for name, x in case.hyper.items()}


@every_case
def test_types_survive(name):
    """Law 1 and 6: structure, shape, dtype and weak type; the same again from the same."""
    case = CASES[name]
    opt, (params, grads) = case.make(), example(case)
    state = opt.init(params)
    new_params, new_state = run(opt.step, params, grads, state)
    assert types(new_params) == types(params)
    assert types(new_state) == types(state)
    assert_same(run(opt.step, params, grads, state), (new_params, new_state))
    for leaf in jax.tree.leaves(new_params):
        assert np.all(np.isfinite(np.asarray(leaf, np.complex64)))


@every_case
def test_one_program_for_all_values(name):
    """Law 2: 100 learning rates and 20 settings of everything, one trace; one `step` for all."""
    case = CASES[name]
    params, grads = example(case)
    step, state = case.make().step, case.make().init(params)
    go, traces = program(step)
    params, state = run(step, params, grads, state)
    traced = len(traces)
    rates = (x for x in jsgd.get_hyper(state) if x.split("__")[-1] in ("lr", "peak_value"))
    lr = max(rates, key=len, default=None)
    for value in np.geomspace(1e-4, 1.0, 100) if lr else ():
        params, state = go(params, grads, jsgd.set_hyper(state, **{lr: float(value)}))
    for setting in settings(case, 20):
        assert case.make(**setting).step is step
        params, _ = go(params, grads, case.make(**setting).init(params))
    assert len(traces) == traced


@every_case
def test_map_and_scan_and_cond_equal_loop(name):
    """Laws 3, 4 and 7: the factory called on mapped numbers, its step in a cond in a scan."""
    case = CASES[name]
    params, grads = example(case)
    go = jnp.array([True, False, True])

    def scanned(hyper):
        opt = case.make(**hyper)

        def body(carry, go):
            def step(params, state):
                return full(opt.step)(params, grads, state)

            return jax.lax.cond(go, step, lambda *carry: carry, *carry), None

        return jax.lax.scan(body, (params, opt.init(params)), go)[0]

    population = [case.hyper, *settings(case, 3)]
    stacked = {k: jnp.asarray([s[k] for s in population], jnp.float32) for k in case.hyper}
    mapped = jax.jit(jax.vmap(scanned, axis_size=len(population)))(stacked)
    for i, setting in enumerate(population):
        opt = case.make(**setting)
        alone = run(opt.step, params, grads, opt.init(params))
        alone = run(opt.step, alone[0], grads, alone[1])
        assert_same(jax.tree.map(lambda x, i=i: x[i], mapped), alone, rtol=2e-4, atol=2e-5)


@every_case
def test_set_hyper_equals_factory(name):
    """Law 3: a value set in the state, mapped or not, is the value given to the factory."""
    case = CASES[name]
    params, _ = example(case)
    for setting in settings(case, 2):
        made = case.make(**setting).init(params)
        names = {full.split("__")[-1]: full for full in jsgd.get_hyper(made)}
        names |= {full: full for full in jsgd.get_hyper(made)}
        if "peak_value" in names:
            names["lr"] = "lr__peak_value"
        if "matrix__lr" in names:
            names["lr"] = "matrix__lr"
        values = {names[k]: v for k, v in setting.items()}
        assert jsgd.set_hyper(case.make().init(params), **values) == made
        state = case.make().init(params)
        batched = jax.vmap(lambda v, state=state: jsgd.set_hyper(state, **v), axis_size=1)(
            {k: jnp.asarray([v], jnp.float32) for k, v in values.items()}
        )
        assert_same(jax.tree.map(lambda x: x[0], batched), made, rtol=1e-4, atol=1e-7)


@every_case
def test_state_is_arrays(name):
    """Law 5: it flattens, pickles, donates together with the parameters, and shares no buffer."""
    case = CASES[name]
    opt, (params, grads) = case.make(), example(case)
    state = opt.init(params)
    leaves, treedef = jax.tree.flatten(state)
    assert all(isinstance(x, jax.Array) and not x.weak_type for x in leaves)
    assert jax.tree.unflatten(treedef, leaves) == state
    assert pickle.loads(pickle.dumps(state)) == state
    buffers = [x.unsafe_buffer_pointer() for x in jax.tree.leaves((params, state)) if x.size]
    assert len(set(buffers)) == len(buffers)

    expected = run(opt.step, params, grads, state)
    donating, _ = program(opt.step)
    params, state = donating(params, grads, state)
    assert_same((params, state), expected)
    donating(params, grads, state)  # what a step returns can be donated again


@every_case
def test_state_shards_like_the_parameters(name):
    """Law 5: on a mesh, a slot like its parameter lies where that lies; the step gives the same."""
    case = CASES[name]
    opt, (params, grads) = case.make(), example(case)
    mesh = Mesh(np.array(jax.devices()[:2]), ("x",))

    def place(x):
        spec = PartitionSpec("x") if x.ndim == 2 and x.shape[0] == 2 else PartitionSpec()
        return jax.device_put(x, NamedSharding(mesh, spec))

    sharded = jax.tree.map(place, params)
    state = opt.init(sharded)
    for slot in state.slots.values():
        if jax.tree.structure(slot) == jax.tree.structure(params):
            for s, p in zip(jax.tree.leaves(slot), jax.tree.leaves(sharded), strict=True):
                stacked = s.ndim - p.ndim
                if p.ndim and stacked >= 0 and s.shape[stacked:] == p.shape:
                    spec = PartitionSpec(*[None] * stacked, *p.sharding.spec)
                    assert s.sharding.is_equivalent_to(NamedSharding(mesh, spec), s.ndim)
    out = jax.jit(full(opt.step))(sharded, jax.tree.map(place, grads), state)
    assert_same(out, run(opt.step, params, grads, opt.init(params)), rtol=2e-4, atol=2e-5)


@every_case
def test_double_precision(name, x64):
    """Law 6: float64 parameters are computed in float64; the hyperparameters are float64 then."""
    case = CASES[name]
    opt, (params, grads) = case.make(), example(case, jnp.float64)
    state = opt.init(params)
    for x in jax.tree.leaves(state.hyper):
        assert x.dtype == jnp.float64
    new_params, new_state = jax.jit(full(opt.step))(params, grads, state)
    assert types((new_params, new_state)) == types((params, state))
    params, grads = example(case)
    shapes, _ = jax.eval_shape(full(opt.step), params, grads, opt.init(params))
    assert types(shapes) == types(params)


@every_case
def test_trees_without_leaves(name):
    """Law 6: a leafless tree steps; `init` takes placeholders and abstract values."""
    case = CASES[name]
    opt = case.make()
    for empty in ({}, {"a": {}}, (), None):
        params, state = full(opt.step)(empty, empty, opt.init(empty))
        assert params == empty
        assert int(state.t) == 1
    params, _ = example(case)
    abstract = jax.eval_shape(opt.init, params)
    assert jax.tree.structure(abstract) == jax.tree.structure(opt.init(params))


@every_case
def test_bad_numbers(name):
    """Law 7: a bad concrete number is refused by factory and state, naming what is allowed."""
    case = CASES[name]
    state = case.make().init({})
    ranged = {k: RANGES[k] for k in case.hyper if k in RANGES}
    if name == "scheduled" or not case.hyper:
        return  # a schedule's numbers have ranges of their own; there are none
    assert ranged
    for hyper, allowed in ranged.items():
        for bad in (allowed.low - 1, float("nan"), np.float32(-1)):
            if bad in allowed:
                continue
            with pytest.raises(ValueError, match=f"{hyper} must be in"):
                case.make(**{hyper: bad})
            if hyper in jsgd.get_hyper(state):
                with pytest.raises(ValueError, match=f"{hyper} must be in"):
                    jsgd.set_hyper(state, **{hyper: bad})


@every_case
def test_gradients_must_match(name):
    """Law 8: a missing leaf and a wrong shape are refused by path."""
    case = CASES[name]
    opt, (params, grads) = case.make(), example(case)
    state = opt.init(params)
    without = grads | {"layer": {"half": grads["layer"]["half"]}}
    with pytest.raises(ValueError, match="'layer/kernel' is missing"):
        opt.step(params, without, state)
    with pytest.raises(ValueError, match="'extra' is not in the parameters"):
        opt.step(params, grads | {"extra": jnp.zeros(1)}, state)
    wrong = grads | {"layer": grads["layer"] | {"kernel": jnp.zeros((2, 3))}}
    with pytest.raises(ValueError, match=r"'layer/kernel' has shape \(2, 3\)"):
        opt.step(params, wrong, state)


@pytest.mark.parametrize(
    "name", [name for name, row in wrappers.REGISTRY.items() if row.identity is not None]
)
@pytest.mark.parametrize("inner", ["adam", "sgd-momentum=0.9"])
def test_wrapper_at_identity_changes_nothing(name, inner):
    """Law 9: bit for bit, over several steps."""
    case, row = CASES[inner], wrappers.REGISTRY[name]
    params, grads = example(case)
    opt = case.make()
    wrapped = row.factory(opt, **row.identity)
    for variant in row.variants:
        wrapped = row.factory(opt, **variant | row.identity)
        plain, state = (params, opt.init(params)), wrapped.init(params)
        other = params
        for _ in range(3):
            plain = run(opt.step, plain[0], grads, plain[1])
            other, state = run(wrapped.step, other, grads, state)
        assert_same((other, state.inner), plain)


@every_case
def test_prints_pickles_and_compares(name):
    """Section 1: factories print how they were made, pickle to the same step, and compare."""
    case = CASES[name]
    opt = case.make()
    other = case.make(**next(settings(case, 1)))
    assert opt == case.make()
    assert hash(opt) == hash(case.make())
    if case.hyper:
        assert opt != other
        assert repr(opt) != repr(other)
    shown = repr(opt).split("(")[0]  # of what is made by a wrapper, that wrapper
    assert shown == name.split("-")[0] or shown in wrappers.REGISTRY or name == "scheduled"
    copy = pickle.loads(pickle.dumps(opt))
    assert copy == opt
    assert copy.step is opt.step


@pytest.mark.parametrize("name", ["adam", "sgd-momentum=0.9", "noisy_sgd", "muon", "weight_decay"])
def test_hyperparameters_per_leaf(name):
    """Section 1: a tree that is a prefix of the parameters gives every leaf its own value."""
    case = CASES[name]
    hyper = "weight_decay" if name == "weight_decay" else "lr"
    params, grads = example(case)
    values = {key: 0.01 * (i + 1) for i, key in enumerate(params)}
    opt = case.make(**{hyper: values})
    assert opt.step is case.make().step
    got, _ = run(opt.step, params, grads, opt.init(params))
    for key, value in values.items():
        alone = case.make(**{hyper: value})
        whole, _ = run(alone.step, params, grads, alone.init(params))
        assert_same(got[key], whole[key])
    with pytest.raises(ValueError, match="no prefix of the parameters"):
        case.make(**{hyper: {"layer": 0.1}}).init(params)


def test_arrays_given_to_a_factory_stay_the_callers():
    """Law 5: one array given twice is two buffers in the state; donating it leaves the array."""
    x = jnp.float32(0.5)
    opt = jsgd.sgd(lr=x, momentum=x)
    params = jnp.ones(2)
    donating = jax.jit(opt.step, donate_argnums=(0, 2))
    donating(params, jnp.ones(2), opt.init(params))
    state = jsgd.set_hyper(opt.init(jnp.ones(2)), lr=x)
    donating(jnp.ones(2), jnp.ones(2), state)
    assert float(x) == 0.5
