"""Features of a student against those of its teachers."""

import keras
import numpy as np
import pytest

from keras_lt import callbacks
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import projection_dim
from tests import distillation_reference as reference
from tests.checks import check_serialization
from tests.checks import to_numpy
from tests.gradients import gradient
from tests.objectives import distillation_models as small
from tests.objectives.distillation_models import ROWS
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import outputs_of
from tests.objectives.distillation_models import plain_loss
from tests.objectives.distillation_models import state_of
from tests.objectives.distillation_models import teachers
from tests.objectives.distillation_models import total_loss
from tests.objectives.distillation_models import values_of

COMBINATIONS = ["concatenate", "mean"]
every_combination = pytest.mark.parametrize("combine", COMBINATIONS)


def student(dim=8, seed=3, **kwargs):
    return linear_model(5, seed, projection_dim=dim, **kwargs)


def features_like(dim, seed=5):
    return (
        np.random.default_rng(seed).normal(size=(ROWS, dim)).astype("float32")
    )


@every_combination
@pytest.mark.parametrize("beta", [1.0, 100.0])
def test_values_equal_the_equation(combine, beta):
    x, _ = examples()
    masters = teachers()
    features = features_like(8)
    term = FeatureDistillation(masters, beta=beta, combine=combine)
    expected = beta * reference.feature_losses(
        features, outputs_of(masters, x)[0], combine
    )
    found = values_of(term, x, features)
    assert found.shape == (ROWS,) and found.dtype == "float32"
    np.testing.assert_allclose(found, expected, 1e-4, 1e-4)


@every_combination
@pytest.mark.parametrize("scale", [0.01, 1.0, 50.0])
def test_loss_is_0_where_the_student_is_the_teachers(combine, scale):
    x, _ = examples()
    masters = teachers((3, 5, 2))
    wanted = scale * reference.together(outputs_of(masters, x)[0])
    term = FeatureDistillation(masters, beta=1.0, combine=combine)
    found = values_of(term, x, wanted.astype("float32"))
    np.testing.assert_allclose(found, 0.0, atol=1e-6)


def test_teachers_count_alike_whatever_their_length():
    """With raw features side by side, long ones would drown the others."""
    x, _ = examples()
    masters = teachers()
    raw = np.concatenate(outputs_of(masters, x)[0], axis=-1).astype("float32")
    found = values_of(FeatureDistillation(masters, beta=1.0), x, raw)
    assert found.max() > 1e-2


@every_combination
def test_length_of_a_teacher_plays_no_part(combine):
    x, _ = examples()
    features = features_like(8)
    expected = values_of(
        FeatureDistillation(teachers(), combine=combine), x, features
    )
    masters = teachers()
    hidden = masters[1].backbone.get_layer("hidden")
    hidden.set_weights([37.0 * one for one in hidden.get_weights()])
    found = values_of(
        FeatureDistillation(masters, combine=combine), x, features
    )
    np.testing.assert_allclose(found, expected, 1e-4, 1e-4)
    found = values_of(
        FeatureDistillation(masters, combine=combine), x, 0.03 * features
    )
    np.testing.assert_allclose(found, expected, 1e-4, 1e-4)


def test_with_one_teacher_the_combinations_are_one():
    x, _ = examples()
    masters = teachers((5,))
    features = features_like(5)
    one, two = (
        values_of(FeatureDistillation(masters, combine=how), x, features)
        for how in COMBINATIONS
    )
    np.testing.assert_allclose(one, two, 1e-5, 1e-5)


@every_combination
def test_order_of_teachers_is_an_order_of_projection_rows(combine):
    x, y = examples()
    order = [*range(3, 8), *range(3)]
    losses = []
    for backwards in (False, True):
        model = student()
        masters = teachers()
        if backwards:
            masters = masters[::-1]
            kernel, bias = model.projection.get_weights()
            model.projection.set_weights([kernel[:, order], bias[order]])
            kernel, bias = model.classifier.get_weights()
            model.classifier.set_weights([kernel[order], bias])
        term = FeatureDistillation(masters, combine=combine)
        model.compile("sgd", crossentropy(), objectives=[term])
        losses.append(total_loss(model, x, y))
    np.testing.assert_allclose(losses[0], losses[1], 1e-5)


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


