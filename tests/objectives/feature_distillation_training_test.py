"""Students train beside their teachers."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt.objectives import FeatureDistillation
from tests import distillation_reference as reference
from tests.checks import to_numpy
from tests.objectives import distillation_models as small
from tests.objectives.distillation_models import ROWS
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import outputs_of
from tests.objectives.distillation_models import plain_loss
from tests.objectives.distillation_models import state_of
from tests.objectives.distillation_models import student
from tests.objectives.distillation_models import teachers
from tests.objectives.distillation_models import total_loss


def test_classification_and_teachers_share_the_loss():
    x, y = examples()
    model, masters = student(), teachers()
    term = FeatureDistillation(masters, alpha=0.3, beta=20.0)
    model.compile("sgd", crossentropy(), objectives=[term])
    distances = reference.feature_losses(
        to_numpy(model(x)["features"]), outputs_of(masters, x)[0]
    )
    plain = plain_loss(model, x, y)
    expected = 0.7 * plain + 0.3 * 20.0 * distances.mean()
    np.testing.assert_allclose(total_loss(model, x, y), expected, 1e-4)
    # The validation loss is the plain one, which needs no teacher.
    logits = to_numpy(model(x)["logits"]).astype("float64")
    by_hand = reference.crossentropies(logits, y).mean()
    np.testing.assert_allclose(plain, by_hand, 1e-5)


def test_zero_weight_rows_do_not_count():
    x, y = examples()
    model = student()
    term = FeatureDistillation(teachers(), alpha=0.5)
    model.compile("sgd", crossentropy(), objectives=[term])
    weights = np.linspace(0.5, 2.0, ROWS).astype("float32")
    weights[[1, 4]] = 0.0
    kept = weights > 0
    found = total_loss(model, x, y, sample_weight=weights)
    fewer = total_loss(model, x[kept], y[kept], sample_weight=weights[kept])
    np.testing.assert_allclose(found, fewer, 1e-5)
    x[[1, 4]] = 100.0
    again = total_loss(model, x, y, sample_weight=weights)
    np.testing.assert_allclose(again, found, 1e-5)
    assert abs(total_loss(model, x, y) - found) > 1e-2


def test_teachers_do_not_change_while_the_student_learns():
    x, y = examples(16)
    masters = [small.restless_teacher(), *teachers((3,), activation="tanh")]
    masters[0].trainable = True
    model = student(7)
    model.compile(
        keras.optimizers.SGD(0.1),
        crossentropy(),
        objectives=[FeatureDistillation(masters, logit_weight=1.0)],
    )
    frozen = [to_numpy(one) for one in model.objectives[0].constants]
    before = [state_of(one) for one in masters]
    own = state_of(model.backbone)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    model.evaluate(x, y, verbose=0)
    for one, state in zip(masters, before, strict=True):
        for now, then in zip(state_of(one), state, strict=True):
            np.testing.assert_array_equal(now, then)
    held = model.objectives[0].constants
    assert len(held) == len(frozen) > 20
    for now, then in zip(held, frozen, strict=True):
        np.testing.assert_array_equal(to_numpy(now), then)
    assert np.abs(state_of(model.backbone)[0] - own[0]).max() > 1e-3
    assert all(one.trainable for one in masters[0].trainable_variables)
    assert len(masters[0].trainable_variables) == 8


def test_teachers_are_in_inference_mode():
    x, y = examples()
    masters = [small.restless_teacher()]
    model = student(4)
    term = FeatureDistillation(masters, alpha=1.0, beta=1.0, logit_weight=1.0)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    features, logits = outputs_of(masters, x)
    outputs = model(x)
    values = reference.feature_losses(to_numpy(outputs["features"]), features)
    values += reference.divergences(to_numpy(outputs["logits"]), logits, 2.0)
    logs = model.fit(x, y, batch_size=ROWS, verbose=0).history
    np.testing.assert_allclose(logs["loss"][0], values.mean(), 1e-4)


def test_norm_of_the_student_is_updated_once_a_step():
    x, y = examples()
    model = small.restless_teacher(4)
    norm = model.backbone.layers[3]
    inside = keras.Model(model.backbone.input, norm.input)
    batch = to_numpy(inside(x)).mean(axis=0)
    old = to_numpy(norm.moving_mean)
    # Noise of the input is off, so that the mean is known.
    model.backbone.layers[1].stddev = 0.0
    term = FeatureDistillation(teachers((4,)))
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    model.train_on_batch(x, y)
    expected = 0.99 * old + 0.01 * batch
    np.testing.assert_allclose(to_numpy(norm.moving_mean), expected, 1e-4, 1e-5)
    model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(to_numpy(norm.moving_mean), expected, 1e-4, 1e-5)


def test_alpha_0_is_plain_training():
    x, y = examples()
    found = []
    for objectives in ([], [FeatureDistillation(teachers(), alpha=0.0)]):
        model = student()
        model.compile(
            keras.optimizers.SGD(0.1, momentum=0.9),
            crossentropy(),
            objectives=objectives,
        )
        model.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0)
        found.append([to_numpy(one) for one in model.trainable_variables])
    for plain, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, plain, 1e-5, 1e-6)


def test_alpha_1_leaves_the_classifier_alone():
    x, y = examples()
    model = student()
    model.compile(
        keras.optimizers.SGD(0.1),
        crossentropy(),
        objectives=[FeatureDistillation(teachers(), alpha=1.0)],
    )
    before = state_of(model.classifier), state_of(model.projection)
    model.train_on_batch(x, y)
    for now, then in zip(state_of(model.classifier), before[0], strict=True):
        np.testing.assert_array_equal(now, then)
    assert np.abs(state_of(model.projection)[0] - before[1][0]).max() > 1e-3


def test_callback_changes_alpha_while_the_model_trains():
    x, y = examples()
    model, masters = student(), teachers()
    term = FeatureDistillation(masters, alpha=0.4, beta=10.0)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    plain = plain_loss(model, x, y)
    distance = reference.feature_losses(
        to_numpy(model(x)["features"]), outputs_of(masters, x)[0]
    ).mean()
    ramps = [
        callbacks.VariableSchedule(term.weight, lambda epoch: 0.5 * epoch),
        callbacks.VariableSchedule(
            term.base_weight, lambda epoch: 1 - 0.5 * epoch
        ),
    ]
    found = model.fit(
        x, y, batch_size=ROWS, epochs=3, verbose=0, callbacks=ramps
    ).history["loss"]
    expected = [
        (1 - alpha) * plain + alpha * 10.0 * distance
        for alpha in (0.0, 0.5, 1.0)
    ]
    np.testing.assert_allclose(found, expected, 1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("who", ["teacher", "student", "both"])
def test_half_precision_is_close(policy, who):
    x, y = examples()

    def loss(teacher_dtype, student_dtype):
        masters = teachers(activation="tanh", dtype=teacher_dtype)
        model = student(dtype=student_dtype)
        term = FeatureDistillation(masters, beta=1.0, logit_weight=1.0)
        model.compile("sgd", crossentropy(), objectives=[term])
        return total_loss(model, x, y)

    dtypes = [policy if who in (one, "both") else None for one in
              ("teacher", "student")]  # fmt: skip
    np.testing.assert_allclose(loss(*dtypes), loss(None, None), 0.02)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_trains(policy):
    x, y = examples()
    keras.config.set_dtype_policy(policy)
    try:
        masters = [small.restless_teacher(4)]
        model = student(4)
    finally:
        keras.config.set_dtype_policy("float32")
    term = FeatureDistillation(masters)
    model.compile(keras.optimizers.SGD(0.01), crossentropy(), objectives=[term])
    # The first steps in float16 are those that find a scale of the loss.
    losses = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_distill_only_brings_a_linear_layer_of_its_own():
    x, y = examples()
    masters = teachers()
    model = linear_model(5, 3)
    term = FeatureDistillation(
        masters, alpha=1.0, beta=2.0, projection_mode="distill_only"
    )
    model.compile(keras.optimizers.SGD(0.1), crossentropy(), objectives=[term])
    kernel, bias = (to_numpy(one) for one in term.trainable_variables)
    assert kernel.shape == (5, 8)
    features = to_numpy(model(x)["features"]) @ kernel + bias
    distances = reference.feature_losses(features, outputs_of(masters, x)[0])
    np.testing.assert_allclose(
        total_loss(model, x, y), 2.0 * distances.mean(), 1e-4
    )
    model.train_on_batch(x, y)
    assert np.abs(to_numpy(term.projection.kernel) - kernel).max() > 1e-4
