"""What a model with exits refuses, and in which words."""

import keras
import numpy as np
import pytest

from keras_lt import layers
from keras_lt import losses
from keras_lt import metrics
from keras_lt.models import EarlyExitModel
from tests.models.exit_models import dense_model
from tests.models.exit_models import image_model
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import SPARSE
from tests.models.small_models import MeanFeature

THRESHOLDS = [
    (-0.1, r"must be from 0 to 1: .* Received: -0\.1"),
    (1.5, r"must be from 0 to 1: .* Received: 1\.5"),
    ([0.5, float("nan")], "must be from 0 to 1: .* Received: nan"),
    ([0.5, 2.0], r"must be from 0 to 1: .* Received: 2\.0"),
    ([0.5], r"one for each exit but the last, 2. Received: .*\(1,\)"),
    ([0.5] * 3, r"one for each exit but the last, 2. Received: .*\(3,\)"),
    ([[0.5, 0.5]], r"one for each exit but the last, 2. .*\(1, 2\)"),
]


@pytest.mark.parametrize("name", ["threshold", "training_threshold"])
@pytest.mark.parametrize(("value", "message"), THRESHOLDS)
def test_bad_thresholds(name, value, message):
    with pytest.raises(ValueError, match=f"`{name}` .*{message}"):
        dense_model(**{name: value})
    model = dense_model(**{name: 0.25})
    with pytest.raises(ValueError, match=message):
        setattr(model, name, value)
    assert getattr(model, name) == [0.25, 0.25]


@pytest.mark.parametrize("value", [0, 1, 0.5, [0, 1], (0.5, 1.0)])
def test_thresholds_at_the_ends_of_the_range(value):
    model = dense_model(threshold=value, training_threshold=value)
    expected = np.broadcast_to(np.asarray(value, "float64"), 2).tolist()
    assert model.threshold == model.training_threshold == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"exit_weights": [1.0, 1.0]},
            r"one number for each exit, 3. Received: .*\(2,\)",
        ),
        ({"exit_weights": 1.0}, r"one number for each exit, 3. Received"),
        (
            {"exit_weights": [1.0, -1.0, 1.0]},
            r"0 or greater. Received: exit_weights=\[1.0, -1.0, 1.0\]",
        ),
        ({"exit_weights": [1.0, np.nan, 1.0]}, "`exit_weights` must be finite"),
        ({"exit_weights": [1.0, np.inf, 1.0]}, "`exit_weights` must be finite"),
        (
            {"exit_weights": [0, 0.0, 0]},
            r"nothing is trained. Received: exit_weights=\[0.0, 0.0, 0.0\]",
        ),
        ({"criterion": "sure"}, "'correct_and_confident', .* Received.*'sure'"),
        ({"normalizer": "sum"}, "'batch_weight', .* Received.*'sum'"),
        ({"branch": "conv"}, "`branch` must be one of .*Received: 'conv'"),
        (
            {"branch": [layers.MixedPooling()]},
            "one layer for each exit but the last, 2. Received: 1",
        ),
        ({"branch": "block"}, r"must follow feature maps .*\(None, 6\)"),
        ({"branch": "mixed_pool"}, r"must follow feature maps .*\(None, 6\)"),
        ({"classifier": "cos"}, "must be 'linear', 'cosine' or a layer"),
        ({"classifier": keras.layers.Dense(3)}, "one logit per class, 4.*s 3"),
        (
            {"classifier": keras.layers.Dense(4, activation="softmax")},
            "without an activation",
        ),
        ({"exits": ["four"]}, "nearest of"),
        ({"exits": ["two", "one"]}, r"in the order.*Write exits=\['one', 't"),
        ({"exits": ["one", "one"]}, "different places"),
        ({"exits": "one"}, "`exits`"),
        ({"num_classes": 0}, "whole number, 1 or greater"),
        ({"trunk_gradient": 1.5}, "`trunk_gradient` must be at least 0 and"),
        ({"trunk_gradient": -0.5}, "`trunk_gradient` must be at least 0 and"),
        ({"weight_decay": -1.0}, "0 or greater"),
        ({"projection_dim": 0}, "1 or greater"),
        ({"feature_layers": ["four"]}, "`feature_layers`"),
    ],
)
def test_bad_arguments(arguments, message):
    backbone = dense_model().backbone
    arguments = {
        "exits": ["one", "two"],
        "num_classes": CLASSES,
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        EarlyExitModel(backbone, **arguments)


def test_a_classifier_of_another_width_at_an_early_exit_alone():
    class Shrinking(keras.layers.Dense):
        """Makes as many logits as there are features."""

        def build(self, input_shape):
            self.units = min(self.units, input_shape[-1])
            super().build(input_shape)

    inputs = x = keras.Input((3,))
    for name, width in (("one", 3), ("two", 5)):
        x = keras.layers.Dense(width, name=name)(x)
    backbone = keras.Model(inputs, x)
    with pytest.raises(ValueError, match="one logit per class, 4.*returns 3"):
        EarlyExitModel(backbone, ["one"], 4, classifier=Shrinking(4))


def test_maps_whose_size_is_not_known_have_no_block():
    inputs = x = keras.Input((None, None, 3))
    for name in ("one", "two"):
        x = keras.layers.Conv2D(4, 3, padding="same", name=name)(x)
    backbone = keras.Model(inputs, x)
    with pytest.raises(ValueError, match="must know the height"):
        EarlyExitModel(backbone, ["one"], 4, branch="block")
    assert EarlyExitModel(backbone, ["one"], 4).branches[0].body is None


def test_backbone_that_is_no_model():
    with pytest.raises(ValueError, match="functional Keras model"):
        EarlyExitModel("resnet", ["one"], 4)


def test_ldam_wants_cosine_classifiers_of_its_scale():
    with pytest.raises(ValueError, match="'classifier', a Dense"):
        image_model().compile("sgd", losses.LDAM(COUNTS))
    model = image_model(classifier="cosine")
    with pytest.raises(ValueError, match="a CosineClassifier with scale=30"):
        model.compile("sgd", losses.LDAM(COUNTS, scale=10.0))
    model.compile("sgd", losses.LDAM(COUNTS, scale=30.0))


def test_ldam_looks_at_the_heads_of_all_exits():
    model = image_model(classifier="cosine")
    model.branches[0].classifier.scale = 10.0
    with pytest.raises(ValueError, match="with scale=10"):
        model.compile("sgd", losses.LDAM(COUNTS))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("sparse_categorical_crossentropy", "must be a `keras.losses.Loss`"),
        (None, "must be a `keras.losses.Loss`"),
        (SPARSE(), "from_logits=False"),
    ],
)
def test_unfit_losses(loss, message):
    with pytest.raises(ValueError, match=message):
        dense_model().compile("sgd", loss)


