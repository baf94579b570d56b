"""Traces of rules that use curvature."""

import numpy as np
from golden.references import Trace, numpy, optax


def traces() -> dict[str, Trace]:
    # a difference of gradients that hardly differ is mostly rounding, and a rule that inverts it
    # makes much of that: without the curvature condition of zoom, paths in float32 part by 1e-5 at
    # 50 steps and up to 1e-2 at 120, by one compiler and not by another, so it is held to 10
    def searched(linesearch, lr, **more):
        settings = {"lr": lr, "memory_size": 2, "linesearch": linesearch}
        return Trace(settings, book(settings), **more)

    def fixed(**more):
        settings = {"lr": 0.05, "memory_size": 10, "linesearch": None, **more}
        checks = ((optax("lbfgs", **settings), 1e-9),)
        return Trace(settings, book(settings), checks=checks, whole=True, float32_steps=10)

    def book(settings):
        return numpy("L-BFGS of Nocedal and Wright", lbfgs, settings, whole=True)

    return {
        "lbfgs": searched("zoom", 0.05),
        "lbfgs-backtracking": searched("backtracking", 0.1, float32_steps=10),
        "lbfgs-fixed": fixed(),
        "lbfgs-unscaled": fixed(scale_init_precond=False),
    }


def lbfgs(params, h):
    """Algorithm 7.5, with the inverse Hessian as a matrix (equation 7.19)."""
    shapes = {k: p.shape for k, p in params.items()}
    pairs, before = [], None

    def flat(tree):
        return np.concatenate([np.ravel(tree[k]) for k in shapes])

    def tree(x):
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
        pieces = np.split(x, ends)
        return {k: x.reshape(shape) for (k, shape), x in zip(shapes.items(), pieces, strict=True)}

    def remember(s, y):
        if s @ y > np.finfo(float).eps * np.linalg.norm(s) * np.linalg.norm(y):
            pairs.append((s, y))
            del pairs[: -h["memory_size"]]

    def inverse_hessian(g):
        gamma = min(1, 1 / np.linalg.norm(g))
        if pairs:
            s, y = pairs[-1]
            gamma = s @ y / (y @ y)
        matrix = np.eye(len(g)) * (gamma if h.get("scale_init_precond", True) else 1)
        for s, y in pairs:
            v = np.eye(len(g)) - np.outer(y, s) / (s @ y)
            matrix = v.T @ matrix @ v + np.outer(s, s) / (s @ y)
        return matrix

    x = flat(params)
    while True:
        batch = yield tree(x)
        g = flat(batch.grads)
        if h["linesearch"] is None:
            if before is not None:
                remember(x - before[0], g - before[1])
            before = x, g
            x = x - h["lr"] * inverse_hessian(g) @ g
            continue

        d = -inverse_hessian(g) @ g

        def phi(step, x=x, d=d, batch=batch):
            p = tree(x + step * d)
            new = flat(batch.gradient_fn(p))
            return float(batch.value_fn(p)), float(new @ d), new

        step = {"zoom": strong_wolfe, "backtracking": backtracking}[h["linesearch"]](phi, h["lr"])
        if step == 0:
            pairs.clear()
        else:
            remember(step * d, phi(step)[2] - g)
        x = x + step * d


def falls(phi, step):
    """Sufficient decrease, or Hager and Zhang's approximate form of it."""
    (value, slope, _), (value_0, slope_0, _) = phi(step), phi(0)
    if not np.isfinite(value + slope):
        return False
    if value <= value_0 + 1e-4 * step * slope_0:
        return True
    return value <= value_0 + 1e-6 * abs(value_0) and slope <= (2e-4 - 1) * slope_0


def is_flat(phi, step):
    return abs(phi(step)[1]) <= 0.9 * abs(phi(0)[1])


def backtracking(phi, step):
    """Algorithm 3.1."""
    for _ in range(20):
        if falls(phi, step):
            return step
        step = step / 2
    return 0


def strong_wolfe(phi, step):
    """Algorithm 3.5."""
    before = 0
    for n in range(20):
        if falls(phi, step) and is_flat(phi, step):
            return step
        if not falls(phi, step) or phi(step)[0] >= phi(before)[0]:
            return zoom(phi, before, step, 19 - n)
        if phi(step)[1] >= 0:
            return zoom(phi, step, before, 19 - n)
        before, step = step, 2 * step
    return before


def zoom(phi, low, high, trials):
    """Algorithm 3.6."""
    for _ in range(trials):
        step = between(phi, low, high)
        if falls(phi, step) and is_flat(phi, step):
            return step
        if not falls(phi, step) or phi(step)[0] >= phi(low)[0]:
            high = step
        else:
            if phi(step)[1] * (high - low) >= 0:
                high = low
            low = step
    return low


def between(phi, a, b):
    """The cubic's minimum (equation 3.59), not in the outer tenths; the middle if there is none."""
    (value_a, slope_a, _), (value_b, slope_b, _) = phi(a), phi(b)
    d1 = slope_a + slope_b - 3 * (value_a - value_b) / (a - b)
    radical = d1**2 - slope_a * slope_b
    if not radical >= 0:
        return (a + b) / 2
    d2 = np.sign(b - a) * radical**0.5
    step = b - (b - a) * (slope_b + d2 - d1) / (slope_b - slope_a + 2 * d2)
    if not np.isfinite(step):
        return (a + b) / 2
    left, right = min(a, b), max(a, b)
    return np.clip(step, left + 0.1 * (right - left), right - 0.1 * (right - left))
