"""The landscape of momentum: measured contraction rates against theory, and a picture of them.

    python benchmarks/momentum.py

On a quadratic every eigendirection moves by itself, and a step of heavy-ball momentum is a linear
map of the pair (z, w), the buffer of `jsgd.sgd` and the parameter: with learning rate alpha,
momentum beta and eigenvalue lambda it is

    [[ beta,        lambda              ],
     [ -alpha beta, 1 - alpha lambda    ]]

The contraction rate of a setting is the largest spectral radius over the eigenvalues; it is below
1, and the iteration converges, where 0 < alpha lambda < 2 + 2 beta.

One sweep measures it, in float64, for 64 x 64 settings of lr x momentum. Iterates alone would say
it badly: complex pairs oscillate, and near a double root the rate is approached slowly. So each
member starts from (z, w) = (1, 0) and from (0, 1) in every direction and takes 32 steps of the
optimizer: what it is then at are the columns of the 32nd power of the map, as the optimizer itself
has it, and the rate is the 32nd root of their spectral radius. No formula of the method enters. A
second sweep stands on the divergence boundary and 1e-5 to either side of it.

References:
    Goh, "Why Momentum Really Works", Distill, 2017, https://distill.pub/2017/momentum/, section
    "The Dynamics of Momentum".
    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
"""

import os
import time
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from harness import ROOT, save
from matplotlib.figure import Figure

import jsgd
from jsgd.sweeps import sweep
from jsgd.sweeps.files import write
from jsgd.sweeps.plots import png
from jsgd.train import Run

EIGENVALUES = np.geomspace(1, 20, 8)
SIDE, STEPS, NEAR = 64, 32, 1e-5


def landscape(eigenvalues, steps=STEPS):
    """The run whose one epoch measures the contraction rate of heavy-ball momentum.

    Its hyperparameters are `momentum`, and either `lr` or `share`, the learning rate as a share
    of the one at which the iteration begins to diverge.
    """
    largest = float(max(eigenvalues))
    eigenvalues = jnp.asarray(eigenvalues)[:, None]
    opt = jsgd.sgd(momentum=0.0)
    starts = jnp.broadcast_to(jnp.eye(2), (len(eigenvalues), 2, 2))  # (direction, z or w, start)

    def init(key, hyper):
        hyper = dict(hyper)
        if "share" in hyper:
            hyper["lr"] = hyper.pop("share") * (2 + 2 * hyper["momentum"]) / largest
        z, w = starts[:, 0], starts[:, 1]
        state = jsgd.set_hyper(opt.init(w), **hyper)
        return w, replace(state, slots={"trace": z})

    def advance(carry):
        def step(carry, _):
            w, state = carry
            return opt.step(w, eigenvalues * w, state), None

        (w, state), _ = jax.lax.scan(step, carry, length=steps)
        z = state.slots["trace"]
        radius = spectral_radius(z[:, 0], z[:, 1], w[:, 0], w[:, 1])
        return (w, state), {"rate": jnp.max(radius) ** (1 / steps)}

    return Run(init, advance)


def spectral_radius(a, b, c, d):
    """The largest modulus of the eigenvalues of [[a, b], [c, d]]."""
    half = (a + d) / 2
    square = half**2 - (a * d - b * c)  # of what the eigenvalues are apart from their mean
    real = jnp.abs(half) + jnp.sqrt(jnp.maximum(square, 0))
    return jnp.where(square >= 0, real, jnp.sqrt(half**2 + jnp.abs(square)))


def theory(lr, momentum, eigenvalues):
    """The contraction rate that the map above has, by LAPACK."""
    a, b, x = np.broadcast_arrays(lr[..., None], momentum[..., None], eigenvalues)
    maps = np.stack([np.stack([b, x], -1), np.stack([-a * b, 1 - a * x], -1)], -2)
    return np.abs(np.linalg.eigvals(maps)).max(axis=(-1, -2))


def measure(side=SIDE, eigenvalues=EIGENVALUES):
    """Sweep the plane, and the boundary.

    Returns:
        plane: lr, momentum, rate, theory, each of shape (side, side): a row per momentum.
        boundary: share, lr, momentum, rate, theory, each of shape (3, side).
        seconds: of the sweep of the plane, compiling apart.
    """
    momenta = np.arange(side) / side  # 0 to just under 1
    rates = np.linspace(0, 4.4 / max(eigenvalues), side + 1)[1:]
    with jax.enable_x64(True):
        run = landscape(eigenvalues)
        start = time.perf_counter()
        result = sweep(run, {"momentum": momenta, "lr": rates}, **_ONCE)
        seconds = time.perf_counter() - start
        shares = [1 - NEAR, 1.0, 1 + NEAR]
        edge = sweep(run, {"share": shares, "momentum": momenta}, **_ONCE)
    plane, boundary = _columns(result, side), _columns(edge, side)
    boundary["lr"] = boundary["share"] * (2 + 2 * boundary["momentum"]) / max(eigenvalues)
    for table in (plane, boundary):
        table["theory"] = theory(table["lr"], table["momentum"], eigenvalues)
    compiling = result.info["compile_seconds"]
    return plane, boundary, {"compiling": compiling, "running": seconds - compiling}


