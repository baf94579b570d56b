"""Traces of Adam and its kin."""

import numpy as np
from golden.references import Trace, numpy, optax, torch


def traces() -> dict[str, Trace]:
    adam, betas, decay = {"lr": 0.03, "eps": 1e-3}, {"b1": 0.8, "b2": 0.95}, {"weight_decay": 0.1}
    torch_betas = {"betas": (0.8, 0.95)}
    adan = {"lr": 0.02, "b1": 0.9, "b2": 0.8, "b3": 0.95, "eps": 1e-3}
    lion = {"lr": 0.01} | betas
    qhadam, ones = adam | betas | {"nu1": 0.6, "nu2": 0.7}, {"nu1": 1.0, "nu2": 1.0}
    small = adam | betas | {"eps": 1e-4}
    return {
        "adam": Trace(adam | betas, torch("Adam", **adam, **torch_betas)),
        "adam-slow": Trace(adam | {"b2": 0.99999}, torch("Adam", **adam, betas=(0.9, 0.99999))),
        "adamw": Trace(adam | betas | decay, torch("AdamW", **adam, **torch_betas, **decay)),
        "amsgrad": Trace(adam | betas, torch("Adam", **adam, **torch_betas, amsgrad=True)),
        "nadam": Trace(adam | betas, optax("nadam", **adam, **betas)),
        "nadamw": Trace(adam | betas | decay, optax("nadamw", **adam, **betas, **decay)),
        "lion": Trace(lion, optax("lion", **lion, weight_decay=0.0)),
        "adamax": Trace(adam | betas, torch("Adamax", **adam, **torch_betas)),
        "adamaxw": Trace(adam | betas | decay, optax("adamaxw", **adam, **betas, **decay)),
        "adabelief": Trace(small, optax("adabelief", **small, eps_root=1e-4)),
        "radam": Trace(adam | betas, optax("radam", **adam, **betas)),
        "qhadam": Trace(qhadam, numpy("the paper's QHAdam", papers_qhadam, qhadam)),
        "qhadam-adam": Trace(
            qhadam | ones,
            numpy("the paper's QHAdam", papers_qhadam, qhadam | ones),
            checks=((torch("Adam", **adam, **torch_betas), 1e-12),),
        ),
        "adan": Trace(adan, numpy("the paper's Algorithm 1", papers_adan, adan)),
    }


def papers_adan(theta, h):
    """https://arxiv.org/abs/2208.06677, Algorithm 1, with the authors' bias corrections.

    The paper's beta are the complements of the authors' code's, which are the settings here.
    """
    beta1, beta2, beta3 = (1 - h[name] for name in ("b1", "b2", "b3"))
    m, v, n = (np.zeros_like(theta) for _ in range(3))
    before, t = None, 0
    while True:
        g = yield theta
        t, before = t + 1, g if before is None else before
        change, before = g - before, g
        m = (1 - beta1) * m + beta1 * g
        v = (1 - beta2) * v + beta2 * change
        n = (1 - beta3) * n + beta3 * (g + (1 - beta2) * change) ** 2
        m_hat, v_hat, n_hat = (
            x / (1 - (1 - beta) ** t) for x, beta in ((m, beta1), (v, beta2), (n, beta3))
        )
        step = h["lr"] / (np.sqrt(n_hat) + h["eps"])
        theta = theta - step * (m_hat + (1 - beta2) * v_hat)


def papers_qhadam(theta, h):
    """https://arxiv.org/abs/1810.06801, section 4."""
    b1, b2, nu1, nu2 = (h[name] for name in ("b1", "b2", "nu1", "nu2"))
    m, v, t = np.zeros_like(theta), np.zeros_like(theta), 0
    while True:
        g = yield theta
        t += 1
        m, v = (1 - b1) * g + b1 * m, (1 - b2) * g**2 + b2 * v
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        above = (1 - nu1) * g + nu1 * m_hat
        theta = theta - h["lr"] * above / (np.sqrt((1 - nu2) * g**2 + nu2 * v_hat) + h["eps"])
