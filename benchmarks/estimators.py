"""The estimators against scikit-learn's: how fast a search is, and what the scores are.

    python benchmarks/estimators.py

First a randomized search on the digits: 64 candidates (learning rate and penalty, log-uniform) of
an MLP, with 5 folds, 320 fits of 50 epochs each. `SweepSearchCV` trains them as one population on
two CPU devices; `RandomizedSearchCV(n_jobs=2)` one by one with scikit-learn's `MLPClassifier`, on
the same two cores, with the same candidates, folds and epochs. Both begin cold: compilation, and
the start of the workers, are in the time of the first turn; neither refits. With 100 units and
batches of 200, the defaults, nearly all of the time goes into products of matrices, in float32 here
and in float64 there; with fewer units and smaller batches more goes into all that is around them.

Then scores of a 5-fold cross-validation of the estimators and their counterparts, all with the
defaults of scikit-learn but for the epochs, on standardised inputs: mean (standard deviation over
folds and seeds).

The numbers are kept in benchmarks/results/estimators.json.
"""

import time
import warnings

import jax
import numpy as np
from harness import save
from scipy.stats import loguniform
from sklearn import datasets, linear_model, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jsgd import estimators

CANDIDATES, FOLDS, EPOCHS, TURNS = 64, 5, 50, 2
SIZES = {
    "100 units, batches of 200": {"hidden_layer_sizes": (100,), "batch_size": 200},
    "32 units, batches of 32": {"hidden_layer_sizes": (32,), "batch_size": 32},
}
SEEDS = 3
SPACE = {"learning_rate_init": loguniform(1e-4, 1e-1), "alpha": loguniform(1e-6, 1)}
FIT = {"max_iter": EPOCHS, "tol": 0.0, "n_iter_no_change": 10**6, "random_state": 0}
DATA = {
    "digits": datasets.load_digits,
    "breast cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
}
NAMES = {
    "MLPClassifier": neural_network.MLPClassifier,
    "MLPRegressor": neural_network.MLPRegressor,
    "SGDClassifier": linear_model.SGDClassifier,
    "SGDRegressor": linear_model.SGDRegressor,
}


def searches(size, candidates=CANDIDATES, folds=FOLDS, epochs=EPOCHS):
    """Both searches, not begun."""
    own, theirs = (
        network(**SIZES[size], **FIT | {"max_iter": epochs})
        for network in (estimators.MLPClassifier, neural_network.MLPClassifier)
    )
    how = {"n_iter": candidates, "cv": folds, "random_state": 0, "refit": False}
    return {
        "SweepSearchCV": estimators.SweepSearchCV(own, SPACE, **how),
        "RandomizedSearchCV": RandomizedSearchCV(theirs, SPACE, n_jobs=2, **how),
    }


def race(size, turns=TURNS, **how):
    """Seconds of each turn, taken in alternation, and the best and the mean score of each."""
    x, y = datasets.load_digits(return_X_y=True)
    table = {name: {"seconds": []} for name in searches(size, **how)}
    for _ in range(turns):
        for name, search in searches(size, **how).items():
            start = time.perf_counter()
            search.fit(x / 16, y)
            table[name]["seconds"].append(time.perf_counter() - start)
            table[name]["best score"] = float(search.best_score_)
            table[name]["mean score"] = float(search.cv_results_["mean_test_score"].mean())
    return table


def scores(seeds=SEEDS):
    """Data set -> estimator -> the scores of ours and of scikit-learn's, over seeds and folds."""
    table = {}
    for data, load in DATA.items():
        x, y = load(return_X_y=True)
        kind = "Regressor" if data == "diabetes" else "Classifier"
        for name, counterpart in NAMES.items():
            if not name.endswith(kind) or not hasattr(estimators, name):
                continue
            how = {"max_iter": 1000} if name.startswith("MLP") else {}
            pair = {"jsgd": getattr(estimators, name), "scikit-learn": counterpart}
            for who, estimator in pair.items():
                each = [
                    cross_val_score(
                        make_pipeline(StandardScaler(), estimator(random_state=seed, **how)), x, y
                    )
                    for seed in range(seeds)
                ]
                table.setdefault(data, {}).setdefault(name, {})[who] = np.ravel(each).tolist()
    return table


def main():
    jax.config.update("jax_num_cpu_devices", 2)
    warnings.simplefilter("ignore", ConvergenceWarning)
    searched = {}
    for size in SIZES:
        searched[size] = table = race(size)
        print(f"{CANDIDATES * FOLDS} fits, {EPOCHS} epochs each, of {size}: turn by turn; scores")
        for name, row in table.items():
            turns = " ".join(f"{x:7.2f} s" for x in row["seconds"])
            print(
                f"{name:20s} {turns}   best {row['best score']:.4f}, mean {row['mean score']:.4f}"
            )
        fast, slow = (row["seconds"] for row in table.values())
        table["ratios"] = np.divide(slow, fast).tolist()
        print("ratios:", ", ".join(f"{x:.1f} x" for x in table["ratios"]), flush=True)
    found = scores()
    for data, rows in found.items():
        for name, pair in rows.items():
            words = [f"{who} {np.mean(x):.3f} ({np.std(x):.3f})" for who, x in pair.items()]
            print(f"{data:15s} {name:15s} {'   '.join(words)}")
    sources = ["benchmarks/estimators.py", "jsgd/estimators/search_fits.py"]
    save("estimators", {"search": searched, "scores": found}, sources)


if __name__ == "__main__":
    main()