_ONCE = {"epochs": 1, "metric": "rate", "layout": "vmap", "progress": False}


def _columns(result, side):
    """The rate and the hyperparameters, each of shape (values of the first of them, side)."""
    columns = {name: result.table[f"param_{name}"] for name in result.space}
    columns["rate"] = result.curves["rate"][:, 0, -1]
    return {name: x.reshape(-1, side) for name, x in columns.items()}


def sides(plane, eigenvalues=EIGENVALUES):
    """Which settings stand on the boundary, and which others are measured on its wrong side."""
    beyond = plane["lr"] * max(eigenvalues) / (2 + 2 * plane["momentum"]) - 1
    on = np.abs(beyond) < 1e-12
    return on, ~on & ((plane["rate"] > 1) != (beyond > 0))


def picture(plane, eigenvalues=EIGENVALUES):
    """The measured rates, theory's boundary and optimum over them, and how far off theory is."""
    fig = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = fig.subplots(1, 2, sharey=True)
    low, high = min(eigenvalues), max(eigenvalues)
    root = np.sqrt(high / low)
    best = (2 / (np.sqrt(low) + np.sqrt(high))) ** 2, ((root - 1) / (root + 1)) ** 2
    momentum = np.linspace(0, 1, 101)
    half = plane["lr"].min() / 2, 0.5 / len(plane["momentum"])  # a cell
    off = np.maximum(np.abs(plane["rate"] - plane["theory"]), 1e-17)
    for ax, values, label, colours in (
        (left, np.where(plane["rate"] > 1, np.nan, plane["rate"]), "measured rate", "viridis_r"),
        (right, np.log10(off), "log10 |measured - theory|", "magma"),
    ):
        ax.set_facecolor("#b0b0b0")
        image = ax.pcolormesh(
            plane["lr"], plane["momentum"], values, cmap=colours, shading="nearest"
        )
        fig.colorbar(image, ax=ax, label=label)
        ax.plot(
            (2 + 2 * momentum) / high, momentum, color="#e03020", lw=1.8, label="theory: rate 1"
        )
        ax.set(
            xlabel="lr", xlim=(half[0], plane["lr"].max() + half[0]), ylim=(-half[1], 1 - half[1])
        )
    left.plot(*best, "w*", markersize=13, markeredgecolor="black", label="theory: best")
    left.set(
        ylabel="momentum", title=f"contraction, eigenvalues {low:g} to {high:g}; grey: above 1"
    )
    right.set(title="deviation, in float64")
    left.legend(loc="lower right")
    return fig


def main():
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    plane, boundary, seconds = measure()
    deviation = {
        name: float(np.abs(table["rate"] - table["theory"]).max())
        for name, table in (("plane", plane), ("boundary", boundary))
    }
    on, wrong = sides(plane)
    below, at, above = boundary["rate"]
    results = {
        "settings": plane["rate"].size,
        "steps": STEPS,
        "eigenvalues": EIGENVALUES.tolist(),
        "largest deviation": deviation,
        "on the boundary": int(on.sum()),
        "on the wrong side": int(wrong.sum()),
        "at the boundary, largest |rate - 1|": float(np.abs(at - 1).max()),
        "below it, largest rate": float(below.max()),
        "above it, least rate": float(above.min()),
        "seconds": seconds,
    }
    print(
        f"{SIDE} x {SIDE} lr x momentum, {len(EIGENVALUES)} eigenvalues, {STEPS} steps in float64"
    )
    print(f"largest deviation from theory     {deviation['plane']:.1e}")
    print(f"settings on the wrong side of it  {wrong.sum()} (and {on.sum()} stand on the boundary)")
    print(f"the boundary, {at.size} momenta: |rate - 1| up to {np.abs(at - 1).max():.1e}")
    print(f"  {NEAR:g} below it rates are under 1 by {1 - below.max():.1e} at least")
    print(f"  {NEAR:g} above it rates are over 1 by  {above.min() - 1:.1e} at least")
    print(f"compiled in {seconds['compiling']:.2f} s, ran in {seconds['running']:.2f} s")
    save("momentum", results, sources=[__file__])
    path = ROOT / "benchmarks" / "results" / "momentum.png"
    write(path, png(picture(plane)))
    print(f"drawn in {path}")


if __name__ == "__main__":
    main()
