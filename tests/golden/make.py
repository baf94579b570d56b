"""Makes the golden traces: `PYTHONPATH=tests python -m golden.make`, by hand, with torch installed.

Each trace is the path that an independent implementation takes from `problem.START`, in float64.
What jsgd computes has no part in it: nothing here imports jsgd. The settings are far from the
defaults, so that an epsilon in the wrong place shows.
"""

import json
import platform
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from golden.problem import SAVED, START, STEPS, X, Y, gradient

MATRICES = ("tall", "wide")


def main() -> None:
    for name, (settings, made_by, arguments, dtype) in traces().items():
        factory = name.split("-")[0]
        leaves = MATRICES if factory == "muon" else tuple(START)
        reference, walk = made_by(arguments, dtype)
        path = {t: p for t, p in enumerate(descend(walk, leaves, dtype), 1) if t in SAVED}
        for other in CROSS_CHECKS.get(name, ()):
            compare(name, path, *other, leaves)
        write(
            name,
            {
                "factory": factory,
                "settings": settings,
                "reference": reference,
                "versions": {"python": platform.python_version()}
                | {x: metadata.version(x) for x in ("numpy", "torch", "optax", "jax")},
                "problem": "tests/golden/problem.py",
                "dtype": dtype,
                "steps": STEPS,
            },
            path,
        )


def traces() -> dict[str, tuple[dict[str, Any], Callable, Any, str]]:
    """name -> (settings of jsgd's factory, reference, its arguments, dtype)."""
    momentum, betas, decay = {"momentum": 0.9}, {"b1": 0.8, "b2": 0.95}, {"weight_decay": 0.1}
    sgd, adagrad, lion = {"lr": 0.05}, {"lr": 0.1, "eps": 1e-2}, {"lr": 0.01} | betas
    adam, torch_betas = {"lr": 0.03, "eps": 1e-3}, {"betas": (0.8, 0.95)}
    rms, torch_rms = (
        {"lr": 0.01, "eps": 1e-3, "decay": 0.9},
        {"lr": 0.01, "eps": 1e-3, "alpha": 0.9},
    )
    centered = {"centered": True, "momentum": 0.7}
    in_sqrt = {"momentum": 0.7, "nesterov": True, "eps_in_sqrt": True}
    muon = {"lr": 0.02, "momentum": 0.95}
    noisy = {"lr": 0.05, "eta": 0.3, "gamma": 0.55, "key": 7}

    def one(settings, made_by, name, theirs=None):
        return settings, made_by, (name, settings if theirs is None else theirs), "float64"

    return {
        "sgd": one(sgd, torch, "SGD"),
        "sgd-momentum": one(sgd | momentum, torch, "SGD"),
        "sgd-nesterov": one(sgd | momentum | {"nesterov": True}, torch, "SGD"),
        "sgd-dampening": one(sgd | momentum | {"dampening": 0.5}, torch, "SGD"),
        # the noise is drawn in the parameters' dtype: another dtype, another noise
        "noisy_sgd-float32": (noisy, optax, ("noisy_sgd", noisy), "float32"),
        "noisy_sgd-float64": (noisy, optax, ("noisy_sgd", noisy), "float64"),
        "adagrad": one(adagrad, torch, "Adagrad"),
        "adagrad-initial": one(
            adagrad | {"initial_accumulator": 0.2},
            torch,
            "Adagrad",
            adagrad | {"initial_accumulator_value": 0.2},
        ),
        "rmsprop": one(rms, torch, "RMSprop", torch_rms),
        "rmsprop-centered": one(rms | centered, torch, "RMSprop", torch_rms | centered),
        "rmsprop-eps_in_sqrt": one(rms | in_sqrt, optax, "rmsprop"),
        "adam": one(adam | betas, torch, "Adam", adam | torch_betas),
        "adam-slow": one(adam | {"b2": 0.99999}, torch, "Adam", adam | {"betas": (0.9, 0.99999)}),
        "adamw": one(
            adam | betas | {"weight_decay": 0.1},
            torch,
            "AdamW",
            adam | torch_betas | decay,
        ),
        "amsgrad": one(adam | betas, torch, "Adam", adam | torch_betas | {"amsgrad": True}),
        "nadam": one(adam | betas, optax, "nadam"),
        "nadamw": one(adam | betas | decay, optax, "nadamw"),
        "lion": one(lion, optax, "lion", lion | {"weight_decay": 0.0}),
        "sign_sgd": one({"lr": 0.01}, optax, "sign_sgd"),
        "signum": one({"lr": 0.01, "b1": 0.8}, optax, "signum", {"lr": 0.01, "beta": 0.8}),
        "optimistic_gradient_descent": one(
            {"lr": 0.05, "alpha": 0.8, "beta": 1.2}, optax, "optimistic_gradient_descent"
        ),
        "rprop": one(
            {"lr": 0.01, "eta_minus": 0.6, "eta_plus": 1.1, "min_step": 2e-3, "max_step": 0.03},
            torch,
            "Rprop",
            {"lr": 0.01, "etas": (0.6, 1.1), "step_sizes": (2e-3, 0.03)},
        ),
        "adadelta": one(
            {"lr": 2.0, "decay": 0.8, "eps": 1e-3},
            torch,
            "Adadelta",
            {"lr": 2.0, "rho": 0.8, "eps": 1e-3},
        ),
        "adamax": one(adam | betas, torch, "Adamax", adam | torch_betas),
        "adamaxw": one(adam | betas | decay, optax, "adamaxw"),
        "adabelief": one(
            adam | betas | {"eps": 1e-4},
            optax,
            "adabelief",
            adam | betas | {"eps": 1e-4, "eps_root": 1e-4},
        ),
        "radam": one(adam | betas, optax, "radam"),
        "adan": (
            {"lr": 0.02, "b1": 0.9, "b2": 0.8, "b3": 0.95, "eps": 1e-3},
            papers_adan,
            {"lr": 0.02, "b1": 0.9, "b2": 0.8, "b3": 0.95, "eps": 1e-3},
            "float64",
        ),
        "muon": (muon, authors_muon, muon | {"nesterov": True}, "float64"),
        "muon-plain": (
            muon | {"nesterov": False},
            authors_muon,
            muon | {"nesterov": False},
            "float64",
        ),
    }


