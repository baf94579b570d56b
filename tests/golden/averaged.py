"""Traces of rules around an average: of iterates, or of the gradients of single examples."""

from golden.references import Trace, optax


def traces() -> dict[str, Trace]:
    sgd = {"lr": 0.4, "b1": 0.8}
    adamw = {"lr": 0.03, "b1": 0.8, "b2": 0.9, "eps": 1e-2, "weight_decay": 0.2}
    private = {"lr": 0.1, "max_norm": 0.6, "noise_multiplier": 0.0}
    momentum, nesterov = {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}

    def dpsgd(**more):
        """Without noise, whose keys optax derives otherwise: tests/wrappers/test_private.py."""
        clip = {"lr": 0.1, "l2_norm_clip": 0.6, "noise_multiplier": 0.0, "seed": 0}
        return Trace(private | more, optax("dpsgd", **clip, **more), per_example=True)

    return {
        "dpsgd": dpsgd(),
        "dpsgd-momentum": dpsgd(**momentum),
        "dpsgd-nesterov": dpsgd(**nesterov),
        "schedule_free_sgd": Trace(sgd, optax("schedule_free_sgd", **sgd)),
        "schedule_free_adamw": Trace(adamw, optax("schedule_free_adamw", **adamw)),
    }
