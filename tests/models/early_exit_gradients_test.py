"""What moves when a model with exits takes a step, and what stays."""

import keras
import numpy as np
import pytest

from tests.checks import to_numpy
from tests.models.exit_models import image_model
from tests.models.exit_models import seeded_weights
from tests.models.small_models import SPARSE
from tests.models.small_models import images


def test_all_that_leave_at_the_first_exit_train_nothing_after_it():
    model = image_model(criterion="confidence", training_threshold=0.0)
    model.compile(keras.optimizers.SGD(0.5), SPARSE(from_logits=True))
    early = [*model.stages[0].layers, model.branches[0]]
    moving = {id(v) for layer in early for v in layer.trainable_variables}
    before = [to_numpy(one) for one in model.trainable_variables]
    model.fit(*images(), batch_size=4, verbose=0)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        if id(variable) not in moving:
            np.testing.assert_array_equal(to_numpy(variable), old)
        elif "bias" not in variable.path or "classifier" in variable.path:
            assert np.abs(to_numpy(variable) - old).max() > 1e-4, variable.path


def moves_of_one_step(trunk_gradient):
    """Returns what a step adds to the trunk and to the first branch.

    The last exit weighs nothing, so all that the trunk gets is from early ones.
    """
    model = seeded_weights(
        image_model(
            trunk_gradient=trunk_gradient,
            training_threshold=1.0,
            exit_weights=[1.0, 1.0, 0.0],
            branch="block",
        )
    )
    model.compile(keras.optimizers.SGD(1.0), SPARSE(from_logits=True))
    parts = (model.backbone, model.branches[0])
    before = [
        [to_numpy(one) for one in part.trainable_variables] for part in parts
    ]
    model.train_on_batch(*images())
    after = [
        [to_numpy(one) for one in part.trainable_variables] for part in parts
    ]
    return [
        [new - old for new, old in zip(*both, strict=True)]
        for both in zip(after, before, strict=True)
    ]


def test_share_of_the_early_gradient_that_reaches_the_trunk():
    whole_trunk, whole_branch = moves_of_one_step(1.0)
    assert max(np.abs(one).max() for one in whole_trunk) > 0.05
    for share in (0.0, 0.5):
        trunk, branch = moves_of_one_step(share)
        for found, whole in zip(trunk, whole_trunk, strict=True):
            np.testing.assert_allclose(found, share * whole, 1e-3, 1e-5)
        for found, whole in zip(branch, whole_branch, strict=True):
            np.testing.assert_allclose(found, whole, 1e-3, 1e-5)


def test_share_of_the_gradient_leaves_the_outputs_alone():
    x, _ = images()
    outputs = [
        to_numpy(seeded_weights(image_model(trunk_gradient=share))(x)["exits"])
        for share in (0.0, 0.5, 1.0)
    ]
    np.testing.assert_array_equal(outputs[0], outputs[2])
    np.testing.assert_allclose(outputs[1], outputs[2], 1e-5, 1e-6)


@pytest.mark.parametrize("what", ["stage", "branch"])
def test_frozen_parts_stay_and_others_move(what):
    model = image_model(branch="block", training_threshold=1.0)
    frozen = model.stages[0] if what == "stage" else model.branches[0]
    frozen.trainable = False
    still = {id(one) for one in frozen.variables}
    assert still
    model.compile(keras.optimizers.SGD(0.5), SPARSE(from_logits=True))
    assert not still & {id(one) for one in model.trainable_variables}
    before = [to_numpy(one) for one in model.variables]
    model.fit(*images(), batch_size=6, verbose=0)
    moved = set()
    for variable, old in zip(model.variables, before, strict=True):
        if np.any(to_numpy(variable) != old):
            moved.add(id(variable))
    assert not still & moved
    assert moved >= {
        id(one)
        for one in model.trainable_variables
        if "kernel" in one.path or "gamma" in one.path
    }


def test_batch_statistics_move_in_training_alone():
    """Those of the branches too, though all have left before."""
    x, y = images()
    model = image_model(
        branch="block", criterion="confidence", training_threshold=0.0
    )
    model.compile(keras.optimizers.SGD(0.0), SPARSE(from_logits=True))
    means = [one for one in model.variables if one.path.endswith("moving_mean")]
    assert len(means) == 4  # Two of the backbone, one of each branch.
    before = [to_numpy(one) for one in means]
    model.evaluate(x, y, verbose=0)
    for one, old in zip(means, before, strict=True):
        np.testing.assert_array_equal(to_numpy(one), old)
    model.fit(x, y, verbose=0)
    for one, old in zip(means, before, strict=True):
        assert np.abs(to_numpy(one) - old).max() > 1e-4
