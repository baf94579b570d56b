"""Runs: what an epoch visits, what it reports, and which names it takes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jsgd
from jsgd.data import Dataset
from jsgd.train import Problem, classification, fit, make_run, regression
from jsgd.train.batches import over_parts

SAMPLES = 10
ONE = {"batch_size": None}  # step an epoch


def start(params):
    """The `init` of a problem that starts there."""
    return lambda key, hyper: (params, {})


def visits_loss(params, state, batch, hyper, *, train, key):
    """Its gradient counts how often each sample was in a batch."""
    value = jnp.sum(params[batch])
    return value, ({"loss": value}, state)


def visits(epochs, **how):
    """How often each sample was visited in each epoch, of shape (epochs, samples)."""
    problem = Problem(start(jnp.zeros(SAMPLES)), visits_loss, jnp.arange(SAMPLES), None, {})
    run = make_run(problem, jsgd.sgd(lr=1.0), **how)
    carry, advance, seen = run.init(jax.random.key(0), {}), jax.jit(run.advance), []
    for _ in range(epochs):
        before = carry.params
        carry, _ = advance(carry)
        seen.append(np.asarray(before - carry.params))
    return np.stack(seen)


@pytest.mark.parametrize("size", [1, 5, 10, None])
def test_an_epoch_visits_every_sample_once(size):
    np.testing.assert_array_equal(visits(2, batch_size=size), 1)


def test_what_the_last_batch_lacks_is_left_out_and_differs_by_epoch():
    seen = visits(8, batch_size=4)
    assert set(seen.ravel()) == {0, 1}
    np.testing.assert_array_equal(seen.sum(1), 8)
    assert len({tuple(row) for row in seen}) > 4
    assert seen.any(0).all()


def test_without_shuffling_the_order_is_the_datas():
    seen = visits(2, batch_size=4, shuffle=False)
    np.testing.assert_array_equal(seen, np.tile([1] * 8 + [0] * 2, (2, 1)))


def test_complex_parameters_descend():
    """JAX's gradient of a complex parameter points the other way in its imaginary part."""

    def loss(params, state, batch, hyper, *, train, key):
        value = jnp.sum(jnp.abs(params - (1 + 2j)) ** 2)
        return value, ({"loss": value}, state)

    problem = Problem(start(jnp.zeros(2, jnp.complex64)), loss, jnp.arange(SAMPLES), None, {})
    run = make_run(problem, jsgd.sgd(0.1), batch_size=1)
    carry, _ = jax.jit(run.advance)(run.init(jax.random.key(0), {}))
    np.testing.assert_allclose(carry.params, (1 + 2j) * (1 - 0.8**SAMPLES), rtol=1e-5)


def test_gradients_of_single_examples():
    """Without a bound and without noise their mean is the gradient, and private descent descent."""
    data = jsgd.data.linear_regression()
    problem = regression(jsgd.models.REGISTRY["linear"](data.train[0], data.outputs), data)
    ends = []
    for opt in (jsgd.sgd(0.1), jsgd.dpsgd(0.1, max_norm=1e6, noise_multiplier=0.0)):
        run = make_run(problem, opt, batch_size=16)
        ends.append(jax.jit(run.advance)(run.init(jax.random.key(0), {}))[0].params)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, 1e-5, 1e-6), *ends)


@pytest.fixture(scope="module")
def line():
    data = jsgd.data.linear_regression()
    return regression(jsgd.models.REGISTRY["linear"](data.train[0], data.outputs), data)


@pytest.mark.parametrize(("size", "lr", "epochs"), [(None, 0.3, 100), (32, 0.1, 20), (1, 0.01, 5)])
def test_each_batch_regime_recovers_the_line(line, size, lr, epochs):
    run = make_run(line, jsgd.sgd(lr=lr), batch_size=size)
    params = fit(run, epochs=epochs, progress=False).params["linear"]
    assert abs(params["kernel"].item() - 2) < 0.05
    assert abs(params["bias"].item() - 3) < 0.05


def test_a_full_batch_epoch_is_one_step_of_the_optimizer(line):
    opt = jsgd.adam(0.1)
    run = make_run(line, opt, batch_size=None)
    carry, metrics = jax.jit(run.advance)(run.init(jax.random.key(3), {}))
    x, y = line.train
    params = {"linear": {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}}

    def loss(p):
        return jnp.mean((x * p["linear"]["kernel"] + p["linear"]["bias"][None] - y) ** 2)

    expected, _ = opt.step(params, jax.grad(loss)(params), opt.init(params))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), carry.params, expected)
    np.testing.assert_allclose(metrics["loss"], loss(params), rtol=1e-5)
    assert metrics["step"] == 1


