"""Traces of gradient descent, its momenta and its signs."""

from golden.references import Trace, optax, torch


def traces() -> dict[str, Trace]:
    sgd, momentum = {"lr": 0.05}, {"momentum": 0.9}
    noisy = {"lr": 0.05, "eta": 0.3, "gamma": 0.55, "key": 7}
    optimistic = {"lr": 0.05, "alpha": 0.8, "beta": 1.2}

    def plain(**settings):
        return Trace(settings, torch("SGD", **settings))

    return {
        "sgd": plain(**sgd),
        "sgd-momentum": plain(**sgd, **momentum),
        "sgd-nesterov": plain(**sgd, **momentum, nesterov=True),
        "sgd-dampening": plain(**sgd, **momentum, dampening=0.5),
        # the noise is drawn in the parameters' dtype: another dtype, another noise
        "noisy_sgd-float32": Trace(noisy, optax("noisy_sgd", **noisy), dtype="float32"),
        "noisy_sgd-float64": Trace(noisy, optax("noisy_sgd", **noisy)),
        "sign_sgd": Trace({"lr": 0.01}, optax("sign_sgd", lr=0.01)),
        "signum": Trace({"lr": 0.01, "b1": 0.8}, optax("signum", lr=0.01, beta=0.8)),
        "optimistic_gradient_descent": Trace(
            optimistic, optax("optimistic_gradient_descent", **optimistic)
        ),
        "rprop": Trace(
            {"lr": 0.01, "eta_minus": 0.6, "eta_plus": 1.1, "min_step": 2e-3, "max_step": 0.03},
            torch("Rprop", lr=0.01, etas=(0.6, 1.1), step_sizes=(2e-3, 0.03)),
        ),
    }
