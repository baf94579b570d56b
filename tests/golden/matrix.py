"""Traces of rules that see a whole matrix."""

import numpy as np
from golden.references import MATRICES, Trace, numpy, optax, torch


def traces() -> dict[str, Trace]:
    muon = {"lr": 0.02, "momentum": 0.95}

    def matrices(checks, **settings):
        reference = numpy("the authors' muon_update", authors_muon, settings)
        return Trace(settings, reference, leaves=MATRICES, checks=checks)

    def torch_muon(nesterov):  # it orthogonalises in bfloat16
        more = {"nesterov": nesterov, "weight_decay": 0.0, "adjust_lr_fn": "original"}
        return torch("Muon", transposed=True, **muon, **more), 0.2

    # optax corrects the bias of the momentum, which the orthogonalisation then divides out
    optax_muon = optax("muon", lr=0.02, beta=0.95, nesterov=False), 1e-4
    return {
        "muon": matrices((torch_muon(True),), **muon, nesterov=True),
        "muon-plain": matrices((torch_muon(False), optax_muon), **muon, nesterov=False),
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
        w = w - h["lr"] * max(1, outputs / inputs) ** 0.5 * orthogonalised(u)