@pytest.mark.parametrize("class_counts", [None, small.COUNTS])
def test_features_and_logits_at_once(class_counts):
    x, _ = examples()
    model, masters = student(), teachers()
    term = FeatureDistillation(
        masters,
        beta=5.0,
        logit_weight=3.0,
        temperature=1.5,
        class_counts=class_counts,
    )
    outputs = model(x)
    features, logits = outputs_of(masters, x)
    divergences = reference.divergences(
        to_numpy(outputs["logits"]), logits, 1.5, class_counts
    )
    distances = reference.feature_losses(
        to_numpy(outputs["features"]), features
    )
    found = values_of(term, x, outputs=outputs)
    np.testing.assert_allclose(
        found, 5.0 * distances + 3.0 * divergences, 1e-4, 1e-4
    )


def test_maps_are_averaged():
    x, _ = examples()
    masters = teachers((5,))
    maps = np.random.default_rng(0).normal(size=(ROWS, 3, 2, 5))
    maps = maps.astype("float32")
    term = FeatureDistillation(masters)
    expected = values_of(FeatureDistillation(masters), x, maps.mean((1, 2)))
    np.testing.assert_allclose(values_of(term, x, maps), expected, 1e-4, 1e-4)


def test_features_of_a_layer_can_be_drawn():
    x, y = examples()
    masters = teachers((5,))
    model = linear_model(5, 3, projection_dim=7, feature_layers=["hidden"])
    term = FeatureDistillation(masters, alpha=1.0, features="hidden")
    model.compile("sgd", crossentropy(), objectives=[term])
    features = to_numpy(model(x)["features/hidden"])
    distances = reference.feature_losses(features, outputs_of(masters, x)[0])
    np.testing.assert_allclose(
        total_loss(model, x, y), 100.0 * distances.mean(), 1e-4
    )


def test_no_gradient_reaches_a_teacher_or_the_images():
    x, _ = examples()
    features = keras.ops.convert_to_tensor(features_like(8))
    term = FeatureDistillation(teachers())
    term.build((None, 8))
    labels = np.zeros(ROWS, "int32")
    found = gradient(lambda images: term(features, labels, x=images), x)
    assert not found.any()
    assert not term.trainable_variables


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


def test_features_of_another_size_are_refused():
    model = student(7)
    with pytest.raises(
        ValueError,
        match=r"together, 8. Received: 7 features for teachers with \[3, 5\]",
    ):
        model.compile(
            "sgd", crossentropy(), objectives=[FeatureDistillation(teachers())]
        )


def test_projection_dim_makes_a_student_that_fits():
    masters = teachers()
    for mode in ("auto", "always", "distill_only"):
        width = projection_dim(masters, projection_mode=mode)
        term = FeatureDistillation(masters, projection_mode=mode)
        model = linear_model(5, 3, projection_dim=width)
        model.compile("sgd", crossentropy(), objectives=[term])
        assert (model.projection is None) == (mode == "distill_only")


def test_config_round_trip():
    term = FeatureDistillation(
        teachers(),
        alpha=0.3,
        beta=7.0,
        combine="mean",
        projection_mode="distill_only",
        logit_weight=0.5,
        temperature=3.0,
        class_counts=np.array(small.COUNTS),
        features="hidden",
        name="teachers",
    )
    copy = check_serialization(term)
    config = copy.get_config()
    assert config == {
        "name": "teachers",
        "trainable": True,
        "features": "hidden",
        "teachers": {"feature_dims": [3, 5], "num_classes": 4},
        "alpha": 0.3,
        "beta": 7.0,
        "combine": "mean",
        "projection_mode": "distill_only",
        "logit_weight": 0.5,
        "temperature": 3.0,
        "class_counts": small.COUNTS,
    }
    assert float(copy.weight) == pytest.approx(0.3)
    assert float(copy.base_weight) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("alpha", 1.5, "`alpha` must be at least 0 and at most 1"),
        ("alpha", -0.1, "`alpha` must be at least 0 and at most 1"),
        ("alpha", float("nan"), "`alpha` must be at least 0"),
        ("beta", -1.0, "`beta` must be"),
        ("combine", "sum", "`combine` must be one of 'concatenate', 'mean'"),
        ("projection_mode", "never", "`projection_mode` must be one of 'auto'"),
        ("logit_weight", -1.0, "`logit_weight` must be"),
        ("temperature", 0.0, "`temperature` must be"),
        ("class_counts", [3, 0, 1, 2], "at least 1 for every class"),
    ],
)
def test_bad_arguments(argument, value, message):
    with pytest.raises(ValueError, match=message):
        FeatureDistillation(teachers(), **{argument: value})


def test_counts_of_another_length_are_refused_where_logits_are_used():
    with pytest.raises(ValueError, match="teachers, 4. Received: 3 counts"):
        FeatureDistillation(
            teachers(), logit_weight=1.0, class_counts=[3, 2, 1]
        )
