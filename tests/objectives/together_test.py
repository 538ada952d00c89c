"""Exits, robust features and teachers in one `compile`."""

import keras
import numpy as np

from keras_lt import losses
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.objectives import ExitDistillation
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import Robustness
from tests import distillation_reference
from tests import early_exit_reference
from tests import robustness_reference
from tests.checks import to_numpy
from tests.models import dense_exits
from tests.models.exit_models import dense_backbone
from tests.models.exit_models import dense_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS

THRESHOLDS = [0.5, 0.7]


def masters():
    """Returns teachers whose features are as many as those of the student."""
    plain = LongTailModel(dense_backbone(widths=(6, 5, 1)), CLASSES)
    exits = EarlyExitModel(dense_backbone(widths=(4, 5, 3)), ["one"], CLASSES)
    return [
        seeded_weights(one, seed) for seed, one in enumerate((plain, exits))
    ]


def student(teachers):
    model = dense_model(training_threshold=THRESHOLDS)
    seeded_weights(model, 3)
    model.compile(
        keras.optimizers.SGD(0.01),
        losses.BalancedSoftmax(COUNTS),
        metrics=["accuracy"],
        objectives=[
            Robustness(COUNTS, weight=0.5),
            FeatureDistillation(teachers, alpha=0.4, beta=10.0),
            ExitDistillation(weight=0.25, base_weight=0.5),
        ],
    )
    return model


def expected_loss(model, teachers, x, y):
    """Returns the loss of a batch from its parts, in double precision."""
    maps, logits = dense_exits.forward(model, x)
    features = maps[-1]
    counts = np.array(COUNTS, "float64")
    exits = dense_exits.exits_of(logits, y, "correct_and_confident", THRESHOLDS)
    plain = early_exit_reference.total(
        dense_exits.losses(logits + np.log(counts / counts.sum()), y),
        exits,
        np.ones(len(y)),
        np.ones(3),
        "batch_weight",
    )
    robustness = model.objectives[0]
    batch = robustness_reference.Batch(
        features=features,
        labels=y,
        centroids=to_numpy(robustness.centroids).astype("float64"),
        radii=robustness.current_radii(),
        class_weights=np.ones(CLASSES),
    )
    robust = robustness_reference.batch_loss(
        robustness_reference.losses(batch, "same_class"), y
    )
    followed = [
        to_numpy(one(x, training=False)["features"]) for one in teachers
    ]
    distances = distillation_reference.feature_losses(features, followed)
    divergences = [
        distillation_reference.divergences(logits[:, k], logits[:, -1], 2.0)
        for k in range(2)
    ]
    return (
        0.6 * 0.5 * plain
        + 0.5 * robust
        + 0.4 * 10.0 * distances.mean()
        + 0.25 * np.mean(divergences)
    )


def test_loss_is_the_sum_of_its_parts():
    x, y = vectors(16)
    teachers = masters()
    model = student(teachers)
    centroids = np.random.default_rng(0).normal(size=(CLASSES, 4))
    model.objectives[0].set_centroids(centroids, np.ones(CLASSES))
    expected = expected_loss(model, teachers, x, y)
    outputs = model(x, training=True)
    found = float(model.compute_loss(x, y, outputs))
    np.testing.assert_allclose(found, expected, 1e-4)


def test_trains_is_saved_and_loaded(tmp_path):
    x, y = vectors(16)
    teachers = masters()
    model = student(teachers)
    logs = model.fit(x, y, batch_size=8, epochs=4, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    assert logs["loss"][-1] < logs["loss"][0]
    names = {"full_accuracy", "exit_1_share", "robustness_nearest_medium"}
    assert names <= set(logs)
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        copy.exit_logits(x), model.exit_logits(x), 1e-5, 1e-6
    )
    found = copy.evaluate(x, y, verbose=0, return_dict=True)
    for name, value in model.evaluate(
        x, y, verbose=0, return_dict=True
    ).items():
        np.testing.assert_allclose(found[name], value, 1e-5, 1e-6)
    assert [one.name for one in copy.objectives] == [
        one.name for one in model.objectives
    ]
    np.testing.assert_allclose(
        to_numpy(copy.objectives[0].centroids),
        to_numpy(model.objectives[0].centroids),
    )
