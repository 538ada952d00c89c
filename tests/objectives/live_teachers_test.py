"""Teachers that answer while the student trains."""

import keras
import numpy as np

from keras_lt.models import LongTailModel
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import Teacher
from tests.checks import to_numpy
from tests.models.exit_models import image_model
from tests.models.small_models import CLASSES
from tests.models.small_models import images
from tests.models.small_models import small_backbone
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import seeded
from tests.objectives.distillation_models import state_of
from tests.objectives.distillation_models import teachers
from tests.objectives.teacher_models import plain_layers


def test_teacher_that_was_a_student():
    """Its own teachers are not taken along."""
    masters = teachers((4, 3))
    middle = linear_model(5, 3, projection_dim=7)
    number = len(middle.variables)
    middle.compile(
        "sgd", crossentropy(), objectives=[FeatureDistillation(masters)]
    )
    assert len(middle.variables) > number
    assert len(Teacher(middle).variables) == number
    x, y = examples()
    model = linear_model(5, 4, projection_dim=7)
    term = FeatureDistillation([middle])
    model.compile("sgd", crossentropy(), objectives=[term])
    assert len(term.constants) == number
    model.train_on_batch(x, y)


def test_one_teacher_given_twice():
    x, _ = examples()
    (master,) = teachers((5,))
    features = np.random.default_rng(0).normal(size=(10, 5)).astype("float32")
    labels = np.zeros(10, "int32")
    once, twice = (
        FeatureDistillation([master]),
        FeatureDistillation([master] * 2),
    )
    once.build((None, 5))
    twice.build((None, 10))
    both = np.concatenate([features, features], axis=1)
    np.testing.assert_allclose(
        to_numpy(twice(both, labels, x=x)),
        to_numpy(once(features, labels, x=x)),
        1e-4,
    )


def test_teacher_is_frozen_and_trained_on_as_its_owner_likes():
    x, y = examples()
    (master,) = teachers((5,), activation="tanh")
    master.trainable = False
    model = linear_model(5, 3)
    term = FeatureDistillation([master], alpha=1.0)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    first = model.train_on_batch(x, y)
    master.trainable = True
    before = state_of(master)
    np.testing.assert_allclose(model.train_on_batch(x, y), first, 1e-5)
    for now, then in zip(state_of(master), before, strict=True):
        np.testing.assert_array_equal(now, then)
    # The objective has its own copies: it follows the teacher as it was.
    master.compile(keras.optimizers.SGD(1.0), crossentropy())
    master.train_on_batch(x, y)
    assert np.abs(state_of(master)[1] - before[1]).max() > 1e-3
    np.testing.assert_allclose(model.train_on_batch(x, y), first, 1e-5)


def test_teachers_of_different_kinds_at_once():
    x, y = images()
    masters = [
        LongTailModel(small_backbone(), CLASSES),
        image_model(exits=["one"]),
        Teacher(keras.Model(*_ends()), features="pooled"),
        small_backbone(dropout=0.5),
    ]
    term = FeatureDistillation(masters)
    assert term.teachers.feature_dims == [5, 6, 5, 5]
    assert term.teachers.num_classes is None
    model = seeded(
        LongTailModel(small_backbone(), CLASSES, projection_dim=21), 1
    )
    model.compile(keras.optimizers.SGD(0.01), crossentropy(), objectives=[term])
    losses = model.fit(x, y, epochs=3, batch_size=12, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def _ends():
    inputs, _, _, outputs = plain_layers()
    return inputs, outputs
