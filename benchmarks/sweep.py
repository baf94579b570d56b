"""Sweeps against what people write instead: torch, torch.func, optax, scikit-learn, plain JAX.

    python benchmarks/sweep.py

Two populations, on the CPU's two devices (`jax_num_cpu_devices`), float32; torch has two threads.
On a GPU a third instead:

    (a) 64 settings of SGD, learning rate x momentum, of an MLP with 64 hidden units on digits,
        batches of 64, 10 epochs. The claims: `jsgd.sweeps` is at least 4 times as fast as
        torch.func.vmap and as a jitted optax step in a Python loop (learning rate and momentum are
        its arguments: one program for all settings), at least 10 times as fast as torch and
        scikit-learn one by one; and no slower than the best of what JAX itself offers: a jitted
        training called 64 times, lax.map, vmap on one device, and vmap on both.
    (b) 32 settings of a CNN (16 and 32 channels) on digits at 28x28, batches of 64, an epoch of a
        sweep of 10, gradients from microbatches of 16 (which the caches hold). The claims: at least
        1.5 times as fast as torch, channels last, and 10 times as fast as vmap over Flax's own
        convolutions; no layout that "auto" did not choose beats it by more than 15 %; and it
        computes at half the rate of the machine's matrix product, or more, where operations are
        counted as XLA does of the gradient with Flax's convolutions.
    (c) 256 settings of that CNN, 2 epochs, on one GPU, beside one by one and torch.func.vmap.

Everyone trains from the same initial parameters on the same batches in the same order, without a
test, and keeps the mean training loss; in (a) the trained parameters are compared. (scikit-learn
draws its own, and trains on what is left over at the end of an epoch too, 2 % more. In (b) torch
draws its own parameters.) What is slow trains some of the settings, and its time is scaled: the
table says how many. Contenders take turns, so that a busy machine slows all of them; a ratio is the
median of the ratios within a round, with the quartiles. Compilation is apart: of jsgd's, with what
"auto" spends on choosing, the seconds are printed.

The numbers are kept in benchmarks/results/sweep.json, or sweep-gpu.json.
"""

import copy
import itertools
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from flax import linen as nn
from harness import compare, on_gpu, save
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import jsgd
from jsgd.data import Dataset, digits
from jsgd.models import CNN, from_linen
from jsgd.models.dense import Dense
from jsgd.sweeps.layout import plan
from jsgd.sweeps.population import Population
from jsgd.sweeps.program import Members
from jsgd.train import classification, make_run, permutation

BATCH = 64
SEED = 0


class MLP(nn.Module):
    """Not jsgd's, which draws dropout's mask even at rate 0: nobody else here has dropout."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(Dense(64, name="dense0")(x.reshape(len(x), -1)))
        return Dense(10, name="out")(x)


def make(model, data, **how):
    """The run without its test: nobody else tests."""
    problem = classification(from_linen(model, data.train[0]), data)._replace(test=None)
    return make_run(problem, jsgd.sgd(momentum=0.0), batch_size=BATCH, **how)


def population(lrs, momenta):
    """Settings: every learning rate with every momentum, all from one key."""
    lr, momentum = (np.array(x) for x in zip(*itertools.product(lrs, momenta), strict=True))
    keys = jnp.broadcast_to(jax.random.key(SEED), lr.shape)
    return Members(keys, {"lr": lr, "momentum": momentum})


def batches(data, epochs):
    """The batches that `make_run` draws from the key, of shape (steps, batch, ...)."""
    key, _ = jax.random.split(jax.random.key(SEED))
    x, y = data.train
    size = len(x) // BATCH * BATCH
    rows = []
    for _ in range(epochs):
        key, order, _ = jax.random.split(key, 3)
        rows.append(np.asarray(permutation(order, len(x)))[:size].reshape(-1, BATCH))
    rows = np.concatenate(rows)
    return x[rows], y[rows]


def settings(members, count=None):
    """(lr, momentum) of so many settings, evenly spaced."""
    pairs = list(zip(members.hyper["lr"], members.hyper["momentum"], strict=True))
    return pairs[:: len(pairs) // (count or len(pairs))]


class Jsgd:
    """A planned population; calling it trains everyone from the start."""

    def __init__(self, run, members, epochs, layout="auto", planned=None):
        start = time.perf_counter()
        self.program = plan(run, members, planned or epochs, layout)
        self.seconds = time.perf_counter() - start
        self.run, self.members, self.epochs = run, members, epochs

    def __call__(self):
        ids = np.arange(len(self.members.keys))
        people = Population.start(self.run, self.program, self.members, ids)
        for _ in range(self.epochs):
            for _ in people.advance():
                pass
        return [carry.params for carry in people.carries]


# (a)


def plain_jax(run, members, epochs):
    """What one writes with the run and JAX's own means."""

    def train(key, hyper):
        carry = run.init(key, hyper)
        carry, metrics = lax.scan(lambda c, _: run.advance(c), carry, length=epochs)
        return carry.params, metrics

    hyper = {name: jnp.asarray(x, jnp.float32) for name, x in members.hyper.items()}
    everyone = members.keys, hyper
    settings = [(k, dict(zip(hyper, x))) for k, *x in zip(members.keys, *hyper.values())]
    alone, mapped = jax.jit(train), jax.jit(lambda xs: lax.map(lambda x: train(*x), xs))
    together = jax.jit(jax.vmap(train))
    split = on_all_devices(jax.vmap(train))
    return {
        "jax, one jitted training after another": lambda: [alone(*x) for x in settings],
        "jax, lax.map": lambda: mapped(everyone),
        "jax, vmap on one device": lambda: together(*everyone),
        "jax, vmap on both devices": lambda: split(*everyone),
    }


