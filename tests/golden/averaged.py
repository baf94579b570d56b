"""Traces of rules around an average: of iterates, or of the gradients of single examples."""

from golden.references import Trace, optax


def traces() -> dict[str, Trace]:
    sgd = {"lr": 0.4, "b1": 0.8}
    adamw = {"lr": 0.03, "b1": 0.8, "b2": 0.9, "eps": 1e-2, "weight_decay": 0.2}
    return {
        "schedule_free_sgd": Trace(sgd, optax("schedule_free_sgd", **sgd)),
        "schedule_free_adamw": Trace(adamw, optax("schedule_free_adamw", **adamw)),
    }
