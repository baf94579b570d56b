"""Traces of rules that measure a leaf by its norm, or keep a summary of its squares."""

import numpy as np
from golden.references import ALL, Trace, keras, numpy, optax, torch


def traces() -> dict[str, Trace]:
    lamb = {"lr": 0.02, "b1": 0.8, "b2": 0.95, "eps": 1e-2}
    lars = {"lr": 0.5, "momentum": 0.8, "trust_coefficient": 0.02, "eps": 0.1, "weight_decay": 0.1}
    novograd = {"lr": 0.01, "b1": 0.8, "b2": 0.6, "eps": 1e-2, "weight_decay": 0.1}
    sm3 = {"lr": 0.05, "b1": 0.8, "eps": 1e-2}
    fromage = {"lr": 0.02, "min_norm": 0.2}
    keras_lamb = keras("Lamb", lr=0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-2)
    return {
        "lamb": Trace(lamb | {"weight_decay": 0.3}, optax("lamb", **lamb, weight_decay=0.3)),
        "lamb-plain": Trace(
            lamb | {"weight_decay": 0.0}, optax("lamb", **lamb), checks=((keras_lamb, 1e-6),)
        ),
        "lars": Trace(lars, optax("lars", **lars)),
        "lars-nesterov": Trace(lars | {"nesterov": True}, optax("lars", **lars, nesterov=True)),
        "fromage": Trace(fromage, optax("fromage", **fromage)),
        "novograd": Trace(novograd, optax("novograd", **novograd)),
        "sm3": Trace(sm3, numpy("the paper's Algorithm SM3-II", papers_sm3, sm3)),
        # optax has no accumulator for a 0-d leaf, and its eps is fixed
        "sm3-optax": Trace(
            {"lr": 0.05, "b1": 0.8},
            optax("sm3", lr=0.05, momentum=0.8),
            leaves=("bias", "tall", "wide"),
        ),
        **adafactors(),
    }


def papers_sm3(w, h):
    """https://arxiv.org/abs/1901.11150, Algorithm SM3-II: one set for every row and column."""
    cover = [np.s_[i] for i in np.ndindex(w.shape)] if w.ndim < 2 else []
    if w.ndim == 2:
        cover = [np.s_[i, :] for i in range(w.shape[0])] + [np.s_[:, j] for j in range(w.shape[1])]
    mu, momentum = [0.0] * len(cover), np.zeros_like(w)
    while True:
        g = yield w
        nu = np.full(w.shape, np.inf)
        for r, accumulated in zip(cover, mu, strict=True):
            nu[r] = np.minimum(nu[r], accumulated)
        nu = nu + g**2
        momentum = h["b1"] * momentum + (1 - h["b1"]) * g / np.sqrt(nu + h["eps"])
        w = w - h["lr"] * momentum
        mu = [nu[r].max() for r in cover]


def adafactors():
    """The paper's, with references that agree where they have the same choices."""
    base = {"lr": 0.125, "decay_exponent": 0.7, "clip_threshold": 0.5, "min_scale": 0.8}
    rates = {"beta_2_decay": -0.7, "clip_threshold": 0.5, "epsilon_2": 0.8}
    factored, fixed = {"min_dim_size_to_factor": 1}, {"relative_step": False, "momentum": 0.8}
    uncapped = {"lr": 0.05, "min_scale": 1e-3, "eps": 1e-2, "clip_threshold": 0.5}
    theirs = {"lr": 0.05, "eps": 1e-2, "decay_rate": 0.7, "clipping_threshold": 0.5}

    def paper(checks=(), leaves=ALL, **settings):
        reference = numpy("the paper's Algorithms 4 and 5", papers_adafactor, settings)
        return Trace(settings, reference, checks=checks, leaves=leaves)

    torch_rates = {"beta2_decay": -0.7, "eps": (1e-15, 0.8), "d": 1.0}
    return {
        "adafactor": paper(**base, eps=1e-2),
        "adafactor-factored": paper(
            ((keras("Adafactor", lr=0.125, **rates, epsilon_1=1e-2), 1e-6),),
            **base | factored,
            eps=1e-2,
        ),
        "adafactor-torch": Trace(
            base | factored | {"clip_threshold": 1.0},
            torch("Adafactor", lr=0.125, **torch_rates),
        ),
        "adafactor-optax": paper(
            ((optax("adafactor", **theirs, **factored, momentum=0.8), 1e-5),),
            **base | uncapped | factored | fixed,
        ),
        "adafactor-unscaled": paper(**base | factored, eps=1e-2, parameter_scale=False),
    }


def papers_adafactor(x, h):
    """https://arxiv.org/abs/1804.04235, Algorithms 4 (matrices) and 5 (vectors).

    The choices of optax around them: an uncapped step, and momentum.
    """

    def rms(a):
        return np.sqrt(np.mean(a**2))

    r = c = v = m = np.zeros(())
    t = 0
    while True:
        g = yield x
        t += 1
        beta2 = 1 - t ** -h["decay_exponent"]
        squares = g**2 + h["eps"]
        if x.ndim == 2 and "min_dim_size_to_factor" in h:
            rows, columns = x.shape
            r = beta2 * r + (1 - beta2) * squares @ np.ones(columns)
            c = beta2 * c + (1 - beta2) * np.ones(rows) @ squares
            v = np.outer(r, c) / (np.ones(rows) @ r)
        else:
            v = beta2 * v + (1 - beta2) * squares
        u = g / np.sqrt(v)
        u = u / max(1, rms(u) / h["clip_threshold"])
        rho = min(h["lr"], 1 / np.sqrt(t)) if h.get("relative_step", True) else h["lr"]
        alpha = max(h["min_scale"], rms(x)) * rho if h.get("parameter_scale", True) else rho
        step, b1 = alpha * u, h.get("momentum", 0.0)
        m = b1 * m + (1 - b1) * step
        x = x - m