def on_all_devices(f):
    """Compiled; each device has its part of the first axis of all that is given and returned."""
    mesh, spread = Mesh(np.array(jax.local_devices()), ("i",)), PartitionSpec("i")
    f = jax.shard_map(f, mesh=mesh, in_specs=spread, out_specs=spread, check_vma=False)
    return jax.jit(f)


def optax_loop(model, params, data, members, epochs):
    """A jitted step in a Python loop; learning rate and momentum are in the state."""
    opt = optax.inject_hyperparams(optax.sgd)(learning_rate=0.1, momentum=0.9)

    def loss(params, x, y):
        logits = model.apply({"params": params}, x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    @jax.jit
    def step(params, state, total, x, y):
        value, grads = jax.value_and_grad(loss)(params, x, y)
        updates, state = opt.update(grads, state, params)
        return optax.apply_updates(params, updates), state, total + value

    steps = [(jnp.asarray(x), jnp.asarray(y)) for x, y in zip(*batches(data, epochs), strict=True)]
    init = jax.jit(opt.init)

    def train(lr, momentum):
        now, state = params, init(params)
        state.hyperparams.update(learning_rate=jnp.float32(lr), momentum=jnp.float32(momentum))
        total = jnp.float32(0)
        for x, y in steps:
            now, state, total = step(now, state, total, x, y)
        return now, total / len(steps)

    return lambda: [train(*pair) for pair in settings(members)]


def torch_batches(data, epochs):
    x, y = batches(data, epochs)
    return list(zip(torch.tensor(x), torch.tensor(y, dtype=torch.long), strict=True))


def torch_mlp(params):
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
    )
    with torch.no_grad():
        for layer, name in ((model[1], "dense0"), (model[3], "out")):
            layer.weight.copy_(torch.tensor(np.asarray(params[name]["kernel"]).T))
            layer.bias.copy_(torch.tensor(np.asarray(params[name]["bias"])))
    return model


def torch_one_by_one(start, steps, pairs):
    def train(lr, momentum):
        model = copy.deepcopy(start)
        opt, total = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum), 0
        for x, y in steps:
            opt.zero_grad()
            value = torch.nn.functional.cross_entropy(model(x), y)
            value.backward()
            opt.step()
            total += value.detach()
        return [p.detach() for p in model.parameters()], total / len(steps)

    return lambda: [train(*pair) for pair in pairs]


def torch_vmap(start, steps, members):
    """All models in one: `functional_call`, `grad` and `vmap`; one update in place for everyone."""
    names = [name for name, _ in start.named_parameters()]
    device = next(start.parameters()).device
    lr, momentum = (
        torch.tensor(members.hyper[name]).float().to(device) for name in ("lr", "momentum")
    )

    def loss(params, x, y):
        logits = torch.func.functional_call(start, params, (x,))
        return torch.nn.functional.cross_entropy(logits, y)

    slopes = torch.func.vmap(torch.func.grad_and_value(loss), in_dims=(0, None, None))

    def train():
        params = {
            name: p.detach().expand(len(lr), *p.shape).clone()
            for name, p in start.named_parameters()
        }
        trace = {name: torch.zeros_like(p) for name, p in params.items()}
        wide = {name: (-1,) + (1,) * (p.ndim - 1) for name, p in params.items()}
        total = torch.zeros_like(lr)
        for x, y in steps:
            slope, value = slopes(params, x, y)
            total += value
            for name in names:
                trace[name].mul_(momentum.view(wide[name])).add_(slope[name])
                params[name].addcmul_(trace[name], lr.view(wide[name]), value=-1)
        return [params[name] for name in names], total / len(steps)

    return train


