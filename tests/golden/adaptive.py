"""Traces of rules that divide by a root of squares, without Adam's momentum."""

from golden.references import Trace, optax, torch


def traces() -> dict[str, Trace]:
    adagrad, rms = {"lr": 0.1, "eps": 1e-2}, {"lr": 0.01, "eps": 1e-3}
    centered = {"centered": True, "momentum": 0.7}
    in_sqrt = rms | {"decay": 0.9, "momentum": 0.7, "nesterov": True, "eps_in_sqrt": True}
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
        "adadelta": Trace(
            {"lr": 2.0, "decay": 0.8, "eps": 1e-3}, torch("Adadelta", lr=2.0, rho=0.8, eps=1e-3)
        ),
    }
