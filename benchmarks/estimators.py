"""Estimators beside scikit-learn's: a search, and cross-validated scores.

    python benchmarks/estimators.py

The search: 64 candidates (learning rate and L2 penalty, drawn evenly in the logarithm) x 5 folds of
a perceptron with 64 hidden units on the handwritten digits, 20 epochs in batches of 64. Ours is one
`SweepSearchCV`, compilation included and measured once, before anything else of its kind; the other
is `RandomizedSearchCV(n_jobs=2)` over scikit-learn's `MLPClassifier`, whose processes are started
before. The claim: ours is at least 10 times as fast, and its best score no worse.

The scores: five stratified folds, standardised inputs, and scikit-learn's defaults but for
`max_iter`; accuracy, of diabetes R2. The numbers are kept in benchmarks/results/estimators.json.
"""

import time
import warnings

import jax
import numpy as np
from harness import save
from scipy.stats import loguniform
from sklearn import datasets, linear_model, neural_network
from sklearn.model_selection import RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jsgd import estimators

SPACE = {"learning_rate_init": loguniform(1e-4, 1e-1), "alpha": loguniform(1e-6, 1e-1)}
FIT = {"batch_size": 64, "max_iter": 20, "tol": 0.0, "n_iter_no_change": 20, "random_state": 0}
SEARCH = {"n_iter": 64, "cv": 5, "random_state": 0}
PAIRS = {
    "digits": ("SGDClassifier", "MLPClassifier"),
    "breast_cancer": ("SGDClassifier", "MLPClassifier"),
    "wine": ("SGDClassifier", "MLPClassifier"),
    "diabetes": ("SGDRegressor", "MLPRegressor"),
}
SOURCES = ["search.py", "search_fits.py", "neural_run.py", "mlp.py", "linear_sgd.py"]


def searches():
    x, y = datasets.load_digits(return_X_y=True)
    x = x / 16
    one = RandomizedSearchCV(neural_network.MLPClassifier((64,), **FIT), SPACE, n_jobs=2, **SEARCH)
    RandomizedSearchCV(
        neural_network.MLPClassifier((4,), max_iter=1), SPACE, n_iter=2, cv=2, n_jobs=2
    ).fit(x[:100], y[:100])
    found = {}
    for name, search in (
        ("ours", estimators.SweepSearchCV(estimators.MLPClassifier((64,), **FIT), SPACE, **SEARCH)),
        ("scikit-learn", one),
    ):
        start = time.perf_counter()
        search.fit(x, y)
        found[name] = {"seconds": time.perf_counter() - start, "score": float(search.best_score_)}
        print(f"{name:14s} {found[name]['seconds']:7.1f} s   best {found[name]['score']:.4f}")
    found["ratio"] = found["scikit-learn"]["seconds"] / found["ours"]["seconds"]
    print(f"scikit-learn / ours {found['ratio']:.1f} x\n", flush=True)
    return found


def scores():
    theirs = {"SGD": linear_model, "MLP": neural_network}
    table = {}
    for data, names in PAIRS.items():
        x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
        if data == "diabetes":
            y = (y - y.mean()) / y.std()
        for name in names:
            for library, module in (("jsgd", estimators), ("scikit-learn", theirs[name[:3]])):
                made = getattr(module, name)(max_iter=200, random_state=0)
                each = cross_val_score(make_pipeline(StandardScaler(), made), x, y, cv=5)
                table[f"{data}, {name}, {library}"] = [float(s) for s in each]
                print(f"{data:14s} {name:14s} {library:13s} {each.mean():.4f} +- {each.std():.4f}")
    return table


def main():
    jax.config.update("jax_num_cpu_devices", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 20 or 200 epochs may be too few
        results = {"search": searches(), "scores": scores()}
    gaps = [
        np.mean(results["scores"][f"{data}, {name}, jsgd"])
        - np.mean(results["scores"][f"{data}, {name}, scikit-learn"])
        for data, names in PAIRS.items()
        for name in names
    ]
    print(f"the largest gap below scikit-learn: {-min(gaps):.4f}")
    save("estimators", results, [f"jsgd/estimators/{x}" for x in SOURCES] + [__file__])


if __name__ == "__main__":
    main()
