"""What a model is trained and evaluated on: what is refused, and says why."""

import keras
import numpy as np
import pytest

import keras_lt
from tests.models.small_models import CLASSES
from tests.models.small_models import SPARSE
from tests.models.small_models import images
from tests.models.small_models import small_model


@pytest.fixture
def model():
    model = small_model()
    model.compile("sgd", SPARSE(from_logits=True))
    return model


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 4]), "below the number of classes, 4. Received: 4"),
        (np.array([0, -1, 1]), "must be 0 or greater"),
        (np.array([0.0, 1.0, 2.0]), "must be integer class ids"),
        (np.array(["a", "b", "c"]), "must be integer class ids"),
        (np.zeros((3, 2, 2), int), "one class id per example"),
    ],
)
def test_bad_labels(model, labels, message):
    x, _ = images(3)
    with pytest.raises(ValueError, match=message):
        model.fit(x, labels, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.fit(x, {"label": labels}, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(x, labels, verbose=0)
    right = np.zeros(3, int)
    for held_out in ((x, labels), [x, labels]):
        with pytest.raises(ValueError, match=message):
            model.fit(x, right, validation_data=held_out, verbose=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_must_be_finite(model, value):
    x, y = images(4)
    x[2, 0, 0, 0] = value
    with pytest.raises(ValueError, match="`x` must be finite.*in row 2"):
        model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="`x` must be finite.*in row 2"):
        model.evaluate(x, y, verbose=0)


def labelled_softly():
    """Returns a compiled model, images, and labels that are shares."""
    x, y = images(3)
    model = small_model()
    model.compile("sgd", keras_lt.losses.BalancedSoftmax([3] * CLASSES))
    return model, x, np.eye(CLASSES, dtype="float32")[y]


def test_soft_labels_are_taken_in_training_and_validation():
    model, x, soft = labelled_softly()
    model.fit(x, soft, validation_data=(x, soft), verbose=0)


@pytest.mark.parametrize(
    "row", [[7.0, 0, 0, 0], [0.0] * 4, [-1.0, 2, 0, 0], [np.nan, 1, 0, 0]]
)
def test_soft_labels_must_be_shares(row):
    model, x, soft = labelled_softly()
    wrong = soft.copy()
    wrong[1] = row
    for call in (
        lambda: model.fit(x, wrong, verbose=0),
        lambda: model.evaluate(x, wrong, verbose=0),
        lambda: model.fit(x, soft, validation_data=(x, wrong), verbose=0),
    ):
        with pytest.raises(ValueError, match="in `y` must.*Received: row 1"):
            call()


@pytest.mark.parametrize("kind", ["Batches", "DeviceBatches"])
def test_labels_of_batches_are_of_the_classes(model, kind):
    x, y = images(5)
    wrong = np.arange(5)
    make = getattr(keras_lt.data, kind)
    before = model.get_weights()
    message = "`{}.labels` must be below the number of classes, 4. Received: 4"
    with pytest.raises(ValueError, match=message.format("x")):
        model.fit(make((x, wrong), batch_size=5), verbose=0)
    bad = keras_lt.data.Batches((x, wrong), batch_size=5)
    with pytest.raises(ValueError, match=message.format("x")):
        model.evaluate(bad, verbose=0)
    with pytest.raises(ValueError, match=message.format("validation_data")):
        model.fit(x, y % CLASSES, validation_data=bad, verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


class Frame:
    """Holds labels as pandas does: no array, but to be made one."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape = self.values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values.astype(dtype or self.values.dtype)


@pytest.mark.parametrize("kind", [Frame, keras.ops.convert_to_tensor])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (-1, "must be 0 or greater. Received: -1 at row 2"),
        (CLASSES, f"below the number of classes, {CLASSES}"),
        (0.5, "must be integer class ids"),
    ],
)
def test_labels_of_any_kind_are_checked(model, kind, changed, message):
    x, y = images()
    labels = y.tolist()
    labels[2] = changed
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=message):
            call(x, kind(labels), verbose=0)


def test_images_without_labels(model):
    x, y = images()
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="`y` must hold the labels"):
            call(x, verbose=0)
    with pytest.raises(ValueError, match="`y` must hold the labels"):
        model.fit(x, y, validation_data=x, verbose=0)


def test_weights_that_are_not_finite(model):
    x, y = images()
    weights = np.full(len(x), np.nan)
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="`sample_weight` must be finite"):
            call(x, y, sample_weight=weights, verbose=0)


def test_no_example_at_all(model):
    x, y = images()
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="`x` must hold one example"):
            call(x[:0], y[:0], verbose=0)