def test_hyperparameters_given_to_init_replace_those_of_the_factory(line):
    def after(opt, hyper):
        run = make_run(line, opt, batch_size=64)
        return jax.jit(run.advance)(jax.jit(run.init)(jax.random.key(1), hyper))[0].params

    given = after(jsgd.sgd(lr=0.5, momentum=0.1), {"lr": 0.02, "momentum": 0.8})
    made = after(jsgd.sgd(lr=0.02, momentum=0.8), {})
    jax.tree.map(np.testing.assert_array_equal, given, made)


def test_a_schedules_numbers_are_reached_by_their_names(line):
    run = make_run(line, jsgd.sgd(lr=jsgd.schedules.cosine(0.1, 100)))
    carry = run.init(jax.random.key(0), {"lr__init_value": 0.7})
    assert float(jsgd.get_hyper(carry.opt_state)["lr__init_value"]) == pytest.approx(0.7)


@pytest.fixture(scope="module")
def network():
    """Every kind of name: a rule's, a wrapper's, a slow average's, the problem's, the model's."""
    x = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
    y = np.arange(24, dtype=np.int32) % 3
    model = jsgd.models.from_linen(jsgd.models.MLP(outputs=3, features=(5,)), x)
    opt = jsgd.clip_by_global_norm(jsgd.adam(0.01), 1.0)
    return make_run(classification(model, Dataset((x, y), (x, y), 3)), opt, batch_size=8)


def test_after_set_hyper_a_run_goes_on_as_if_it_had_always_had_those_values(network):
    old = {"lr": 0.01, "b1": 0.9, "max_norm": 1.0, "dropout": 0.1, "label_smoothing": 0.0}
    new = {"lr": 0.03, "b1": 0.5, "max_norm": 0.2, "dropout": 0.6, "label_smoothing": 0.3}
    init, advance, change = jax.jit(network.init), jax.jit(network.advance), network.set_hyper
    before, _ = advance(init(jax.random.key(0), old))
    spliced = jax.tree_util.tree_map_with_path(
        lambda path, was, then: then if "hyper" in jax.tree_util.keystr(path) else was,
        before,
        init(jax.random.key(0), new),
    )
    unchanged, expected = advance(before), advance(spliced)
    went_on = advance(jax.jit(change)(before, new))
    assert jax.tree.all(jax.tree.map(lambda x, y: (x == y).all(), went_on, expected))
    for name, x in new.items():  # and each makes a difference
        _, metrics = advance(jax.jit(change)(before, {name: x}))
        assert metrics["test_loss"] != unchanged[1]["test_loss"], name


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"dropuot": 0.5}, "no hyperparameter 'dropuot': did you mean 'dropout'"),
        ({"dropout": 1.0}, r"dropout = 1.0: dropout must be in \[0, 1\)"),
        ({"lr": -1.0}, r"lr = -1.0: lr must be in \[0, inf\)"),
    ],
)
def test_set_hyper_refuses_what_init_refuses(network, hyper, message):
    carry = jax.jit(network.init)(jax.random.key(0), {})
    for refuses in (network.init, network.set_hyper):
        with pytest.raises(ValueError, match=message):
            refuses(jax.random.key(0) if refuses is network.init else carry, hyper)


def test_what_is_off_until_it_is_named_is_in_the_carry_only_then(network):
    names = jax.eval_shape(network.init, jax.random.key(0), {}).hyper.keys()
    assert names == {"label_smoothing", "init_scale", "dropout"}
    named = jax.eval_shape(network.init, jax.random.key(0), {"mixup": 0.2, "l2": 0.0}).hyper.keys()
    assert named - names == {"mixup", "l2"}


def test_settings_of_augmentation_and_loss_are_trained_in_one_program(network):
    """And that with strengths of 0 is the run that was given none of the names."""
    space = {"mixup": [0.0, 0.5], "label_smoothing": [0.0, 0.1], "l1": [0.0, 0.01]}

    def train(hyper):
        return network.advance(network.init(jax.random.key(0), hyper))[1]

    together = jax.jit(jax.vmap(train))({name: jnp.array(x) for name, x in space.items()})
    plain = jax.jit(train)({})
    for name in ("loss", "test_loss"):
        np.testing.assert_allclose(together[name][0], plain[name], rtol=1e-5)
        assert abs(together[name][1] / plain[name] - 1) > 1e-3


