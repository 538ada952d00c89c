"""A classifier of one's own trains as it does in a plain model."""

import keras
import numpy as np
import pytest

from keras_lt import losses
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from tests.checks import EAGER
from tests.checks import to_numpy
from tests.models.exit_models import EXITS
from tests.models.exit_models import dense_backbone
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS


def backbone():
    inputs = keras.Input((6,))
    x = keras.layers.Dense(5, name="one")(inputs)
    return keras.Model(inputs, keras.layers.Dense(4)(x))


def classifier():
    # Without momentum, its statistics are those of the last batch.
    layers = [keras.layers.BatchNormalization(momentum=0.0)]
    return keras.Sequential([*layers, keras.layers.Dense(3)])


def long_tail_model():
    model = LongTailModel(backbone(), 3, classifier=classifier())
    return model, [model.feature_model()]


def early_exit_model():
    model = EarlyExitModel(
        backbone(), ["one"], 3, branch="pooled", classifier=classifier()
    )
    first = keras.Model(
        model.backbone.input, model.backbone.get_layer("one").output
    )
    return model, [first, model.feature_model()]


@pytest.mark.parametrize("make", [long_tail_model, early_exit_model])
def test_it_normalises_by_the_batch(make):
    model, features = make()
    generator = np.random.default_rng(0)
    x = generator.normal(2.0, 1.0, (8, 6)).astype("float32")
    y = np.arange(8) % 3
    means = [to_numpy(network(x)).mean(0) for network in features]
    model.compile(keras.optimizers.SGD(0.1), losses.BalancedSoftmax([9, 5, 2]))
    model.train_on_batch(x, y)
    for head, mean in zip(model.classifiers(), means, strict=True):
        (normalization, _) = head.layers
        found = to_numpy(normalization.moving_mean)
        np.testing.assert_allclose(found, mean, 1e-4, 1e-5)
    before = model.get_weights()
    model.evaluate(x, y, verbose=0)
    for one, two in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, two)


def test_heads_that_were_built_already_train_alike():
    """Torch takes copies of what is built, called alike, for one head."""
    x, y = vectors()
    found = []
    for start in ([], [keras.Input((4,))]):
        head = keras.Sequential([*start, keras.layers.Dense(CLASSES)])
        model = EarlyExitModel(
            dense_backbone(widths=(4, 4, 4)),
            EXITS,
            CLASSES,
            branch="pooled",
            classifier=head,
        )
        seeded_weights(model)
        loss = losses.BalancedSoftmax(COUNTS)
        model.compile(keras.optimizers.SGD(0.1), loss, **EAGER)
        for _ in range(3):
            model.train_on_batch(x, y)
        found.append(model.get_weights())
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, 1e-5, 1e-6)
