"""Wrappers on top of one another: any three of the registry, in any order."""

import jax
import numpy as np
from cases import Case, example
from cases import given as besides
from hypothesis import given, settings
from hypothesis import strategies as st

import jsgd
from jsgd.wrappers import REGISTRY

LAYERS = [
    (name, variant)
    for name, row in REGISTRY.items()
    for variant in row.variants
    if not row.per_example  # only the outermost is given such gradients
]


@settings(max_examples=12)
@given(layers=st.lists(st.sampled_from(LAYERS), min_size=3, max_size=3))
def test_three_wrappers(layers):
    """They keep types, run in a scan, and every name of theirs can be set."""
    opt, takes = jsgd.adam(0.1), "all"
    for name, variant in layers:
        opt = REGISTRY[name].factory(opt, **variant)
        takes = "reals" if REGISTRY[name].takes == "reals" else takes
    params, grads = example(Case(lambda: opt, {}, takes))
    state = opt.init(params)

    @jax.jit
    def run(params, state):
        def body(carry, _):
            return opt.step(carry[0], grads, carry[1], **besides(params, grads)), None

        return jax.lax.scan(body, (params, state), length=3)[0]

    after = run(params, state)  # a scan takes a carry of changed types for an error
    for leaf in jax.tree.leaves((after[0], jsgd.eval_params(*after))):
        assert np.all(np.isfinite(np.asarray(leaf, np.complex64)))
    values = jsgd.get_hyper(state)
    assert jax.tree.structure(jsgd.set_hyper(state, **values)) == jax.tree.structure(state)
    assert {"b1", "b2", "eps"} <= {name.split("__")[-1] for name in values}