def sklearn_one_by_one(data, pairs, epochs):
    x, y = data.train[0].reshape(len(data.train[0]), -1), data.train[1]

    def train(lr, momentum):
        how = {"max_iter": epochs, "n_iter_no_change": epochs + 1, "alpha": 0}
        return MLPClassifier(
            (64,), solver="sgd", batch_size=BATCH, learning_rate_init=lr, momentum=momentum,
            nesterovs_momentum=False, random_state=0, **how,
        ).fit(x, y)  # fmt: skip

    def all_of_them():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # after 10 epochs: as it should
            return [train(*pair).loss_ for pair in pairs]

    return all_of_them


def mlp(epochs=10, some=16):
    data, model = digits(), MLP()
    run = make(model, data)
    members = population(np.geomspace(1e-3, 0.1, 8), np.linspace(0, 0.95, 8))
    ours = Jsgd(run, members, epochs)
    params = jax.jit(run.init)(jax.random.key(SEED), {}).params
    steps, start = torch_batches(data, epochs), torch_mlp(params)
    few = settings(members, some)
    loop = optax_loop(model, params, data, members, epochs)
    together = torch_vmap(start, steps, members)
    contenders = {"jsgd": ours, **plain_jax(run, members, epochs)}
    theirs = {
        "torch.func.vmap": together,
        "optax, jitted step in a loop": loop,
        f"torch, {some} settings": torch_one_by_one(start, steps, few),
        f"scikit-learn, {some} settings": sklearn_one_by_one(data, few, epochs),
    }
    agree(ours, loop, together, theirs[f"torch, {some} settings"], len(members.keys) // some)
    scale = {name: len(members.keys) / some for name in theirs if name.endswith("settings")}
    title = f"(a) {len(members.keys)} settings of an MLP, {epochs} epochs"
    return beside(title, contenders | theirs, scale, rounds=9)


def agree(ours, loop, together, one_by_one, every):
    """Everyone has trained the same models; the last layer's kernel shows it."""
    kernels = np.concatenate([np.asarray(x["out"]["kernel"]) for x in ours()])
    kernels = kernels[: len(ours.members.keys)]  # less the filling
    np.testing.assert_allclose([x["out"]["kernel"] for x, _ in loop()], kernels, atol=1e-2)
    np.testing.assert_allclose(together()[0][2].swapaxes(1, 2), kernels, atol=1e-2)
    np.testing.assert_allclose(
        torch.stack([x[2].T for x, _ in one_by_one()]), kernels[::every], atol=1e-2
    )


def beside(title, contenders, scale, rounds):
    """Time all, those that train some of the settings scaled, and take the ratios to "jsgd"."""
    ours = contenders["jsgd"]
    about = (
        f"auto: {ours.program.describe(len(ours.members.keys))}, "
        f"planned and compiled in {ours.seconds:.1f} s"
    )
    ratios = {f"{n} / jsgd": (n, "jsgd", scale.get(n, 1)) for n in contenders if n != "jsgd"}
    table = compare(f"{title}; {about}", contenders, ratios, rounds)
    return table | {"planned and compiled, s": ours.seconds, "members a chunk": ours.program.size}


# (b)

STOCK = CNN(outputs=10, conv_general_dilated=lax.conv_general_dilated)


def images(count):
    """Digits at 28x28, none of them to be tested on."""
    x, y = digits().train
    x = np.asarray(jax.image.resize(x[:count], (count, 28, 28, 1), "linear"))
    return Dataset((x, y[:count]), (x[:0], y[:0]), 10)


def matrices(size=1536, times=4):
    """Products of square matrices on all devices, and how many operations they are."""
    devices = len(jax.local_devices())
    x = jnp.full((devices, size, size), 1 / size)
    run = on_all_devices(lambda x: lax.scan(lambda y, _: (x @ y, None), x, length=times)[0])
    return lambda: run(x), 2 * size**3 * times * devices


def operations(model, data):
    """Those of the gradient for an image."""
    x, y = data.train[0][:BATCH], data.train[1][:BATCH]
    model = from_linen(model, x)
    params, model_state = jax.jit(model.init)(jax.random.key(0))

    def loss(params):
        logits, _ = model.apply(params, model_state, x, train=False)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return jax.jit(jax.grad(loss)).lower(params).cost_analysis()["flops"] / BATCH


def torch_cnn():
    pool = torch.nn.MaxPool2d(2)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), pool,
        torch.nn.Conv2d(16, 32, 3, padding=1), torch.nn.ReLU(), pool,
        torch.nn.Flatten(), torch.nn.Linear(32 * 7 * 7, 64), torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )  # fmt: skip
    return model.to(memory_format=torch.channels_last)


