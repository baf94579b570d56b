"""Traces of rules that find their learning rate themselves."""

from functools import partial

import numpy as np
from golden.references import Trace, numpy, optax


def traces() -> dict[str, Trace]:
    # from a first estimate that is not tiny: the growth from a tiny one multiplies what is rounded
    betas = {"b1": 0.8, "b2": 0.95}
    adam = {"lr": 0.5, "eps": 1e-2, "d0": 0.02, "weight_decay": 0.1}
    optax_adam = {"lr": 0.5, "eps": 1e-2, "estim_lr0": 0.02, "weight_decay": 0.1}
    optax_adam |= {"betas": (0.8, 0.95)}
    corrected, safe = {"bias_correction": True}, {"safeguard_warmup": True}
    coef, optax_coef = {"d_coef": 0.7}, {"estim_lr_coef": 0.7}

    def prodigy(**more):
        settings = adam | betas | coef | more
        return Trace(settings, numpy("the authors' code", authors_prodigy, settings, whole=True))

    def dadapt(**more):
        settings = adam | betas | more
        return Trace(settings, numpy("the authors' code", authors_dadapt, settings, whole=True))

    def dog(kind, **more):
        settings = {"lr": 0.8, "r_eps": 0.05, "eps": 0.02} | more
        return Trace(settings, optax("dog", lr=0.8, init_step=(kind, 0.05), eps=0.02))

    ldog = {"lr": 0.8, "r_eps": 0.05, "eps": 0.02, "layerwise": True}
    dowg = {"lr": 0.8, "eps": 0.05}
    polyak = {"max_lr": 0.3, "f_min": 0.4, "eps": 0.01}
    optax_polyak = {"max_learning_rate": 0.3, "f_min": 0.4, "eps": 0.01}
    momo = {"lr": 0.4, "lower_bound": 0.1}
    momo_adam = {"lr": 0.1, "eps": 1e-2, "lower_bound": 0.1} | betas
    adapt, decay = {"adapt_lower_bound": True}, {"weight_decay": 0.1}

    def authors(settings, adaptive):
        rule = partial(authors_momo, adaptive)
        return Trace(settings, numpy("the authors' code", rule, settings, whole=True))

    return {
        "prodigy": prodigy(),
        "prodigy-b3": prodigy(b3=0.9),
        "prodigy-bias_correction": Trace(
            adam | betas | coef | corrected, optax("prodigy", **optax_adam | optax_coef)
        ),
        "prodigy-safeguard_warmup": Trace(
            adam | betas | coef | corrected | safe,
            optax("prodigy", **optax_adam | optax_coef | safe),
        ),
        "dadapt_adamw": dadapt(),
        "dadapt_adamw-bias_correction": Trace(
            adam | betas | corrected, optax("dadapt_adamw", **optax_adam)
        ),
        "dog": dog("heuristic"),
        "dog-distance": dog("distance", relative=False),
        "dog-layerwise": Trace(ldog, numpy("the paper's L-DoG", papers_ldog, ldog)),
        "dowg": Trace(dowg | {"r_eps": 0.2}, optax("dowg", **dowg, init_estim_sq_dist=0.2**2)),
        "cocob": Trace({"alpha": 20.0, "eps": 0.1}, optax("cocob", alpha=20.0, eps=0.1)),
        "polyak_sgd": Trace(polyak, optax("polyak_sgd", **optax_polyak)),
        "polyak_sgd-sps_plus": Trace(
            polyak | {"variant": "sps+"}, optax("polyak_sgd", **optax_polyak, variant="sps+")
        ),
        # optax scales the gradient before it takes its norm, against its own docstring
        "polyak_sgd-lr": Trace(
            polyak | {"lr": 0.7},
            numpy("equation SPS_max", papers_polyak, polyak | {"lr": 0.7}, whole=True),
        ),
        "momo": Trace(momo | {"b1": 0.7}, optax("momo", **momo, beta=0.7)),
        "momo-adapt_lower_bound": Trace(
            momo | {"b1": 0.7} | adapt, optax("momo", **momo, beta=0.7, **adapt)
        ),
        "momo-weight_decay": authors(momo | {"b1": 0.7} | adapt | decay, adaptive=False),
        "momo_adam": Trace(momo_adam, optax("momo_adam", **momo_adam)),
        "momo_adam-adapt_lower_bound": Trace(
            momo_adam | adapt, optax("momo_adam", **momo_adam, **adapt)
        ),
        "momo_adam-weight_decay": authors(momo_adam | adapt | decay, adaptive=True),
    }


