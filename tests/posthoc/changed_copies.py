"""Trained models, and checks of what is made of them."""

import numpy as np

from tests.checks import to_numpy


def trained(model, seed=0):
    """Gives all weights values as after a training, the variances too."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.path.endswith("thresholds"):
            continue
        variable.assign(rng.uniform(0.1, 1.5, size=variable.shape))
    return model


def values_of(model):
    return [to_numpy(variable).copy() for variable in model.variables]


def check_unchanged(model, before):
    for value, old in zip(values_of(model), before, strict=True):
        np.testing.assert_array_equal(value, old)


def check_separate(model, copy):
    """Checks that no weight of the copy is one of the model."""
    before = values_of(model)
    assert not {id(v) for v in model.variables} & {
        id(v) for v in copy.variables
    }
    for variable in copy.variables:
        variable.assign(0 * to_numpy(variable))
    check_unchanged(model, before)