def test_a_name_that_is_off_goes_to_the_optimizer_that_has_it(line):
    run = make_run(line, jsgd.l1(jsgd.sgd(), 0.1))
    carry = run.init(jax.random.key(0), {"l1": 0.5, "l2": 0.2})
    assert float(jsgd.get_hyper(carry.opt_state)["l1"]) == 0.5
    assert carry.hyper.keys() == {"init_scale", "l2"}


@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
def test_the_test_is_the_mean_over_all_samples_whatever_the_batches(size):
    def loss(params, state, batch, hyper, *, train, key):
        value = jnp.mean(batch)
        return value, ({"loss": value, "most": jnp.float32(batch.size)}, state)

    x = jnp.arange(float(SAMPLES)) ** 2
    run = make_run(Problem(start(0.0), loss, x, x, {}), jsgd.sgd(), test_batch_size=size, **ONE)
    metrics = jax.jit(run.advance)(run.init(jax.random.key(0), {}))[1]
    np.testing.assert_allclose(metrics["test_loss"], x.mean(), rtol=1e-6)
    assert metrics["test_most"] <= size


def test_one_program_serves_all_values_and_epochs(line):
    traces = []

    def loss(*args, **kwargs):
        traces.append(1)
        return line.loss(*args, **kwargs)

    run = make_run(line._replace(loss=loss), jsgd.sgd(momentum=0.5))
    init, advance = jax.jit(run.init), jax.jit(run.advance)
    carry, _ = advance(init(jax.random.key(0), {"lr": 0.1, "init_scale": 1.0}))
    once = len(traces)
    for lr in (0.2, 0.3):
        carry, _ = advance(init(jax.random.key(1), {"lr": lr, "init_scale": 0.5}))
        carry, _ = advance(carry)
    assert len(traces) == once


def test_the_test_evaluates_the_average_that_a_wrapper_keeps(line):
    run = make_run(line, jsgd.ema(jsgd.sgd(0.3), decay=0.9), batch_size=16)
    carry, metrics = jax.jit(run.advance)(run.init(jax.random.key(0), {}))

    def test_loss(params):
        value, _ = line.loss(
            params, carry.model_state, line.test, carry.hyper, train=False, key=carry.key
        )
        return float(value)

    average = test_loss(jsgd.eval_params(carry.params, carry.opt_state))
    assert average != pytest.approx(test_loss(carry.params), rel=1e-3)
    np.testing.assert_allclose(metrics["test_loss"], average, rtol=1e-5)


def _scaled_by_loss(params, grads, s, h):
    """A rule that needs both of what a step is given."""
    again = h.value_fn(params)
    new = jax.tree.map(lambda p, g: p - h.lr * h.value * g, params, grads)
    return new, {"seen": jnp.stack([h.value, again])}


def test_the_step_is_given_the_value_and_the_function(line):
    opt = jsgd.treewise(_scaled_by_loss, slots={"seen": lambda params: jnp.zeros(2)}, lr=1e-3)
    run = make_run(line, opt, batch_size=None)
    carry, metrics = jax.jit(run.advance)(run.init(jax.random.key(0), {}))
    np.testing.assert_allclose(carry.opt_state.slots["seen"], metrics["loss"], rtol=1e-6)


def test_the_first_bad_step_is_kept():
    """p grows by one a step from 0, so log(6.5 - p) is first NaN at step 8, where p is 7."""

    def loss(p, state, batch, hyper, *, train, key):
        value = jnp.log(6.5 - jax.lax.stop_gradient(p)) - p
        return value, ({"loss": value}, state)

    run = make_run(
        Problem(start(jnp.float32(0)), loss, jnp.zeros(5), None, {}), jsgd.sgd(1.0), batch_size=1
    )
    carry, advance, seen = run.init(jax.random.key(0), {}), jax.jit(run.advance), []
    for _ in range(3):
        carry, metrics = advance(carry)
        seen.append((int(metrics["step"]), int(metrics["diverged_at"])))
    assert seen == [(5, -1), (10, 8), (15, 8)]


def test_parameters_that_overflow_are_a_bad_step_even_while_the_loss_is_finite():
    def loss(p, state, batch, hyper, *, train, key):
        value = jnp.float32(1e30) * (p - jax.lax.stop_gradient(p))
        return value, ({"loss": value}, state)

    run = make_run(
        Problem(start(jnp.float32(0)), loss, jnp.zeros(1), None, {}), jsgd.sgd(1e30), batch_size=1
    )
    _, metrics = jax.jit(run.advance)(run.init(jax.random.key(0), {}))
    assert metrics["loss"] == 0
    assert metrics["diverged_at"] == 1


