"""What the laws are held against: every variant of every optimizer and wrapper, by name."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import jsgd
from jsgd import optimizers, wrappers


class Case(NamedTuple):
    make: Callable[..., jsgd.Optimizer]  # make(**hyper) -> Optimizer
    hyper: dict[str, Any]  # the concrete numbers it starts from, by argument name
    takes: str = "all"  # the leaves it takes, as in a `Row`
    per_example: bool = False  # also as there


def _numbers(opt: jsgd.Optimizer) -> dict[str, float]:
    return {name: float(x) for name, x in jsgd.get_hyper(opt.init({})).items()}


def _label(variant: dict[str, Any]) -> str:
    return "".join(f"-{k}" if v is True else f"-{k}={v}" for k, v in variant.items())


def by_shape(path: str, leaf: Any) -> str:
    return {2: "matrix", 1: "rest"}.get(leaf.ndim, "frozen")


def _cases() -> dict[str, Case]:
    cases = {}
    for name, row in optimizers.REGISTRY.items():
        for variant in row.variants:

            def make(row=row, variant=variant, **hyper):
                return row.factory(**variant | hyper)

            named = inspect.signature(row.factory).parameters  # not all that an inner one has
            hyper = {k: v for k, v in _numbers(make()).items() if k in named}
            cases[name + _label(variant)] = Case(make, hyper, row.takes, row.per_example)
    for name, row in wrappers.REGISTRY.items():
        for variant in row.variants:

            def make(row=row, variant=variant, **hyper):
                return row.factory(jsgd.adam(0.1), **variant | hyper)

            own = make().init({}).hyper
            hyper = {k: v for k, v in _numbers(make()).items() if k in own}
            cases[name + _label(variant)] = Case(make, hyper, row.takes, row.per_example)

    def partition(lr=0.1):
        return jsgd.partition({"matrix": jsgd.muon(lr), "rest": jsgd.noisy_sgd(0.1)}, by_shape)

    def nest(lr=0.1, max_norm=1.0, every=2.0):
        adam = jsgd.skip_nonfinite(jsgd.weight_decay(jsgd.adam(lr), mode="l2"))
        return jsgd.ema(jsgd.accumulate(jsgd.clip_by_global_norm(adam, max_norm), every))

    def scheduled(lr=0.1):
        return jsgd.adam(
            jsgd.schedules.warmup_cosine(lr, 2, 10), b1=jsgd.schedules.linear(0.5, 0.9, 9)
        )

    cases["partition"] = Case(partition, {"lr": 0.1})
    cases["nest"] = Case(nest, {"lr": 0.1, "max_norm": 1.0, "every": 2.0})
    cases["scheduled"] = Case(scheduled, {"lr": 0.1})
    return cases


CASES = _cases()


def example(case: Case, dtype: Any = None) -> tuple[Any, Any]:
    """(params, grads): every kind of leaf the case takes, or one dtype throughout."""

    def leaf(seed, shape, kind):
        return jax.random.normal(jax.random.key(seed), shape, dtype or kind)

    def tree(seed, *examples):
        leaves = {
            "layer": {
                "kernel": leaf(seed, (*examples, 3, 2), jnp.float32),
                "half": leaf(seed + 1, (*examples, 2, 4), jnp.bfloat16),
            },
            "empty": {},
        }
        if case.takes != "reals":
            leaves["complex"] = leaf(seed + 2, (*examples, 2, 2), jnp.complex64)
        if case.takes != "matrices":
            leaves |= {
                "bias": leaf(seed + 3, (*examples, 3), jnp.float16),
                "scalar": leaf(seed + 4, examples, jnp.float32),
                "weak": jnp.full(examples, 0.5)
                if dtype is None
                else leaf(seed + 5, examples, dtype),
                "none": leaf(seed + 6, (*examples, 0, 2), jnp.float32),
            }
        return leaves

    return tree(0), tree(10, 5) if case.per_example else tree(10)


def given(params: Any, grads: Any) -> dict[str, Any]:
    """What a step may be given besides: a loss that has these gradients at these parameters."""

    def value_fn(new: Any) -> jax.Array:
        total = jnp.float32(1.0)
        for p, q, g in zip(*map(jax.tree.leaves, (params, new, grads)), strict=True):
            wide = jnp.complex64 if jnp.iscomplexobj(p) else jnp.float32
            d, g = q.astype(wide) - p.astype(wide), g.astype(wide)
            if g.ndim > p.ndim:  # of single examples: the loss is the mean of theirs
                g = g.mean(0)
            total += jnp.sum((g.conj() * d).real + 0.5 * (d * d.conj()).real)
        return total

    return {"value": jnp.float32(1.0), "value_fn": value_fn}
