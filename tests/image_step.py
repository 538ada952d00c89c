"""One step on images, in few numbers that are alike on every backend."""

import numpy as np

from tests.checks import to_numpy


def step_summary(model, x, y):
    """Returns the loss and, of each gradient, its length and a projection.

    The model has to be compiled with plain SGD of rate 1.
    """
    before = [to_numpy(one) for one in model.trainable_variables]
    logs = model.train_on_batch(x, y, return_dict=True)
    found = {"loss": float(logs["loss"]), "length": {}, "along": {}}
    rng = np.random.default_rng(5)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        slope = (old - to_numpy(variable)).astype("float64")
        along = (slope * rng.normal(size=slope.shape)).sum()
        found["length"][variable.path] = float(np.linalg.norm(slope))
        found["along"][variable.path] = float(along)
    return found


def check_step(found, expected, shortest):
    """Checks a summary within 1e-4 of each length, `shortest` at the least."""
    np.testing.assert_allclose(found["loss"], expected["loss"], 1e-4)
    assert found["length"].keys() == expected["length"].keys()
    for path, length in expected["length"].items():
        bound = 1e-4 * max(length, shortest)
        assert abs(found["length"][path] - length) <= bound, path
        along = found["along"][path] - expected["along"][path]
        assert abs(along) <= 4 * bound, path
