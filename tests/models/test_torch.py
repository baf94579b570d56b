"""A residual network against torch.nn: the same weights, logits, averages and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsgd.models import ResNet, from_linen

torch = pytest.importorskip("torch")
nn = torch.nn

KEY = jax.random.key(0)
X = jax.random.normal(KEY, (4, 8, 8, 3))
MOMENTUM = 0.1  # of the new batch: torch's default, and 1 - 0.9


class Block(nn.Module):
    def __init__(self, c, width, stride, bottleneck):
        super().__init__()
        out = 4 * width if bottleneck else width
        sizes = [(c, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        sizes = sizes if bottleneck else [(c, width, 3, stride), (width, width, 3, 1)]
        for i, (a, b, size, step) in enumerate(sizes):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, size, step, size // 2, bias=False))
            setattr(self, f"norm{i}", nn.BatchNorm2d(b, momentum=MOMENTUM))
        self.last, self.projects = len(sizes) - 1, stride > 1 or c != out
        if self.projects:
            self.shortcut = nn.Conv2d(c, out, 1, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(out, momentum=MOMENTUM)

    def forward(self, x):
        y = x
        for i in range(self.last + 1):
            y = getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(y))
            y = torch.relu(y) if i < self.last else y
        return torch.relu(y + (self.shortcut_norm(self.shortcut(x)) if self.projects else x))


class Net(nn.Module):
    def __init__(self, bottleneck, large):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 7, 2, 3, bias=False) if large else None
        self.stem = self.stem or nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.stem_norm, self.large = nn.BatchNorm2d(4, momentum=MOMENTUM), large
        self.stage0_block0 = Block(4, 4, 1, bottleneck)
        self.stage1_block0 = Block(16 if bottleneck else 4, 8, 2, bottleneck)
        self.out = nn.Linear(32 if bottleneck else 8, 5)

    def forward(self, x):
        x = torch.relu(self.stem_norm(self.stem(x)))
        x = nn.functional.max_pool2d(x, 3, 2, 1) if self.large else x
        return self.out(self.stage1_block0(self.stage0_block0(x)).mean((2, 3)))


def as_torch(params):
    """Our tree as torch's state dict: kernels are transposed, scales are weights."""
    named = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        *at, kind = (key.key for key in path)
        order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(leaf.ndim, (0,))
        kind = {"kernel": "weight", "scale": "weight", "mean": "running_mean"}.get(kind, kind)
        kind = "running_var" if kind == "var" else kind
        named[".".join([*at, kind])] = torch.tensor(np.array(jnp.transpose(leaf, order)))
    return named


@pytest.fixture(scope="module", params=[(False, False), (True, True)], ids=["small", "large"])
def twins(request):
    """Our trained-mode and evaluation outputs, and torch's network after the same batch."""
    bottleneck, large = request.param
    network = ResNet(5, (1, 1), width=4, bottleneck=bottleneck, stem="large" if large else "small")
    model = from_linen(network, X)
    rng = np.random.default_rng(0)
    params, before = jax.tree.map(
        lambda x: jnp.asarray(
            rng.uniform(0.1, 0.3, x.shape) * rng.choice([-1, 1], x.shape), x.dtype
        ),
        jax.eval_shape(model.init, KEY),
    )
    before = jax.tree.map(jnp.abs, before)
    theirs = Net(bottleneck, large)
    theirs.load_state_dict(as_torch(params) | as_torch(before["batch_stats"]), strict=False)
    x = torch.tensor(np.array(jnp.transpose(X, (0, 3, 1, 2))))

    @jax.jit
    def run(params):
        def loss(params):
            y, after = model.apply(params, before, X, train=True)
            return jnp.sum(y**2), (y, after)

        grads, (y, after) = jax.grad(loss, has_aux=True)(params)
        return y, model.apply(params, before, X)[0], after["batch_stats"], grads

    with torch.no_grad():
        evaluated = theirs.eval()(x).numpy()
    trained = theirs.train()(x)
    (trained**2).sum().backward()
    y, z, after, grads = run(params)
    return (y, z, before["batch_stats"], after, grads), (
        trained.detach().numpy(),
        evaluated,
        theirs,
    )


def test_logits_are_torchs_in_training_and_in_evaluation(twins):
    (trained, evaluated, *_), (their_trained, their_evaluated, _) = twins
    np.testing.assert_allclose(trained, their_trained, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(evaluated, their_evaluated, rtol=1e-3, atol=1e-4)


def test_gradients_are_torchs(twins):
    (*_, grads), (*_, theirs) = twins
    named = dict(theirs.named_parameters())
    for name, grad in as_torch(grads).items():
        np.testing.assert_allclose(grad, named[name].grad, rtol=1e-2, atol=2e-3, err_msg=name)


def test_running_averages_are_torchs_but_for_its_n_minus_one(twins):
    (*_, before, stats, _), (*_, theirs) = twins
    held, ours, before = theirs.state_dict(), as_torch(stats), as_torch(before)
    for name in [name for name in ours if name.endswith("mean")]:
        np.testing.assert_allclose(ours[name], held[name], rtol=1e-3, atol=1e-5)
    name = "stem_norm.running_var"
    n = 4 * (4 * 4 if theirs.large else 8 * 8)
    kept = (1 - MOMENTUM) * before[name]
    unbiased = kept + (ours[name] - kept) * n / (n - 1)
    np.testing.assert_allclose(unbiased, held[name], rtol=1e-3)
