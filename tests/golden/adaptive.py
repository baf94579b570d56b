"""Traces of rules that divide by a root of squares, without Adam's momentum."""

import numpy as np
from golden.references import Trace, keras, numpy, optax, torch


def traces() -> dict[str, Trace]:
    adagrad, rms = {"lr": 0.1, "eps": 1e-2}, {"lr": 0.01, "eps": 1e-3}
    centered = {"centered": True, "momentum": 0.7}
    in_sqrt = rms | {"decay": 0.9, "momentum": 0.7, "nesterov": True, "eps_in_sqrt": True}
    corrected = rms | {"decay": 0.9, "bias_correction": True}
    asgd = {"lr": 0.1, "lambd": 0.05, "alpha": 0.6, "t0": 20}
    ftrl = {"lr": 0.2, "initial_accumulator": 0.02, "l1": 0.01, "l2": 0.02, "beta": 0.1}
    ftrl |= {"lr_power": -0.4, "l2_shrinkage": 0.03}
    madgrad = {"lr": 0.02, "momentum": 0.8, "eps": 5e-3}
    sophia = {"lr": 0.03, "b1": 0.8, "b2": 0.6, "gamma": 0.5, "eps": 0.01, "every": 4}
    return {
        "adagrad": Trace(adagrad, torch("Adagrad", **adagrad)),
        "adagrad-initial": Trace(
            adagrad | {"initial_accumulator": 0.2},
            torch("Adagrad", **adagrad, initial_accumulator_value=0.2),
        ),
        "rmsprop": Trace(rms | {"decay": 0.9}, torch("RMSprop", **rms, alpha=0.9)),
        "rmsprop-centered": Trace(
            rms | {"decay": 0.9} | centered, torch("RMSprop", **rms, alpha=0.9, **centered)
        ),
        "rmsprop-eps_in_sqrt": Trace(in_sqrt, optax("rmsprop", **in_sqrt)),
        "rmsprop-bias_correction": Trace(
            corrected | {"initial_accumulator": 0.01},
            optax("rmsprop", **corrected, initial_scale=0.01, eps_in_sqrt=False),
        ),
        "asgd": Trace(asgd, torch("ASGD", **asgd)),
        "ftrl": Trace(ftrl, keras("Ftrl", **{KERAS_FTRL.get(k, k): x for k, x in ftrl.items()})),
        # optax adds eps to the learning rate, and takes the root of t in float32
        "madgrad": Trace(
            madgrad,
            numpy("the paper's Algorithm 1", papers_madgrad, madgrad),
            checks=((optax("madgrad", **madgrad | {"lr": 0.02 - 5e-3}), 1e-6),),
        ),
        "sophia": Trace(
            sophia,
            numpy("the paper's Algorithm 3 with random signs", papers_sophia, sophia, whole=True),
        ),
        "adadelta": Trace(
            {"lr": 2.0, "decay": 0.8, "eps": 1e-3}, torch("Adadelta", lr=2.0, rho=0.8, eps=1e-3)
        ),
    }


KERAS_FTRL = {
    "lr_power": "learning_rate_power",
    "initial_accumulator": "initial_accumulator_value",
    "l1": "l1_regularization_strength",
    "l2": "l2_regularization_strength",
    "l2_shrinkage": "l2_shrinkage_regularization_strength",
}


def papers_madgrad(x0, h):
    """https://arxiv.org/abs/2101.11075, Algorithm 1."""
    s, v, x, k = np.zeros_like(x0), np.zeros_like(x0), x0, 0
    while True:
        g = yield x
        lamb = h["lr"] * np.sqrt(k + 1)
        k += 1
        s = s + lamb * g
        v = v + lamb * g**2
        z = x0 - s / (np.cbrt(v) + h["eps"])
        c = 1 - h["momentum"]
        x = (1 - c) * x + c * z


def papers_sophia(params, h):
    """https://arxiv.org/abs/2305.14342, Algorithms 1 and 3; the signs are drawn as jsgd draws them.

    A key splits into that of the next step and that of this one, the latter once more for the one
    rule that sees the tree, and once more for the leaves.
    """
    from jax import grad, jvp, random

    m, v, t = dict.fromkeys(params, 0.0), dict.fromkeys(params, 0.0), 0
    key = random.key(0)
    while True:
        batch = yield params
        key, own = random.split(key)
        if t % h["every"] == 0:
            keys = random.split(random.split(own, 1)[0], len(params))
            u = {
                k: np.where(np.asarray(random.bits(own, p.shape, "uint8")) % 2, -1.0, 1.0)
                for own, (k, p) in zip(keys, sorted(params.items()), strict=True)
            }
            _, hu = jvp(grad(batch.value_fn), (params,), (u,))
            v = {k: h["b2"] * v[k] + (1 - h["b2"]) * u[k] * np.asarray(hu[k]) for k in u}
        t += 1
        m = {k: h["b1"] * m[k] + (1 - h["b1"]) * batch.grads[k] for k in params}
        step = {k: np.clip(m[k] / np.maximum(h["gamma"] * v[k], h["eps"]), -1, 1) for k in params}
        params = {k: p - h["lr"] * step[k] for k, p in params.items()}
