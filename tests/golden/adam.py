"""Traces of Adam and its kin."""

import numpy as np
from golden.references import Trace, keras, numpy, optax, torch


def traces() -> dict[str, Trace]:
    adam, betas, decay = {"lr": 0.03, "eps": 1e-3}, {"b1": 0.8, "b2": 0.95}, {"weight_decay": 0.1}
    torch_betas = {"betas": (0.8, 0.95)}
    adan = {"lr": 0.02, "b1": 0.9, "b2": 0.8, "b3": 0.95, "eps": 1e-3}
    optimism = {"alpha": 0.8, "beta": 1.2}
    lion = {"lr": 0.01} | betas
    qhadam, ones = adam | betas | {"nu1": 0.6, "nu2": 0.7}, {"nu1": 1.0, "nu2": 1.0}
    small = adam | betas | {"eps": 1e-4}
    adopt = {"lr": 0.02, "b1": 0.8, "b2": 0.95, "eps": 0.05}
    mix = {"lr": 0.01, "b1": 0.8, "b2": 0.95, "b3": 0.99, "alpha": 3.0, "eps": 1e-3}
    simple = {"lr": 0.01, "b1": 0.8, "b2": 0.95, "alpha": 2.0, "eps": 1e-3}
    return {
        "adam": Trace(adam | betas, torch("Adam", **adam, **torch_betas)),
        "adam-slow": Trace(adam | {"b2": 0.99999}, torch("Adam", **adam, betas=(0.9, 0.99999))),
        "adamw": Trace(adam | betas | decay, torch("AdamW", **adam, **torch_betas, **decay)),
        "amsgrad": Trace(adam | betas, torch("Adam", **adam, **torch_betas, amsgrad=True)),
        "nadam": Trace(adam | betas, optax("nadam", **adam, **betas)),
        "nadamw": Trace(adam | betas | decay, optax("nadamw", **adam, **betas, **decay)),
        "nadam-momentum_decay": Trace(
            adam | betas | {"momentum_decay": 0.05},
            torch("NAdam", **adam, **torch_betas, momentum_decay=0.05),
        ),
        "nadam-keras": Trace(
            adam | betas | {"momentum_decay": 1.0},
            keras("Nadam", lr=0.03, epsilon=1e-3, beta_1=0.8, beta_2=0.95),
        ),
        "nadamw-momentum_decay": Trace(
            adam | betas | decay | {"momentum_decay": 0.0},
            torch(
                "NAdam",
                **adam,
                **torch_betas,
                **decay,
                momentum_decay=0.0,
                decoupled_weight_decay=True,
            ),
        ),
        "optimistic_adam": Trace(
            adam | betas | optimism,
            optax("optimistic_adam_v2", **adam, **betas, **optimism, nesterov=False),
        ),
        "lion": Trace(lion, optax("lion", **lion, weight_decay=0.0)),
        "adamax": Trace(adam | betas, torch("Adamax", **adam, **torch_betas)),
        "adamaxw": Trace(adam | betas | decay, optax("adamaxw", **adam, **betas, **decay)),
        "adabelief": Trace(small, optax("adabelief", **small, eps_root=1e-4)),
        "radam": Trace(adam | betas, optax("radam", **adam, **betas)),
        "yogi": yogi(adam | betas, (optax("yogi", **adam, **betas), 1e-4)),
        "yogi-initial": yogi(adam | betas | {"initial_accumulator": 0.1}),
        "adopt": Trace(adopt, optax("adopt", **adopt)),
        "adopt-free": Trace(adopt | {"clip": False}, optax("adopt", **adopt, use_clipping=False)),
        "ademamix": Trace(mix, optax("ademamix", **mix)),
        "simplified_ademamix": Trace(simple, optax("simplified_ademamix", **simple)),
        "acprop": acprop(),
        "qhadam": Trace(qhadam, numpy("the paper's QHAdam", papers_qhadam, qhadam)),
        "qhadam-adam": Trace(
            qhadam | ones,
            numpy("the paper's QHAdam", papers_qhadam, qhadam | ones),
            checks=((torch("Adam", **adam, **torch_betas), 1e-12),),
        ),
        "adan": Trace(adan, numpy("the paper's Algorithm 1", papers_adan, adan)),
    }


def yogi(settings, *checks):
    """optax starts the momentum at 1e-6, too."""
    reference = numpy("the paper's Algorithm 2 with bias corrections", papers_yogi, settings)
    return Trace(settings, reference, checks=checks)


def papers_yogi(theta, h):
    """Zaheer et al. 2018, Algorithm 2, with Adam's bias corrections."""
    m, t = np.zeros_like(theta), 0
    v = np.full_like(theta, h.get("initial_accumulator", 1e-6))
    while True:
        g = yield theta
        t += 1
        m = h["b1"] * m + (1 - h["b1"]) * g
        v = v - (1 - h["b2"]) * np.sign(v - g**2) * g**2
        m_hat, v_hat = m / (1 - h["b1"] ** t), v / (1 - h["b2"] ** t)
        theta = theta - h["lr"] * m_hat / (np.sqrt(v_hat) + h["eps"])


def acprop():
    """optax takes the variance about the momentum before: its steps are b1 times ours."""
    lr, b1, b2, eps = 0.01, 0.8, 0.95, 1e-4
    settings = {"lr": lr, "b1": b1, "b2": b2, "eps": eps}
    smaller = {"b1": b1, "b2": b2, "eps": eps / b1, "eps_root": eps / b1**2}

    def rate(t):  # but the first, g / (1 + eps), to our g
        from jax.numpy import where

        return where(t == 0, lr * (1 + eps / b1), lr / b1)

    reference = numpy("the paper's ACProp", papers_acprop, settings)
    return Trace(settings, reference, checks=((optax("acprop", lr=rate, **smaller), 1e-12),))


def papers_acprop(theta, h):
    """https://arxiv.org/abs/2110.05454, with optax's bias correction and first step."""
    m, v, t = np.zeros_like(theta), np.zeros_like(theta), 0
    while True:
        g = yield theta
        t += 1
        scale = np.sqrt(v / (1 - h["b2"] ** (t - 1))) + h["eps"] if t > 1 else 1
        theta = theta - h["lr"] * g / scale
        m = h["b1"] * m + (1 - h["b1"]) * g
        v = h["b2"] * v + (1 - h["b2"]) * (g - m) ** 2 + h["eps"]


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
