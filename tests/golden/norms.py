"""Traces of rules that measure a leaf by its norm."""

from golden.references import Trace, keras, optax


def traces() -> dict[str, Trace]:
    lamb = {"lr": 0.02, "b1": 0.8, "b2": 0.95, "eps": 1e-2}
    lars = {"lr": 0.5, "momentum": 0.8, "trust_coefficient": 0.02, "eps": 0.1, "weight_decay": 0.1}
    novograd = {"lr": 0.01, "b1": 0.8, "b2": 0.6, "eps": 1e-2, "weight_decay": 0.1}
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
    }