def test_unfit_parts_of_compile():
    model = dense_model(feature_layers=["two"])
    loss = SPARSE(from_logits=True)
    with pytest.raises(ValueError, match="exits of the model, 3.*num_exits=2"):
        model.compile("sgd", loss, metrics=[metrics.ExitShares(2)])
    with pytest.raises(
        ValueError, match=r"\['two'\]. Received: features='one'"
    ):
        model.compile("sgd", loss, objectives=[MeanFeature(features="one")])
    with pytest.raises(ValueError, match="`loss_weights` must not be given"):
        model.compile("sgd", loss, loss_weights=[1, 1, 1])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, CLASSES], "below the number of classes, 4. Received: 4"),
        ([0, -1, 1], "must be 0 or greater"),
        ([0.0, 1.0, 2.0], "must be integer class ids"),
    ],
)
def test_bad_labels(labels, message):
    x, _ = vectors(3)
    model = dense_model()
    model.compile("sgd", SPARSE(from_logits=True))
    for run in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=message):
            run(x, np.array(labels), verbose=0)


def test_inputs_must_be_finite():
    x, y = vectors(4)
    x[2, 0] = np.nan
    model = dense_model()
    model.compile("sgd", SPARSE(from_logits=True))
    with pytest.raises(ValueError, match="`x` must be finite.*in row 2"):
        model.fit(x, y, verbose=0)


def test_stages_that_do_not_know_their_inputs():
    stages = [keras.layers.Dense(3, name=name) for name in "ab"]
    with pytest.raises(ValueError, match="Pass `input_shape`"):
        EarlyExitModel.from_stages(stages, ["a"], CLASSES)
