"""Makes the golden fits of linear models: `PYTHONPATH=tests python -m golden.estimators.linear`.

They are what scikit-learn's `SGDClassifier` and `SGDRegressor` learn with `shuffle=False`, since
their random order is their own. What jsgd computes has no part in it: nothing here imports jsgd.
"""

import json
import platform
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

FILE = Path(__file__).with_suffix(".json")
LIBRARIES = ("scikit-learn", "numpy", "scipy")
POLICIES = ("constant", "optimal", "invscaling", "adaptive", "pa1", "pa2")
PENALTIES = (None, "l2", "l1", "elasticnet")
REGRESSION = ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive")
MARGINS = ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron")
SETTINGS = {"alpha": 0.003, "eta0": 0.05, "l1_ratio": 0.3, "max_iter": 12, "shuffle": False}


def case(model: str, **settings: Any) -> dict[str, Any]:
    """A fit: its data (`dense` or `sparse`, `two` or `three` classes), how, and the settings."""
    told = {
        name: settings.pop(name, default)
        for name, default in [
            ("X", "dense"),
            ("classes", "two"),
            ("how", "fit"),
            ("weights", False),
        ]
    }
    return {"model": model, **told, "settings": SETTINGS | settings}


def cases() -> dict[str, dict[str, Any]]:
    named: dict[str, dict[str, Any]] = {}
    for policy in POLICIES:
        for penalty in PENALTIES:
            named[f"{policy}-{penalty}"] = case(
                "SGDClassifier", learning_rate=policy, penalty=penalty
            )
        named[f"regression-{policy}"] = case(
            "SGDRegressor",
            loss="epsilon_insensitive",
            learning_rate=policy,
            penalty="elasticnet" if policy != "pa1" else None,
            average=policy == "pa1",  # which does not count the sample that it passes over
            power_t=0.25,
        )
    for loss in MARGINS + REGRESSION:
        # at the first rates of `optimal` squared losses blow up
        named[loss] = case("SGDClassifier", loss=loss, learning_rate="invscaling")
    for loss in REGRESSION:
        named[f"regression-{loss}"] = case("SGDRegressor", loss=loss, power_t=0.25, epsilon=0.3)
    three = {"classes": "three", "max_iter": 40}
    named |= {
        "three": case("SGDClassifier", **three),
        "slower": case("SGDClassifier", learning_rate="adaptive", n_iter_no_change=2, **three),
        "balanced": case("SGDClassifier", class_weight="balanced", **three),
        "two-balanced": case("SGDClassifier", class_weight="balanced"),
        "sample_weight": case("SGDClassifier", weights=True, **three),
        "no-intercept": case("SGDClassifier", fit_intercept=False),
        "warm_start": case("SGDClassifier", how="warm_start", warm_start=True),
        "partial_fit": case("SGDClassifier", how="partial_fit", **three),
        "regression-partial_fit": case("SGDRegressor", how="partial_fit", power_t=0.25),
        "average": case("SGDClassifier", average=True, **three),
        "average-later": case("SGDClassifier", average=100, **three),
        # scikit-learn's classifier forgets the intercept that it is to go on from
        "average-partial_fit": case("SGDRegressor", average=30, how="partial_fit", power_t=0.25),
        "regression-average": case("SGDRegressor", average=True, power_t=0.25),
        # whose norms, in the objective, are of what an update met
        "sparse-l2": case(
            "SGDClassifier",
            X="sparse",
            learning_rate="constant",
            **three | {"alpha": 0.1, "max_iter": 100},
        ),
        "sparse-elasticnet": case("SGDClassifier", X="sparse", penalty="elasticnet"),
        "sparse-average": case("SGDRegressor", X="sparse", average=True, power_t=0.25),
    }
    # scikit-learn scores coefficients that an L2 penalty has yet to shrink: no L2 here
    early = {"early_stopping": True, "validation_fraction": 0.3, "random_state": 0, "max_iter": 60}
    named |= {
        "early_stopping": case("SGDClassifier", penalty="l1", classes="three", **early),
        "regression-early_stopping": case("SGDRegressor", penalty=None, power_t=0.25, **early),
    }
    return named


def data(case: dict[str, Any]) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Samples, targets and weights."""
    random = np.random.RandomState(0)
    X = random.normal(size=(60, 5)) + 0.3
    X[20] = 0  # PA-I passes over it
    score = X @ [1.0, -2.0, 0.5, 0.0, 0.0] + 0.7 * random.normal(size=60) + 0.4
    weights = random.uniform(0, 2, size=60) if case["weights"] else None
    if case["X"] == "sparse":
        X = sparse.csr_array(np.where(np.abs(X) > 0.7, X, 0))
    if case["model"] == "SGDRegressor":
        return X, score, weights
    edges = [0.5] if case["classes"] == "two" else [-1.0, 1.0]
    return X, np.digitize(score, edges), weights


def fit(models: Any, case: dict[str, Any]) -> Any:
    """The fitted model, of scikit-learn or of any other module that has such."""
    model = getattr(models, case["model"])(**case["settings"])
    X, y, weights = data(case)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Maximum number of iteration")
        if case["how"] != "partial_fit":
            model.fit(X, y, sample_weight=weights)
        if case["how"] == "warm_start":
            model.fit(X[:30], y[:30])
        if case["how"] == "partial_fit":
            classes = {"classes": np.unique(y)} if case["model"] == "SGDClassifier" else {}
            for part in (slice(20), slice(20, 60), slice(60)):
                model.partial_fit(X[part], y[part], **classes)
    return model


def learned(model: Any) -> dict[str, Any]:
    """What is compared."""
    return {
        "coef": model.coef_.tolist(),
        "intercept": model.intercept_.tolist(),
        "n_iter": int(model.n_iter_),
        "t": float(model.t_),
    }


def main() -> None:
    import sklearn.linear_model

    head = {
        "reference": "sklearn.linear_model.SGDClassifier, SGDRegressor",
        "versions": {"python": platform.python_version()}
        | {x: metadata.version(x) for x in LIBRARIES},
    }
    lines = [f"  {json.dumps(k)}: {json.dumps(x)}" for k, x in head.items()]
    fits = [
        f"    {json.dumps(name)}: " + json.dumps(learned(fit(sklearn.linear_model, case)))
        for name, case in cases().items()
    ]
    lines.append('  "fits": {\n' + ",\n".join(fits) + "\n  }")
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
