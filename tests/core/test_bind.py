"""Equal choices are one object: what lets `jax.jit` find its program again."""

import pickle

import jax
import pytest

import jsgd
from jsgd.core.bind import bind, call_repr


def rule(a, b, c):
    return a, b, c


def test_equal_choices_are_one_object():
    assert bind(rule, 1, "x") is bind(rule, 1, "x")
    assert bind(rule, 1, "x")("y") == (1, "x", "y")


@pytest.mark.parametrize("other", [1.0, True, 2])
def test_other_choices_are_not(other):
    """1, 1.0 and True are equal in Python, and different choices."""
    assert bind(rule, 1) is not bind(rule, other)


def test_pickled_or_not():
    nested = bind(rule, bind(rule, 1), (("nesterov", True),))
    assert pickle.loads(pickle.dumps(nested)) is nested


def test_static_choices_must_be_hashable():
    with pytest.raises(TypeError, match="unhashable"):
        bind(rule, [1])


def test_call_repr_shows_the_rule_under_the_bindings():
    """Whatever is bound, another function too."""
    for bound in (rule, bind(rule, 1), bind(rule, len), bind(bind(rule, len), 1)):
        assert call_repr(bound, {"lr": 0.5}, "opt") == "rule('opt', lr=0.5)"
    assert repr(jsgd.weight_decay(jsgd.sgd(), mask=callable)).startswith("weight_decay(sgd(")
    assert repr(jsgd.schedules.constant(len).hyper["value"]) == "len()"


def test_same_expression_same_program():
    """A nest of wrappers, built again and again, is compiled once."""

    def make(lr, norm):
        opt = jsgd.weight_decay(jsgd.sgd(lr, momentum=0.5, nesterov=True), mode="l2")
        return jsgd.partition({"all": jsgd.clip_by_global_norm(opt, norm)}, {"w": "all"})

    params = {"w": jax.numpy.ones(2)}
    traces, step = [], make(0.1, 1.0).step
    program = jax.jit(lambda *args: traces.append(1) or step(*args))
    for opt in (make(0.1, 1.0), make(0.2, 5.0), pickle.loads(pickle.dumps(make(0.3, 2.0)))):
        assert opt.step is step
        program(params, params, opt.init(params))
    assert len(traces) == 1
    assert make(0.1, 1.0).step is not jsgd.clip_by_global_norm(jsgd.sgd(0.1)).step