# --- the references: each is `(arguments, dtype) -> (what it is, walk)`,
#     with `walk(params)` a generator: gradients are sent in, parameters come out


def torch(arguments: tuple[str, dict[str, Any]], dtype: str) -> tuple[str, Callable]:
    import torch

    name, settings = arguments

    def walk(params: dict[str, Any]) -> Iterator:
        tensors = {k: torch.tensor(x, dtype=getattr(torch, dtype)) for k, x in params.items()}
        opt = getattr(torch.optim, name)(tensors.values(), **settings)
        while True:
            grads = yield {k: x.numpy().copy() for k, x in tensors.items()}
            for k, x in tensors.items():
                x.grad = torch.tensor(grads[k], dtype=x.dtype)
            opt.step()

    return call(f"torch.optim.{name}", settings), walk


def optax(arguments: tuple[str, dict[str, Any]], dtype: str) -> tuple[str, Callable]:
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    name, settings = arguments
    module, where = (optax.contrib, "optax.contrib") if name == "muon" else (optax, "optax")
    theirs = {"learning_rate" if k == "lr" else k: x for k, x in settings.items()}

    def walk(params: dict[str, Any]) -> Iterator:
        params = {k: jax.numpy.asarray(x, dtype) for k, x in params.items()}
        tx = getattr(module, name)(**theirs)
        state, update = tx.init(params), jax.jit(tx.update)
        while True:
            grads = yield {k: np.array(x) for k, x in params.items()}
            grads = {k: jax.numpy.asarray(x, dtype) for k, x in grads.items()}
            updates, state = update(grads, state, params)
            params = optax.apply_updates(params, updates)

    return call(f"{where}.{name}", theirs), walk


def authors_muon(h: dict[str, Any], dtype: str) -> tuple[str, Callable]:
    """https://kellerjordan.github.io/posts/muon/, on kernels of shape (outputs, inputs)."""

    def orthogonalised(x: np.ndarray) -> np.ndarray:
        if x.shape[0] > x.shape[1]:
            return orthogonalised(x.T).T
        x = x / (np.sqrt((x**2).sum()) + 1e-7)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
        return x

    def walk(params: dict[str, Any]) -> Iterator:
        weights = {k: x.T.astype(dtype) for k, x in params.items()}
        buffers = {k: np.zeros_like(x) for k, x in weights.items()}
        while True:
            grads = yield {k: x.T for k, x in weights.items()}
            for k, w in weights.items():
                g = grads[k].T
                buffers[k] += (1 - h["momentum"]) * (g - buffers[k])
                u = g + h["momentum"] * (buffers[k] - g) if h["nesterov"] else buffers[k]
                outputs, inputs = w.shape
                weights[k] = w - h["lr"] * max(1, outputs / inputs) ** 0.5 * orthogonalised(u)

    return call("the authors' muon_update, in NumPy", h), walk


