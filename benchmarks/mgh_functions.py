"""The 18 problems of unconstrained minimization of Moré, Garbow and Hillstrom, as JAX functions.

Each is a sum of squares, from a published start, with the minima that the paper states. Where the
paper lets the dimension be chosen, it is one for which a minimum is stated.

References:
    Moré, Garbow and Hillstrom, "Testing Unconstrained Optimization Software", ACM Transactions on
    Mathematical Software 7, 1981, https://doi.org/10.1145/355934.355936, section 3 (the numbers in
    brackets). In its number 11, "y_i m i x_2" is a misprint for "y_i - x_2": only so is its
    minimum at the stated point.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Problem(NamedTuple):
    """One problem.

    Attributes:
        residuals: x -> the terms that are squared and summed.
        start: the standard starting point.
        minima: the values that the paper states for this dimension, the global one first.
        at_start: the value at the start.
        solution: where the global minimum is, if it is known in closed form.
    """

    residuals: Callable
    start: np.ndarray
    minima: tuple[float, ...]
    at_start: float
    solution: np.ndarray | None = None

    def fun(self, x):
        """The sum of squares."""
        return jnp.sum(self.residuals(x) ** 2)

    def is_solved(self, value: float) -> bool:
        """A published minimum, whose six digits hold to 1e-6 of it, or to 1e-8 where it is 0."""
        return any(abs(value - low) <= (1e-6 * low + _rounding(low) or 1e-8) for low in self.minima)


def _rounding(x):
    """Half a unit in the last of six digits."""
    return 0.5 * 10.0 ** (np.floor(np.log10(x)) - 5) if x else 0.0


def helical_valley(x):
    """[7]."""
    angle = jnp.arctan(x[1] / x[0]) / (2 * jnp.pi) + jnp.where(x[0] < 0, 0.5, 0)
    return jnp.stack([10 * (x[2] - 10 * angle), 10 * (jnp.hypot(x[0], x[1]) - 1), x[2]])


def biggs_exp6(x):
    """[18], m = 13."""
    t = 0.1 * jnp.arange(1.0, 14)
    y = jnp.exp(-t) - 5 * jnp.exp(-10 * t) + 3 * jnp.exp(-4 * t)
    terms = x[2] * jnp.exp(-t * x[0]) - x[3] * jnp.exp(-t * x[1]) + x[5] * jnp.exp(-t * x[4])
    return terms - y


def gaussian(x):
    """[9]."""
    half = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521]
    y = jnp.array([*half, 0.3989, *half[::-1]])
    t = (8 - jnp.arange(1.0, 16)) / 2
    return x[0] * jnp.exp(-x[1] * (t - x[2]) ** 2 / 2) - y


def powell_badly_scaled(x):
    """[3]."""
    return jnp.stack([1e4 * x[0] * x[1] - 1, jnp.exp(-x[0]) + jnp.exp(-x[1]) - 1.0001])


def box_3d(x):
    """[12], m = 10."""
    t = 0.1 * jnp.arange(1.0, 11)
    return jnp.exp(-t * x[0]) - jnp.exp(-t * x[1]) - x[2] * (jnp.exp(-t) - jnp.exp(-10 * t))


def variably_dimensioned(x):
    """[25]."""
    total = jnp.sum(jnp.arange(1.0, x.size + 1) * (x - 1))
    return jnp.concatenate([x - 1, jnp.stack([total, total**2])])


def watson(x):
    """[20]."""
    t = (jnp.arange(1.0, 30) / 29)[:, None] ** np.arange(float(x.size))[None]
    slopes = t[:, :-1] @ (jnp.arange(1.0, x.size) * x[1:])
    return jnp.concatenate([slopes - (t @ x) ** 2 - 1, jnp.stack([x[0], x[1] - x[0] ** 2 - 1])])


def penalty_1(x):
    """[23]."""
    return jnp.concatenate([jnp.sqrt(1e-5) * (x - 1), jnp.sum(x**2)[None] - 0.25])


def penalty_2(x):
    """[24]."""
    n, e = x.size, jnp.exp(x / 10)
    y = jnp.exp(jnp.arange(2.0, n + 1) / 10) + jnp.exp(jnp.arange(1.0, n) / 10)
    small = jnp.concatenate([e[1:] + e[:-1] - y, e[1:] - jnp.exp(-0.1)])
    last = jnp.sum(jnp.arange(float(n), 0, -1) * x**2) - 1
    return jnp.concatenate([x[:1] - 0.2, jnp.sqrt(1e-5) * small, last[None]])


def brown_badly_scaled(x):
    """[4]."""
    return jnp.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def brown_and_dennis(x):
    """[16], m = 20."""
    t = jnp.arange(1.0, 21) / 5
    return (x[0] + t * x[1] - jnp.exp(t)) ** 2 + (x[2] + x[3] * jnp.sin(t) - jnp.cos(t)) ** 2


def gulf(x):
    """[11], m = 99."""
    t = jnp.arange(1.0, 100) / 100
    y = 25 + (-50 * jnp.log(t)) ** (2 / 3)
    return jnp.exp(-(jnp.abs(y - x[1]) ** x[2]) / x[0]) - t


def trigonometric(x):
    """[26]."""
    i = jnp.arange(1.0, x.size + 1)
    return x.size - jnp.sum(jnp.cos(x)) + i * (1 - jnp.cos(x)) - jnp.sin(x)


def extended_rosenbrock(x):
    """[21]."""
    odd, even = x[::2], x[1::2]
    return jnp.concatenate([10 * (even - odd**2), 1 - odd])


def extended_powell_singular(x):
    """[22]."""
    a, b, c, d = x.reshape(-1, 4).T
    five, ten = np.sqrt(5), np.sqrt(10)
    return jnp.concatenate([a + 10 * b, five * (c - d), (b - 2 * c) ** 2, ten * (a - d) ** 2])


def beale(x):
    """[5]."""
    return jnp.array([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** jnp.arange(1.0, 4))


def wood(x):
    """[14]."""
    a, b, c, d = x
    ten = np.sqrt(10)
    return jnp.stack(
        [10 * (b - a**2), 1 - a, 3 * ten * (d - c**2), 1 - c, ten * (b + d - 2), (b - d) / ten]
    )


def chebyquad(x):
    """[35], m = n: the mean of the shifted Chebyshev polynomials less their integrals."""
    shifted = 2 * x - 1
    polynomials = [jnp.ones_like(x), shifted]
    for _ in range(x.size - 1):
        polynomials.append(2 * shifted * polynomials[-1] - polynomials[-2])
    i = np.arange(1, x.size + 1)
    integrals = np.where(i % 2, 0, -1 / np.where(i % 2, 1, i**2 - 1))
    return jnp.mean(jnp.stack(polynomials[1:]), 1) - integrals


def _problem(residuals, start, minima, at_start, solution=None):
    start = np.array(start, float)
    solution = None if solution is None else np.array(solution, float)
    return Problem(residuals, start, minima, at_start, solution)


_I = np.arange(1, 11)
# The minima are those of the paper. The values at the starts are worked by hand where they are
# rational, that of Chebyquad with numpy.polynomial.chebyshev, and the others are those that Gonum's
# tests state (gonum/optimize/functions, https://www.gonum.org).
PROBLEMS = {
    "helical valley": _problem(helical_valley, [-1, 0, 0], (0,), 2500, [1, 0, 0]),
    "Biggs EXP6": _problem(
        biggs_exp6, [1, 2, 1, 1, 1, 1], (0, 5.65565e-3), 0.77907007565597, [1, 10, 1, 5, 4, 3]
    ),
    "Gaussian": _problem(gaussian, [0.4, 1, 0], (1.12793e-8,), 3.88810699116688e-6),
    "Powell badly scaled": _problem(powell_badly_scaled, [0, 1], (0,), 1.13526171734838),
    "Box 3-D": _problem(box_3d, [0, 10, 20], (0,), 1031.1538106093985, [1, 10, 1]),
    "variably dimensioned": _problem(
        variably_dimensioned, 1 - _I / 10, (0,), 2198551.1625, np.ones(10)
    ),
    "Watson 6": _problem(watson, np.zeros(6), (2.28767e-3,), 30),
    "penalty I": _problem(penalty_1, _I, (7.08765e-5,), 148032.56535),
    "penalty II": _problem(penalty_2, np.full(10, 0.5), (2.93660e-4,), 162.65277656596712),
    "Brown badly scaled": _problem(brown_badly_scaled, [1, 1], (0,), 999998000003, [1e6, 2e-6]),
    "Brown and Dennis": _problem(brown_and_dennis, [25, 5, -5, -1], (85822.2,), 7926693.33699744),
    "Gulf": _problem(gulf, [5, 2.5, 0.15], (0,), 12.11070582556949, [50, 25, 1.5]),
    "trigonometric": _problem(
        trigonometric, np.full(10, 0.1), (0, 2.79506e-5), 7.07575946622261e-3
    ),
    "extended Rosenbrock": _problem(
        extended_rosenbrock, np.tile([-1.2, 1], 5), (0,), 121, np.ones(10)
    ),
    "extended Powell singular": _problem(
        extended_powell_singular, np.tile([3, -1, 0, 1], 3), (0,), 645, np.zeros(12)
    ),
    "Beale": _problem(beale, [1, 1], (0,), 14.203125, [3, 0.5]),
    "Wood": _problem(wood, [-3, -1, -3, -1], (0,), 19192, np.ones(4)),
    "Chebyquad": _problem(chebyquad, np.arange(1, 9) / 9, (3.51687e-3,), 0.0386176982859),
}

SIZE = max(problem.start.size for problem in PROBLEMS.values())


def any_of_them(x, i):
    """The i-th, of the first numbers of `x`, which has `SIZE`: one program for all of them."""
    return jax.lax.switch(i, [_shortened(problem) for problem in PROBLEMS.values()], x)


def padded(x):
    """With zeros to `SIZE`, which the function does not read."""
    return np.pad(x, (0, SIZE - x.size))


def _shortened(problem):
    return lambda x: problem.fun(x[: problem.start.size])
