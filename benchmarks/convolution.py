"""Convolutions inside loops: `jsgd.models.conv` against `lax.conv_general_dilated`.

    python benchmarks/convolution.py

trains `jsgd.models.CNN` with plain SGD, written out here, and changes one thing at a time: the
convolution, and whether the loop over the steps is Python's (one jitted step, called again and
again) or `lax.scan`'s (one program). The claims:

    (a) the network on digits, 8x8: ours in scan is no slower than lax in a Python loop
    (b) 28x28, 16 to 32 channels: ours in scan is at least 15 times faster than lax in scan.
        This holds for the convolution alone (value and both gradients); the whole network, whose
        pooling and dense layers are the same in both, was 10 to 14 times faster
    (c) the network under vmap: a member costs no more than it costs alone

On a GPU (a) and (b) are not claimed, and 256 members at 28x28 are measured with both convolutions.
Contenders take turns, so that a busy machine slows all of them; a ratio is the median of the
ratios within a round, with the quartiles. Compilation is timed apart. The numbers are kept in
benchmarks/results/convolution.json, or convolution-gpu.json.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from harness import compare, on_gpu, save
from jax import lax

from jsgd.data import digits
from jsgd.models import CNN, conv, from_linen

LR = 0.05
FORMS = {"ours": conv, "lax": lax.conv_general_dilated}


def trainer(form, x):
    """Make the parameters, and one step of SGD on a batch."""
    model = from_linen(CNN(outputs=10, features=(16, 32), conv_general_dilated=form), x)
    params, model_state = jax.jit(model.init)(jax.random.key(0))

    def loss(params, x, y):
        logits, _ = model.apply(params, model_state, x, train=False)
        return -jnp.take_along_axis(nn.log_softmax(logits), y[:, None], 1).mean()

    def step(params, batch):
        value, slope = jax.value_and_grad(loss)(params, *batch)
        return jax.tree.map(lambda p, g: p - LR * g, params, slope), value

    return params, step


def scanned(form, batches):
    params, step = trainer(form, batches[0][0])
    epoch = jax.jit(lambda params, batches: lax.scan(step, params, batches))
    return lambda: epoch(params, batches)


def looped(form, batches):
    start, step = trainer(form, batches[0][0])
    step = jax.jit(step)
    steps = [(x, y) for x, y in zip(*batches, strict=True)]

    def epoch():
        params = start
        for batch in steps:
            params, value = step(params, batch)
        return params, value

    return epoch


def convolution(form, steps=4):
    """Scan over one convolution of 64 images, 28x28, 16 to 32 channels, and its gradients."""
    x, k = jnp.ones((64, 28, 28, 16)), jnp.ones((3, 3, 16, 32))
    layout = ("NHWC", "HWIO", "NHWC")

    def step(carry, _):
        y, pull = jax.vjp(lambda x, k: form(x, k, (1, 1), "SAME", dimension_numbers=layout), *carry)
        return jax.tree.map(lambda p, g: p - 1e-9 * g, carry, pull(y)), None

    run = jax.jit(lambda x, k: lax.scan(step, (x, k), length=steps)[0])
    return lambda: run(x, k)


def mapped(form, batches, members):
    params, step = trainer(form, batches[0][0])
    params = jax.tree.map(lambda p: jnp.stack([p] * members), params)
    epoch = jax.jit(jax.vmap(lambda p, b: lax.scan(step, p, b), in_axes=(0, None)))
    return lambda: epoch(params, batches)


def digit_batches(batch=64):
    x, y = digits().train
    steps = len(x) // batch
    cut = steps * batch
    return jnp.asarray(x[:cut].reshape(steps, batch, 8, 8, 1)), jnp.asarray(
        y[:cut].reshape(steps, -1)
    )


def image_batches(steps=20, batch=64):
    key = jax.random.key(1)
    x = jax.random.uniform(key, (steps, batch, 28, 28, 1))
    return x, jax.random.randint(key, (steps, batch), 0, 10)


def contenders(batches):
    return {
        f"{name} in {place}": loop(form, batches)
        for name, form in FORMS.items()
        for place, loop in (("scan", scanned), ("loop", looped))
    }


def main():
    small, large = digit_batches(), image_batches()
    results = [
        compare(
            "network 8x8, 22 steps of 64",
            contenders(small),
            {"(a) lax in loop / ours in scan": ("lax in loop", "ours in scan")},
            rounds=15,
        ),
        compare(
            "convolution 28x28, 16 to 32 channels, 4 steps of 64",
            {f"{name} in scan": convolution(form) for name, form in FORMS.items()},
            {"(b) convolution, lax in scan / ours in scan": ("lax in scan", "ours in scan")},
            rounds=7,
        ),
        compare(
            "network 28x28, 20 steps of 64",
            contenders(large),
            {
                "(b) network, lax in scan / ours in scan": ("lax in scan", "ours in scan"),
                "lax in loop / ours in scan": ("lax in loop", "ours in scan"),
            },
            rounds=7,
        ),
        compare(
            "network 8x8, members under vmap",
            {"alone": scanned(conv, small)}
            | {f"{members} members": mapped(conv, small, members) for members in (8, 32)},
            {
                f"(c) {members} x alone / {members} members": (
                    "alone",
                    f"{members} members",
                    members,
                )
                for members in (8, 32)
            },
            rounds=5,
        ),
    ]
    if on_gpu():
        together = {
            f"{name}, 256 members": mapped(form, large, 256) for name, form in FORMS.items()
        }
        ratios = {"lax / ours": ("lax, 256 members", "ours, 256 members")}
        results.append(compare("network 28x28, 20 steps of 64", together, ratios, rounds=5))
    save("convolution", results, sources=["jsgd/models/conv.py", "jsgd/models/cnn.py", __file__])


if __name__ == "__main__":
    main()