def channels_last(steps):
    return [
        (x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last), y) for x, y in steps
    ]


def cnn(epochs=1, some=8, stock=2):
    data = images(512)
    members = population(np.geomspace(1e-3, 0.1, 8), np.linspace(0, 0.95, 4))
    run = make(CNN(outputs=10), data, microbatch=16)
    ours = Jsgd(run, members, epochs, planned=10 * epochs)
    size, block = ours.program.size, len(members.keys) // ours.program.devices
    whole = make(CNN(outputs=10), data)
    layouts = {f"jsgd, chunks of {k}": ("chunk", k) for k in (1, 2, 4, 8, block) if k != size}
    naive = make(STOCK, data)
    few = members.take(np.arange(stock * ours.program.devices))
    steps = channels_last(torch_batches(data, epochs))
    products, of_products = matrices()
    of_ours = operations(STOCK, data) * BATCH * len(steps) * len(members.keys)
    contenders = {
        "jsgd": ours,
        **{name: Jsgd(run, members, epochs, layout) for name, layout in layouts.items()},
        "jsgd, no microbatches": Jsgd(whole, members, epochs, ("chunk", size)),
        f"torch, {some} settings": torch_one_by_one(torch_cnn(), steps, settings(members, some)),
        f"Flax's convolutions, vmap, {len(few.keys)}": Jsgd(naive, few, epochs, "vmap"),
        "matrix products": products,
    }
    scale = {name: len(members.keys) / some for name in contenders if name.startswith("torch")}
    scale |= {
        name: len(members.keys) / len(few.keys) for name in contenders if name.startswith("Flax")
    }
    scale["matrix products"] = of_ours / of_products  # the rates, not the times, are compared
    title = (
        f"(b) {len(members.keys)} settings of a CNN at 28x28, {epochs} epoch of {len(steps)} steps"
    )
    return beside(title, contenders, scale, rounds=5)


# (c)


def many(epochs=2, some=8):
    """On a GPU. There microbatches would only make the operations smaller."""
    data = images(1408)
    members = population(np.geomspace(1e-3, 0.1, 16), np.linspace(0, 0.95, 16))
    few = members.take(np.arange(0, len(members.keys), len(members.keys) // some))
    run = make(CNN(outputs=10), data)
    ours = Jsgd(run, members, epochs)
    alone = plain_jax(run, few, epochs)["jax, one jitted training after another"]
    torch.backends.cudnn.benchmark = True
    start = torch_cnn().cuda()
    steps = [(x.cuda(), y.cuda()) for x, y in channels_last(torch_batches(data, epochs))]
    one_by_one = {
        f"jax, one jitted training after another, {some}": alone,
        f"torch, {some} settings": torch_one_by_one(start, steps, settings(members, some)),
    }
    together = {
        "Flax's convolutions, vmap": Jsgd(make(STOCK, data), members, epochs, "vmap"),
        "torch.func.vmap": torch_vmap(start, steps, members),
    }
    title = f"(c) {len(members.keys)} settings of a CNN at 28x28, {epochs} epochs"
    scale = dict.fromkeys(one_by_one, len(members.keys) / some)
    return beside(title, {"jsgd": ours, **one_by_one, **together}, scale, rounds=9)


def main():
    jax.config.update("jax_num_cpu_devices", 2)
    torch.set_num_threads(2)
    results = [many()] if on_gpu() else [mlp(), cnn()]
    sources = ["layout.py", "program.py", "memory.py", "population.py"]
    versions = {"torch": torch.__version__, "optax": optax.__version__}
    save("sweep", [*results, versions], [__file__, *(f"jsgd/sweeps/{x}" for x in sources)])


if __name__ == "__main__":
    main()
