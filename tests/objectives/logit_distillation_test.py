"""Predictions of a student against those of its teachers."""

import keras
import numpy as np
import pytest

from keras_lt.objectives import LogitDistillation
from keras_lt.objectives import Teacher
from tests import distillation_reference as reference
from tests.checks import check_serialization
from tests.checks import to_numpy
from tests.gradients import gradient
from tests.objectives import distillation_models as small
from tests.objectives.distillation_models import COUNTS
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import outputs_of
from tests.objectives.distillation_models import plain_loss
from tests.objectives.distillation_models import teachers
from tests.objectives.distillation_models import total_loss
from tests.objectives.distillation_models import values_of


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("class_counts", [None, COUNTS])
def test_values_equal_the_equation(temperature, class_counts):
    x, _ = examples()
    model, masters = linear_model(5, 3), teachers()
    term = LogitDistillation(
        masters, temperature=temperature, class_counts=class_counts
    )
    outputs = model(x)
    expected = reference.divergences(
        to_numpy(outputs["logits"]),
        outputs_of(masters, x)[1],
        temperature,
        class_counts,
    )
    found = values_of(term, x, outputs=outputs)
    assert found.shape == (len(x),) and found.dtype == "float32"
    np.testing.assert_allclose(found, expected, 1e-4, 1e-4)


def test_classification_and_teachers_share_the_loss():
    x, y = examples()
    model, masters = linear_model(5, 3), teachers()
    term = LogitDistillation(masters, alpha=0.2)
    model.compile("sgd", crossentropy(), objectives=[term])
    logits = to_numpy(model(x)["logits"])
    divergences = reference.divergences(logits, outputs_of(masters, x)[1], 2.0)
    weights = np.linspace(0.0, 2.0, len(x)).astype("float32")
    crossentropies = reference.crossentropies(logits.astype("float64"), y)
    for given in (None, weights):
        expected = 0.8 * np.average(crossentropies, weights=given)
        expected += 0.2 * np.average(divergences, weights=given)
        found = total_loss(model, x, y, sample_weight=given)
        np.testing.assert_allclose(found, expected, 1e-4)


def test_a_student_that_predicts_what_its_teacher_does_has_no_loss():
    x, _ = examples()
    master = linear_model(5, 3)
    term = LogitDistillation([master])
    found = values_of(term, x, outputs=master(x))
    np.testing.assert_allclose(found, 0.0, atol=1e-5)


def test_adjusted_teachers_are_learned_from_as_balanced():
    """What is added to logits with the priors is taken off again."""
    x, _ = examples()
    model, master = linear_model(5, 3), linear_model(4, 7)
    expected = values_of(LogitDistillation([master]), x, outputs=model(x))
    kernel, bias = master.classifier.get_weights()
    priors = np.log(np.array(COUNTS) / np.sum(COUNTS))
    master.classifier.set_weights([kernel, bias + priors])
    term = LogitDistillation([master], class_counts=COUNTS)
    found = values_of(term, x, outputs=model(x))
    np.testing.assert_allclose(found, expected, 1e-4, 1e-4)


def test_gradient_is_that_of_the_student_alone():
    x, _ = examples()
    masters = teachers()
    term = LogitDistillation(masters, temperature=3.0, class_counts=COUNTS)
    term.build((None, 5))
    logits = np.random.default_rng(0).normal(size=(len(x), 4))
    logits = logits.astype("float32")
    labels = np.zeros(len(x), "int32")

    def values(logits, images=x):
        outputs = {"logits": logits}
        return term(logits, labels, x=images, outputs=outputs)

    found = gradient(values, logits)
    target = outputs_of(masters, x)[1] - np.log(np.array(COUNTS) / 100)
    p, q = (
        reference.softmax(one.astype("float64") / 3.0)
        for one in (logits, target)
    )
    np.testing.assert_allclose(found, 3.0 * (p - q), 1e-3, 1e-5)
    logits = keras.ops.convert_to_tensor(logits)
    assert not gradient(lambda images: values(logits, images), x).any()


def test_of_several_exits_the_last_one_learns():
    x, _ = examples()
    masters = teachers()
    exits = np.random.default_rng(0).normal(size=(len(x), 3, 4))
    exits = exits.astype("float32")
    term = LogitDistillation(masters)
    outputs = {"exits": exits, "features": exits[:, 0]}
    expected = reference.divergences(
        exits[:, -1], outputs_of(masters, x)[1], 2.0
    )
    found = values_of(term, x, outputs=outputs)
    np.testing.assert_allclose(found, expected, 1e-4, 1e-4)


def test_student_comes_to_predict_what_its_teacher_does():
    x, y = examples(64)
    master = linear_model(5, 3)
    model = linear_model(5, 9)
    term = LogitDistillation([master], alpha=1.0)
    model.compile(keras.optimizers.Adam(0.05), crossentropy(), None, [term])
    model.fit(x, y, epochs=30, verbose=0)
    p, q = (
        reference.softmax(one.predict(x, verbose=0).astype("float64"))
        for one in (model, master)
    )
    assert np.abs(p - q).mean() < 0.05
    assert plain_loss(model, x, y) > 0.5  # As its teacher knows no labels.


def headless():
    inputs = keras.Input((small.SIZE,))
    backbone = keras.Model(
        inputs, keras.layers.Dense(3, "softmax", name="p")(inputs)
    )
    return Teacher(backbone, features="p")


def test_teachers_without_logits_are_refused():
    for masters in ([headless()], [linear_model(5, 3), headless()]):
        with pytest.raises(ValueError, match="must all have logits.*without"):
            LogitDistillation(masters)


def test_teachers_of_other_classes_are_refused():
    other = small.LongTailModel(linear_model(3, 1).backbone, num_classes=7)
    with pytest.raises(ValueError, match="logits, of the same classes"):
        LogitDistillation([linear_model(5, 3), other])
    model = linear_model(5, 3)
    with pytest.raises(ValueError, match="model has, 4.*for 7 classes"):
        model.compile(
            "sgd", crossentropy(), objectives=[LogitDistillation([other])]
        )


def test_counts_of_another_length_are_refused():
    with pytest.raises(ValueError, match="teachers, 4. Received: 5 counts"):
        LogitDistillation(teachers(), class_counts=[5, 4, 3, 2, 1])


def test_config_round_trip():
    term = LogitDistillation(
        teachers(), 0.25, 3.0, class_counts=COUNTS, name="ensemble"
    )
    copy = check_serialization(term)
    assert copy.get_config()["temperature"] == 3.0
    assert copy.get_config()["class_counts"] == COUNTS
    assert float(copy.weight) == 0.25 and float(copy.base_weight) == 0.75