def test_an_unknown_name_is_met_with_all_names_and_a_guess(line):
    run = make_run(line, jsgd.sgd(momentum=0.9))
    with pytest.raises(
        ValueError, match="no hyperparameter 'momentun': did you mean 'momentum'"
    ) as e:
        run.init(jax.random.key(0), {"momentun": 0.5})
    assert "of the optimizer: lr, momentum, dampening; of the problem: init_scale" in str(e.value)


def test_a_name_of_both_is_refused(line):
    run = make_run(line._replace(hyper=line.hyper | {"lr": 1.0}), jsgd.sgd())
    with pytest.raises(ValueError, match="'lr' is the optimizer's and the problem's too"):
        run.init(jax.random.key(0), {"lr": 0.5})


@pytest.mark.parametrize("size", [0, 2.5])
def test_an_impossible_batch_size_of_the_test_is_refused(line, size):
    with pytest.raises(ValueError, match=r"test_batch_size = .*: it must be a whole number >= 1"):
        make_run(line, jsgd.sgd(), test_batch_size=size)


@pytest.mark.parametrize("size", [0, -1, 257, 2.0, True])
def test_an_impossible_batch_size_is_refused(line, size):
    with pytest.raises(ValueError, match="it must be None or 1 to 256 samples"):
        make_run(line, jsgd.sgd(), batch_size=size)


def test_arrays_of_different_lengths_are_refused(line):
    x, y = line.train
    with pytest.raises(ValueError, match=r"one number of samples, not \[255, 256\]"):
        make_run(line._replace(train=(x, y[1:])), jsgd.sgd())


@pytest.mark.parametrize("microbatch", [1, 4, 8, 16])
def test_a_batch_in_parts_has_the_same_gradient(microbatch):
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    problem = jsgd.train.regression(model, data)
    whole, parts = (
        make_run(problem, jsgd.adam(), batch_size=16, microbatch=m) for m in (None, microbatch)
    )
    (a, x), (b, y) = (
        jax.jit(run.advance)(run.init(jax.random.key(0), {"lr": 0.1})) for run in (whole, parts)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), a.params, b.params)
    for name in x:
        np.testing.assert_allclose(x[name], y[name], rtol=1e-4)


def test_parts_of_a_batch_draw_masks_of_their_own_and_leave_whole_numbers_alone():
    def fn(batch, key):
        return jax.random.uniform(key), batch.sum(), jnp.int32(7)

    batch = jnp.arange(6.0)
    u, total, count = over_parts(fn, batch, jax.random.key(0), 3)
    keys = jax.random.split(jax.random.key(0), 3)
    np.testing.assert_allclose(u, np.mean([jax.random.uniform(k) for k in keys]), rtol=1e-6)
    assert (total, count) == (5.0, 7)


@pytest.mark.parametrize(
    ("opt", "microbatch", "message"),
    [
        (jsgd.sgd(), 5, "microbatch = 5: it must be None or a divisor of the batch size 16"),
        (jsgd.sgd(), 0, "microbatch = 0"),
        (jsgd.sgd(), 32, "microbatch = 32"),
        (jsgd.dpsgd(0.1), 4, "None for gradients of single examples"),
    ],
)
def test_a_microbatch_that_cannot_be(opt, microbatch, message):
    data = jsgd.data.linear_regression()
    model = jsgd.models.REGISTRY["linear"](data.train[0], data.outputs)
    with pytest.raises(ValueError, match=message):
        make_run(jsgd.train.regression(model, data), opt, batch_size=16, microbatch=microbatch)


def test_a_test_without_samples_is_evaluated_whole():
    def loss(params, state, batch, hyper, *, train, key):
        value = jnp.sum(params**2) if train else jnp.sum(batch[0]) + batch[1]
        return value, ({"loss": value}, state)

    problem = Problem(
        start(jnp.zeros(2)), loss, jnp.ones((4, 2)), (jnp.arange(3.0), jnp.ones(())), {}
    )
    run = make_run(problem, jsgd.sgd(), batch_size=2, test_batch_size=1)
    _, metrics = jax.jit(run.advance)(run.init(jax.random.key(0), {}))
    assert metrics["test_loss"] == 4