def papers_adan(h: dict[str, Any], dtype: str) -> tuple[str, Callable]:
    """https://arxiv.org/abs/2208.06677, Algorithm 1, with the authors' bias corrections.

    The paper's beta are the complements of the authors' code's, which are the settings here.
    """
    beta1, beta2, beta3 = (1 - h[name] for name in ("b1", "b2", "b3"))

    def walk(params: dict[str, Any]) -> Iterator:
        theta = {k: x.astype(dtype) for k, x in params.items()}
        m, v, n = ({k: np.zeros_like(x) for k, x in theta.items()} for _ in range(3))
        before, t = None, 0
        while True:
            grads = yield dict(theta)
            t, before = t + 1, grads if before is None else before
            for k, g in grads.items():
                change = g - before[k]
                m[k] = (1 - beta1) * m[k] + beta1 * g
                v[k] = (1 - beta2) * v[k] + beta2 * change
                n[k] = (1 - beta3) * n[k] + beta3 * (g + (1 - beta2) * change) ** 2
                m_hat, v_hat, n_hat = (
                    x[k] / (1 - (1 - beta) ** t) for x, beta in ((m, beta1), (v, beta2), (n, beta3))
                )
                step = h["lr"] / (np.sqrt(n_hat) + h["eps"])
                theta[k] = theta[k] - step * (m_hat + (1 - beta2) * v_hat)
            before = grads

    return call("the paper's Algorithm 1, in NumPy", h), walk


# --- two references for one trace: (reference, its arguments, what the paths may differ by)

_torch_muon = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.0, "adjust_lr_fn": "original"}
CROSS_CHECKS = {
    # torch orthogonalises in bfloat16, and takes kernels as (outputs, inputs)
    "muon": [(torch, ("Muon", _torch_muon | {"nesterov": True}), 0.2)],
    # optax corrects the bias of the momentum, which the orthogonalisation then divides out
    "muon-plain": [
        (torch, ("Muon", _torch_muon | {"nesterov": False}), 0.2),
        (optax, ("muon", {"lr": 0.02, "beta": 0.95, "nesterov": False}), 1e-4),
    ],
}


def compare(name: str, path: dict, made_by: Callable, arguments: Any, slack: float, leaves) -> None:
    reference, walk = made_by(arguments, "float64")
    transposed = made_by is torch
    for t, p in enumerate(descend(walk, leaves, "float64", transposed), 1):
        off = max(np.abs(p[k] - path.get(t, p)[k]).max() for k in leaves)
        if off > slack:
            raise SystemExit(f"{name} is {off:.1e} from {reference} after {t} steps")
    print(f"{name}: {off:.1e} from {reference}")


def descend(
    walk: Callable, leaves: tuple[str, ...], dtype: str, transposed: bool = False
) -> Iterator:
    """The parameters after each step."""

    def turn(tree):
        return {k: x.T for k, x in tree.items()} if transposed else tree

    steps = walk(turn({k: START[k].astype(dtype) for k in leaves}))
    params = turn(next(steps))
    for x, y in zip(X, Y, strict=True):
        grads = gradient(np, START | {k: p.astype(float) for k, p in params.items()}, x, y)
        params = turn(steps.send(turn({k: grads[k] for k in leaves})))
        yield params


def call(name: str, arguments: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{k}={x!r}' for k, x in arguments.items())})"


def write(name: str, head: dict[str, Any], path: dict[int, dict[str, np.ndarray]]) -> None:
    lines = [f"  {json.dumps(k)}: {json.dumps(x)}" for k, x in head.items()]
    steps = [
        f'    "{t}": ' + json.dumps({k: x.tolist() for k, x in params.items()})
        for t, params in path.items()
    ]
    lines.append('  "params": {\n' + ",\n".join(steps) + "\n  }")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (Path(__file__).parent / f"{name}.json").write_text(text)


if __name__ == "__main__":
    main()
