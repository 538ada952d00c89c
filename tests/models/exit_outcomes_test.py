"""What a model with exits would answer to held-out examples."""

import keras
import numpy as np
import pytest

from keras_lt.data import Batches
from keras_lt.data import transforms
from keras_lt.inference import ExitOutcomes
from keras_lt.inference import StagedPredictor
from keras_lt.models import EarlyExitModel
from keras_lt.samplers import InOrder
from tests.models.exit_models import dense_backbone
from tests.models.exit_models import dense_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import COUNTS

MANY_CLASSES = 8142


@pytest.mark.parametrize("measure", ["confidence", "entropy"])
@pytest.mark.parametrize("exits", [["one", "two"], []])
def test_outcomes_are_those_of_all_logits(exits, measure, monkeypatch):
    model = seeded_weights(dense_model(exits, criterion=measure))
    x, y = vectors()
    costs = model.exit_costs()
    expected = ExitOutcomes.from_logits(
        model.exit_logits(x, verbose=0), y, costs, COUNTS, measure=measure
    )
    # It would hold the logits of all examples.
    monkeypatch.setattr(model, "exit_logits", without_predicting)
    found = model.exit_outcomes(x, y, COUNTS, batch_size=5, verbose=0)
    np.testing.assert_array_equal(found.predictions, expected.predictions)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    np.testing.assert_array_equal(found.costs, costs)
    assert found.class_counts == tuple(COUNTS)
    assert found.seconds is None


@pytest.mark.parametrize(
    "policy", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_ids_of_many_classes_are_exact(policy):
    """In bfloat16, 8141 would be 8128, and in float16 8140."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = EarlyExitModel(dense_backbone(), ["one"], MANY_CLASSES)
        for branch, label in zip(model.branches, (8141, 8139), strict=True):
            kernel, bias = branch.classifier.get_weights()
            bias[label] = 12.0
            branch.classifier.set_weights([0 * kernel, bias])
        outcomes = model.exit_outcomes(
            vectors(3)[0], [8141] * 3, [1] * MANY_CLASSES, verbose=0
        )
    finally:
        keras.config.set_dtype_policy(before)
    assert outcomes.predictions.tolist() == [[8141, 8139]] * 3
    largest = np.exp(12) / (np.exp(12) + MANY_CLASSES - 1)
    np.testing.assert_allclose(outcomes.scores, largest, rtol=1e-5)


def test_new_weights_count():
    model, (x, y) = seeded_weights(dense_model()), vectors()
    model.exit_outcomes(x, y, COUNTS, verbose=0)
    for layer in model.classifiers():
        kernel, bias = layer.get_weights()
        layer.set_weights([0 * kernel, bias + [0, 0, 9, 0]])
    outcomes = model.exit_outcomes(x, y, COUNTS, verbose=0)
    assert outcomes.predictions.tolist() == [[2, 2, 2]] * 12


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_not_finite(value):
    model, (x, y) = seeded_weights(dense_model()), vectors()
    layer = model.branches[1].classifier
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + [0, 0, -value, 0]])
    message = "`exit_logits` must be finite.*row 0 of 12. Check the image"
    with pytest.raises(ValueError, match=message):
        model.exit_outcomes(x, y, COUNTS, verbose=0)


class Jitter(transforms.Transform):
    def __call__(self, images, labels, generator):
        return images, labels


@pytest.mark.parametrize("steps", [None, 2])
def test_batches_in_order_equal_their_arrays(steps):
    model, (x, y) = seeded_weights(dense_model()), vectors()
    count = 12 if steps is None else 10
    plain = model.exit_outcomes(x[:count], y[:count], COUNTS, verbose=0)
    found = model.exit_outcomes(
        Batches((x, y), 5, InOrder()), y[:count], COUNTS, verbose=0, steps=steps
    )
    np.testing.assert_array_equal(found.labels, y[:count])
    np.testing.assert_array_equal(found.predictions, plain.predictions)
    np.testing.assert_allclose(found.scores, plain.scores, atol=1e-6)


def without_predicting(*args, **kwargs):
    raise AssertionError("It predicts before it looks at its arguments.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": Batches(vectors(), 5)}, "Received: `Batches` that come in an"),
        ({"y": np.zeros(13, int)}, "Received: `Batches` that come in another"),
        ({"y": np.full(12, 4)}, "`y` must be below the number of classes, 4"),
        ({"y": np.zeros(12)}, "`y` must be integer class ids"),
        ({"class_counts": [4, 3, 2]}, "each of the 4 classes.* Received: 3"),
    ],
)
def test_bad_input_is_refused_before_predicting(change, message, monkeypatch):
    model, (x, y) = dense_model(), vectors()
    monkeypatch.setattr(StagedPredictor, "run", without_predicting)
    given = {"x": Batches((x, y), 5, InOrder()), "y": y, "class_counts": COUNTS}
    with pytest.raises(ValueError, match=message):
        model.exit_outcomes(**{**given, **change})


def test_random_batches_bring_a_warning():
    model, (x, y) = dense_model(), vectors()
    batches = Batches((x, y), 5, InOrder(), transform=Jitter())
    with pytest.warns(UserWarning, match="Received: Jitter") as caught:
        model.exit_outcomes(batches, y, COUNTS, verbose=0)
    assert caught.pop(UserWarning).filename == __file__
