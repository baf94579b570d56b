"""`jsgd.minimize` and SciPy's L-BFGS-B on the problems of Moré, Garbow and Hillstrom.

    python benchmarks/mgh.py

Both start where the paper does, in float64, with ten pairs, and may take 5000 steps to a gradient
of 1e-12 (its largest number). SciPy calls a compiled function for the value and the gradient
together; `minimize` is one program. A problem is solved at a published minimum: to 1e-6 of it, with
half a unit of its six digits, or to 1e-8 where it is 0. Milliseconds are of a whole call, the
median of seven, compiled before. The numbers are kept in benchmarks/results/mgh.json.

References:
    Moré, Garbow and Hillstrom, "Testing Unconstrained Optimization Software", ACM Transactions on
    Mathematical Software 7, 1981, https://doi.org/10.1145/355934.355936.
"""

import time

import jax
import numpy as np
import scipy
from harness import save
from mgh_functions import PROBLEMS
from scipy.optimize import minimize

import jsgd

STEPS, TOL, CALLS = 5000, 1e-12, 7


def ours(problem):
    return jsgd.minimize(problem.fun, problem.start, tol=TOL, ftol=0, max_steps=STEPS)


def scipys(problem):
    fun = jax.jit(jax.value_and_grad(problem.fun))

    def value_and_grad(x):
        value, grads = fun(x)
        return float(value), np.asarray(grads)

    options = {"gtol": TOL, "ftol": 0, "maxiter": STEPS, "maxfun": 20 * STEPS, "maxcor": 10}

    def run():
        return minimize(value_and_grad, problem.start, jac=True, method="L-BFGS-B", options=options)

    return run


def measured(problem, run):
    """What a contender finds on one problem, and how long it takes."""
    seconds = []
    for _ in range(1 + CALLS):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return {
        "fun": float(result.fun),
        "solved": problem.is_solved(result.fun),
        "nit": int(result.nit),
        "nfev": int(result.nfev),
        "first call, s": seconds[0],
        "seconds": dict(zip(("q25", "median", "q75"), np.percentile(seconds[1:], [25, 50, 75]))),
    }


def main():
    rows = {}
    head = f"{'minimum':>12s} {'steps':>5s} {'evals':>5s} {'ms':>6s}"
    print(f"{'':26s} {'jsgd ' + head:>33s}   {'SciPy ' + head:>33s}")
    for name, problem in PROBLEMS.items():
        rows[name] = {"jsgd": measured(problem, lambda problem=problem: ours(problem))}
        with jax.enable_x64(True):
            rows[name]["SciPy"] = measured(problem, scipys(problem))
        cells = [
            f"{row['fun']:12.6g} {row['nit']:5d} {row['nfev']:5d} "
            f"{1e3 * row['seconds']['median']:6.1f}{' ' if row['solved'] else '!'}"
            for row in rows[name].values()
        ]
        print(f"{name:26s}  {'   '.join(cells)}", flush=True)
    totals = {}
    for who in ("jsgd", "SciPy"):
        each = [row[who] for row in rows.values()]
        totals[who] = {
            "solved": sum(row["solved"] for row in each),
            "nfev": sum(row["nfev"] for row in each),
            "seconds": float(sum(row["seconds"]["median"] for row in each)),
            "first calls, s": sum(row["first call, s"] for row in each),
        }
        print(f"{who}: {totals[who]}")
    sources = ["benchmarks/mgh.py", "benchmarks/mgh_functions.py"]
    results = {"rows": rows, "totals": totals, "scipy": scipy.__version__}
    save("mgh", results, sources)


if __name__ == "__main__":
    main()
