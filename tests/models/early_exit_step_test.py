"""One step of a model with exits is the same on every backend.

The dense model is checked against NumPy in double precision, the model of
images against a file that one backend wrote.
"""

import json
import pathlib

import keras
import numpy as np
import pytest

from keras_lt import losses
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from tests import early_exit_reference as reference
from tests.checks import EAGER
from tests.checks import to_numpy
from tests.image_step import check_step
from tests.image_step import step_summary
from tests.models import dense_exits
from tests.models.exit_models import dense_model
from tests.models.exit_models import image_backbone
from tests.models.exit_models import image_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import SPARSE
from tests.models.small_models import images

GOLDEN = pathlib.Path(__file__).parent / "golden" / "early_exit_step.json"
DEFAULTS = {
    "criterion": "correct_and_confident",
    "training_threshold": [0.5, 0.7],
    "exit_weights": [1.0, 1.0, 1.0],
    "normalizer": "batch_weight",
    "trunk_gradient": 1.0,
}
CASES = {
    "defaults": {},
    "survivors": {"normalizer": "survivors", "exit_weights": [0.5, 2.0, 1.0]},
    "batch": {"normalizer": "batch", "criterion": "entropy"},
    "half_trunk": {"trunk_gradient": 0.5, "exit_weights": [0.3, 0.6, 1.0]},
    "no_trunk": {"trunk_gradient": 0.0, "criterion": "true_probability"},
    "deep_supervision": {"training_threshold": [1.0, 1.0]},
    "nobody_left": {
        "training_threshold": [0.0, 0.0],
        "criterion": "confidence",
        "normalizer": "survivors",
    },
}
COMPILED = ("defaults", "batch")
IMAGE_MODELS = {
    "pooled": {"classifier": "cosine", "projection_dim": 7},
    "block": {"classifier": "cosine", "branch": "block"},
    "mixed_pool": {"branch": "mixed_pool", "normalizer": "survivors"},
}


def crossentropy(soft):
    if soft:
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    return SPARSE(from_logits=True)


@pytest.mark.parametrize("soft", [False, True], ids=["ids", "soft"])
@pytest.mark.parametrize("case", CASES)
def test_step_equals_numpy(case, soft):
    settings = {**DEFAULTS, **CASES[case]}
    x, y = vectors(20)
    if soft:
        y = 0.75 * np.eye(CLASSES)[y] + 0.25 * np.eye(CLASSES)[y[::-1]]
        y = y.astype("float32")
    rng = np.random.default_rng(4)
    sample_weight = rng.uniform(0.5, 2.0, 20).astype("float32")
    class_weights = rng.uniform(0.5, 2.0, CLASSES).astype("float32")
    model = seeded_weights(dense_model(**settings))
    model.class_weights.assign(class_weights)
    options = {} if case in COMPILED else EAGER
    model.compile(keras.optimizers.SGD(1.0), crossentropy(soft), **options)

    weights = (y @ class_weights if soft else class_weights[y]) * sample_weight
    _, logits = dense_exits.forward(model, x)
    exits = dense_exits.exits_of(
        logits, y, settings["criterion"], settings["training_threshold"]
    )
    expected = reference.total(
        dense_exits.losses(logits, y),
        exits,
        weights,
        settings["exit_weights"],
        settings["normalizer"],
    )
    by_loss = dense_exits.slopes(
        exits, weights, settings["exit_weights"], settings["normalizer"]
    )
    slopes = dense_exits.gradients(
        model, x, y, by_loss, settings["trunk_gradient"]
    )
    before = [to_numpy(one) for one in model.trainable_variables]
    found = model.train_on_batch(
        x, y, sample_weight=sample_weight, return_dict=True
    )

    np.testing.assert_allclose(float(found["loss"]), expected, 1e-4)
    assert len(slopes) == len(before) == 12
    for variable, old in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_allclose(
            old - to_numpy(variable),
            slopes[id(variable)],
            1e-4,
            1e-5,
            err_msg=variable.path,
        )


def image_step(kind):
    """Returns the loss and, of each gradient, its length and a projection."""
    settings = IMAGE_MODELS[kind]
    model = image_model(
        training_threshold=0.4,
        exit_weights=[0.5, 1.0, 1.5],
        feature_layers=["inner"],
        **settings,
    )
    seeded_weights(model)
    loss = losses.LogitAdjusted(COUNTS)
    if settings.get("classifier") == "cosine":
        loss = losses.LDAM(COUNTS)
    model.compile(keras.optimizers.SGD(1.0), loss)
    return step_summary(model, *images(24))


@pytest.mark.parametrize("kind", IMAGE_MODELS)
def test_step_on_images_equals_that_of_the_other_backends(kind):
    expected = json.loads(GOLDEN.read_text())[kind]
    check_step(image_step(kind), expected, shortest=1e-2)


def layers_with_weights(model):
    """Returns the parts that every model of this library has, by name."""
    parts = model.backbone.layers
    if isinstance(model, EarlyExitModel):
        head = model.branches[-1]
        return [*parts, head.projection, head.classifier]
    return [*parts, model.projection, model.classifier]


@pytest.mark.parametrize("classifier", ["linear", "cosine"])
def test_one_exit_trains_as_a_long_tail_model_does(classifier):
    x, y = images(16)
    loss = losses.LDAM(COUNTS)
    if classifier == "linear":
        loss = losses.BalancedSoftmax(COUNTS)
    settings = {
        "num_classes": CLASSES,
        "classifier": classifier,
        "projection_dim": 7,
        "weight_decay": 0.1,
    }
    ours = EarlyExitModel(image_backbone(), [], **settings)
    theirs = LongTailModel(image_backbone(), **settings)
    pairs = list(
        zip(layers_with_weights(ours), layers_with_weights(theirs), strict=True)
    )
    for mine, other in pairs:
        other.set_weights(mine.get_weights())
    histories = []
    for model in (ours, theirs):
        model.class_weights.assign([0.5, 1.0, 1.5, 2.0])
        model.compile(
            keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"]
        )
        history = model.fit(
            x,
            y,
            sample_weight=np.linspace(0.5, 2.0, 16).astype("float32"),
            batch_size=8,
            epochs=2,
            shuffle=False,
            verbose=0,
            validation_data=(x, y),
        )
        histories.append(history.history)
    assert set(histories[1]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in histories[1].items():
        np.testing.assert_allclose(histories[0][name], values, 1e-4)
    for mine, other in pairs:
        for one, two in zip(
            mine.get_weights(), other.get_weights(), strict=True
        ):
            np.testing.assert_allclose(one, two, 1e-4, 1e-5)


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    steps = {kind: image_step(kind) for kind in IMAGE_MODELS}
    GOLDEN.write_text(json.dumps(steps, indent=1) + "\n")