def authors_prodigy(theta, h):
    """https://github.com/konstmish/prodigy, on all parameters as one vector."""
    x, unpack = packed(theta)
    start, d, d0, r = x, h["d0"], h["d0"], 0.0
    m, v, s = (np.zeros_like(x) for _ in range(3))
    beta3 = h.get("b3", h["b2"] ** 0.5)
    while True:
        g = packed((yield unpack(x)).grads)[0]
        rate = d * h["lr"]
        r = beta3 * r + (d / d0) * rate * g @ (start - x)
        m = h["b1"] * m + d * (1 - h["b1"]) * g
        v = h["b2"] * v + d * d * (1 - h["b2"]) * g * g
        s = beta3 * s + (d / d0) * rate * g
        d = max(d, h["d_coef"] * r / np.abs(s).sum())
        x = x - h["weight_decay"] * rate * x
        x = x - rate * m / (np.sqrt(v) + d * h["eps"])


def authors_dadapt(theta, h):
    """https://github.com/facebookresearch/dadaptation, on all parameters as one vector."""
    x, unpack = packed(theta)
    d, r, root = h["d0"], 0.0, h["b2"] ** 0.5
    m, v, s = (np.zeros_like(x) for _ in range(3))
    while True:
        g = packed((yield unpack(x)).grads)[0]
        rate = d * h["lr"]
        r = root * r + (1 - root) * rate * g @ (s / (np.sqrt(v) + h["eps"]))
        m = h["b1"] * m + rate * (1 - h["b1"]) * g
        v = h["b2"] * v + (1 - h["b2"]) * g * g
        s = root * s + rate * (1 - root) * g
        d = max(d, r / ((1 - root) * np.abs(s).sum()))
        x = x - h["weight_decay"] * rate * x - m / (np.sqrt(v) + h["eps"])


def papers_ldog(theta, h):
    """https://arxiv.org/abs/2302.12022, equation L-DoG, with the authors' code's epsilons."""
    start, seen = theta, 0.0
    longest = h["r_eps"] * (1 + np.linalg.norm(theta))
    while True:
        g = yield theta
        longest = max(longest, np.sqrt(((theta - start) ** 2).sum()))
        seen += (g**2).sum()
        theta = theta - h["lr"] * longest / np.sqrt(seen + h["eps"]) * g


def papers_polyak(theta, h):
    """https://arxiv.org/abs/2002.10542, equation SPS_max, with optax's epsilon and scaling."""
    x, unpack = packed(theta)
    while True:
        batch = yield unpack(x)
        g = packed(batch.grads)[0]
        x = x - h["lr"] * min((batch.value - h["f_min"]) / (g @ g + h["eps"]), h["max_lr"]) * g


def authors_momo(adaptive, theta, h):
    """https://github.com/fabian-sp/MoMo: MoMo, or MoMo-Adam where `adaptive`."""
    x, unpack = packed(theta)
    d, v, loss, dot, bound, k = np.zeros_like(x), np.zeros_like(x), 0.0, 0.0, h["lower_bound"], 0
    grow = 1 + h["lr"] * h["weight_decay"]
    while True:
        batch = yield unpack(x)
        g, k = packed(batch.grads)[0], k + 1
        beta = h["b1"] if adaptive or k > 1 else 0.0
        rho = 1 - beta**k if adaptive else 1.0
        loss = beta * loss + (1 - beta) * batch.value
        d = beta * d + (1 - beta) * g
        dot = beta * dot + (1 - beta) * g @ x
        metric = np.ones_like(x)
        if adaptive:
            v = h["b2"] * v + (1 - h["b2"]) * g * g
            metric = np.sqrt(v / (1 - h["b2"] ** k)) + h["eps"]
        size = d @ (d / metric)
        cap = grow * loss + d @ x - grow * dot
        if cap < grow * rho * bound:
            bound = max(cap / (2 * grow * rho), h["lower_bound"])
        tau = min(h["lr"] / rho, max(cap - grow * rho * bound, 0.0) / size)
        bound = max((loss + d @ x - dot - tau * size / 2) / rho, h["lower_bound"])
        x = (x - tau * d / metric) / grow


def packed(tree):
    """A dict of arrays as one vector, and the way back."""
    shapes = {k: np.shape(x) for k, x in tree.items()}
    ends = np.cumsum([np.size(x) for x in tree.values()])[:-1]

    def unpack(vector):
        parts = np.split(vector, ends)
        return {k: x.reshape(shapes[k]) for k, x in zip(shapes, parts, strict=True)}

    return np.concatenate([np.ravel(x) for x in tree.values()]), unpack
