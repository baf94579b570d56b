"""Traces of rules that see a whole matrix."""

import numpy as np
from golden.references import MATRICES, Trace, numpy, optax, torch


def traces() -> dict[str, Trace]:
    muon = {"lr": 0.02, "momentum": 0.95}

    def matrices(checks, **settings):
        reference = numpy("the authors' muon_update", authors_muon, settings)
        return Trace(settings, reference, leaves=MATRICES, checks=checks)

    def torch_muon(nesterov, adjust_lr_fn="original"):  # it orthogonalises in bfloat16
        more = {"nesterov": nesterov, "weight_decay": 0.0, "adjust_lr_fn": adjust_lr_fn}
        return torch("Muon", transposed=True, **muon, **more), 0.2

    def optax_muon(**more):
        # it corrects the bias of the momentum, which the orthogonalisation then divides out
        return optax("muon", lr=0.02, beta=0.95, nesterov=False, **more), 1e-4

    matched = torch_muon(False, "match_rms_adamw"), optax_muon(consistent_rms=0.2)
    galore = {"lr": 0.05, "b1": 0.8, "b2": 0.95, "eps": 1e-2, "scale": 0.5, "every": 40}

    def low_rank(**settings):
        return Trace(settings, numpy("the paper's Algorithm 2", papers_galore, settings))

    return {
        "galore": low_rank(**galore, rank=2),
        "galore-full": low_rank(**galore),
        "muon": matrices((torch_muon(True),), **muon, nesterov=True),
        "muon-plain": matrices((torch_muon(False), optax_muon()), **muon, nesterov=False),
        "muon-match_rms": matrices(matched, **muon, nesterov=False, match_rms=True),
    }


def authors_muon(p, h):
    """https://kellerjordan.github.io/posts/muon/, on kernels of shape (outputs, inputs)."""

    def orthogonalised(x):
        if x.shape[0] > x.shape[1]:
            return orthogonalised(x.T).T
        x = x / (np.sqrt((x**2).sum()) + 1e-7)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
        return x

    w = p.T
    buffer = np.zeros_like(w)
    while True:
        g = (yield w.T).T
        buffer += (1 - h["momentum"]) * (g - buffer)
        u = g + h["momentum"] * (buffer - g) if h["nesterov"] else buffer
        outputs, inputs = w.shape
        size = 0.2 * max(w.shape) ** 0.5 if h.get("match_rms") else max(1, outputs / inputs) ** 0.5
        w = w - h["lr"] * size * orthogonalised(u)


def papers_galore(w, h):
    """https://arxiv.org/abs/2403.03507, Algorithm 2; plain Adam where a leaf is no matrix.

    The signs of the singular vectors, on which the moments depend and which the paper leaves open:
    the largest number of each is positive.
    """

    def adam(r):
        nonlocal m, v
        m = h["b1"] * m + (1 - h["b1"]) * r
        v = h["b2"] * v + (1 - h["b2"]) * r**2
        return m / (1 - h["b1"] ** t) / (np.sqrt(v / (1 - h["b2"] ** t)) + h["eps"])

    if w.ndim == 2 and w.shape[0] > w.shape[1]:
        transposed = papers_galore(w.T, h)
        g = yield next(transposed).T
        while True:
            g = yield transposed.send(g.T).T
    m = v = np.zeros(())
    t = 0
    while True:
        g = yield w
        if w.ndim < 2:
            t += 1
            w = w - h["lr"] * adam(g)
            continue
        if t % h["every"] == 0:
            p = np.linalg.svd(g)[0][:, : h.get("rank")]
            p = p * [np.sign(max(column, key=abs)) for column in p.T]
        t += 1
        w = w - h["lr"] * h["scale"] * p @ adam(p.T @ g)
