"""Training in half precision, with all three methods in one model."""

import keras
import numpy as np
import pytest

from keras_lt import losses
from keras_lt import metrics
from keras_lt.models import EarlyExitModel
from keras_lt.models import LongTailModel
from keras_lt.objectives import ExitDistillation
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import Robustness
from tests.checks import to_numpy
from tests.models.exit_models import image_backbone
from tests.models.exit_models import seeded_weights
from tests.models.small_models import CLASSES
from tests.models.small_models import COUNTS
from tests.models.small_models import images

MANY_CLASSES = 8142
POLICIES = ["mixed_bfloat16", "mixed_float16"]


@pytest.fixture(autouse=True)
def float32_again():
    yield
    keras.config.set_dtype_policy("float32")


def student(policy, optimizer=None):
    """Returns a model whose backbone and teacher have the policy."""
    keras.config.set_dtype_policy(policy)
    teacher = LongTailModel(image_backbone(), CLASSES)
    model = EarlyExitModel(
        image_backbone(),
        ["one", "two"],
        CLASSES,
        classifier="cosine",
        branch="block",
        # What is rounded must not decide who leaves where.
        training_threshold=1.0,
    )
    keras.config.set_dtype_policy("float32")
    seeded_weights(teacher, 1)
    seeded_weights(model, 2)
    model.compile(
        optimizer or keras.optimizers.SGD(0.002, momentum=0.9),
        losses.LDAM(COUNTS),
        metrics=["accuracy", metrics.GroupAccuracy(COUNTS)],
        objectives=[
            Robustness(COUNTS, centroids="moving_average", weight=0.5),
            FeatureDistillation([teacher], alpha=0.4, beta=10.0),
            ExitDistillation(weight=0.25),
        ],
    )
    return model


def losses_of(model, steps=5):
    x, y = images(16)
    return [float(model.train_on_batch(x, y)[0]) for _ in range(steps)]


def test_follows_float32():
    """A bfloat16 has 8 bits: products of two are off by up to 1 in 128."""
    expected = losses_of(student("float32"))
    assert expected[-1] < 0.95 * expected[0]
    for policy in POLICIES:
        model = student(policy)
        scaled = isinstance(
            model.optimizer, keras.optimizers.LossScaleOptimizer
        )
        assert scaled == (policy == "mixed_float16")
        if scaled:  # As it would be after the first steps.
            optimizer = keras.optimizers.SGD(0.002, momentum=0.9)
            model = student(
                policy,
                keras.optimizers.LossScaleOptimizer(
                    optimizer, initial_scale=2.0**7
                ),
            )
        found = losses_of(model)
        np.testing.assert_allclose(found, expected, rtol=0.03, err_msg=policy)
        assert {one.dtype for one in model.trainable_variables} == {"float32"}
        robustness = model.objectives[0]
        assert robustness.centroids.dtype == "float32"
        assert np.isfinite(to_numpy(robustness.centroids)).all()


def test_a_step_that_overflows_is_left_out():
    scale = 2.0**24  # Gradients above 1/256 overflow in float16.
    model = student(
        "mixed_float16",
        keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.002, momentum=0.9), initial_scale=scale
        ),
    )
    before = [to_numpy(one) for one in model.trainable_variables]
    first = losses_of(model, steps=1)[0]
    for value, variable in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(value, to_numpy(variable))
    assert float(to_numpy(model.optimizer.dynamic_scale)) == scale / 2
    assert int(to_numpy(model.optimizer.iterations)) == 0
    found = losses_of(model, steps=24)
    assert int(to_numpy(model.optimizer.iterations)) > 5
    assert found[-1] < 0.95 * first
    assert all(np.isfinite(to_numpy(one)).all() for one in model.weights)


@pytest.mark.parametrize("policy", POLICIES)
def test_ids_of_many_classes_are_exact(policy):
    """In bfloat16, 8141 would be 8128, and in float16 8140."""
    counts = np.arange(MANY_CLASSES, 0, -1)
    keras.config.set_dtype_policy(policy)
    inputs = keras.Input((3,))
    backbone = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    model = LongTailModel(backbone, MANY_CLASSES)
    bias = np.zeros(MANY_CLASSES)
    bias[8141] = 12.0
    model.classifier.kernel.assign(np.zeros((3, MANY_CLASSES)))
    model.classifier.bias.assign(bias)
    model.compile(
        keras.optimizers.SGD(0.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", metrics.GroupAccuracy(counts)],
        objectives=[Robustness(counts, weight=0.0)],
    )
    x = np.zeros((2, 3), "float32")
    shares = np.exp(bias) / np.exp(bias).sum()
    for label, right in ((8141, 1.0), (8128, 0.0), (8140, 0.0)):
        y = np.full(2, label)
        found = model.evaluate(x, y, verbose=0, return_dict=True)
        assert found["accuracy"] == found["few"] == right
        assert found["loss"] == pytest.approx(-np.log(shares[label]), rel=1e-4)


def test_images_come_whole_to_a_first_layer_of_float32():
    """In bfloat16, a pixel of 4001 would be 4000."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((3,))
    scaling = keras.layers.Rescaling(1 / 4096, dtype="float32", name="scaling")
    backbone = keras.Model(inputs, keras.layers.Dense(2)(scaling(inputs)))
    model = LongTailModel(backbone, 2, feature_layers=["scaling"])
    x = np.full((2, 3), 4001.0, "float32")
    found = to_numpy(model(x)["features/scaling"])
    np.testing.assert_array_equal(found, x / 4096)
