"""The linear models against what scikit-learn's have learned (golden/estimators/linear.py)."""

import json

import numpy as np
import pytest
from golden.estimators.linear import FILE, cases, fit

from jsgd import estimators

CASES, FITS = cases(), json.loads(FILE.read_text())["fits"]


@pytest.mark.parametrize("name", CASES)
def test_learns_what_scikit_learn_does(name):
    model, theirs = fit(estimators, CASES[name]), FITS[name]
    np.testing.assert_allclose(model.coef_, theirs["coef"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, theirs["intercept"], rtol=1e-6, atol=1e-6)
    assert (model.n_iter_, model.t_) == (theirs["n_iter"], theirs["t"])
