"""Features of a student against those of its teachers."""

import keras
import numpy as np
import pytest

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
from tests.objectives.distillation_models import student
from tests.objectives.distillation_models import teachers
from tests.objectives.distillation_models import total_loss
from tests.objectives.distillation_models import values_of

COMBINATIONS = ["concatenate", "mean"]


every_combination = pytest.mark.parametrize("combine", COMBINATIONS)


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
