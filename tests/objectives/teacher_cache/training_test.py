"""Students that learn from a cache are those that learn from the teachers."""

import keras
import numpy as np
import pytest

from keras_lt.models import LongTailModel
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import Robustness
from keras_lt.objectives import TeacherCache
from keras_lt.objectives import projection_dim
from keras_lt.samplers import InOrder
from tests.checks import to_numpy
from tests.objectives.teacher_cache.cache_examples import LABELS
from tests.objectives.teacher_cache.cache_examples import PLAIN
from tests.objectives.teacher_cache.cache_examples import SHAPE
from tests.objectives.teacher_cache.cache_examples import make_batches
from tests.objectives.teacher_cache.cache_examples import make_teacher

COUNTS = np.bincount(LABELS).tolist()


@pytest.fixture(scope="module")
def teachers():
    return [make_teacher(1), make_teacher(2, dim=7)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, teachers):
    folder = tmp_path_factory.mktemp("cache")
    cache = TeacherCache(folder, "float32")
    for teacher in teachers:
        cache.add(teacher, make_batches(), epochs=3, verbose=0)
    return folder


def make_student(teachers, *objectives):
    """A student that begins alike each time, with its objectives."""
    keras.utils.set_random_seed(0)
    images = keras.Input(SHAPE)
    x = keras.layers.Flatten()(images)
    x = keras.layers.Dense(6, activation="relu")(x)
    student = LongTailModel(
        keras.Model(images, x), 4, projection_dim=projection_dim(teachers)
    )
    student.compile(
        keras.optimizers.SGD(0.02, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        objectives=[
            FeatureDistillation(teachers, beta=10.0, logit_weight=0.5),
            *objectives,
        ],
    )
    return student


def fit(student, batches, **options):
    validation = make_batches(sampler=InOrder(), transform=PLAIN)
    options = {"epochs": 3, "verbose": 0, **options}
    return student.fit(batches, validation_data=validation, **options).history


def weights(student):
    return [to_numpy(v) for v in student.trainable_variables]


@pytest.fixture(scope="module")
def trained(folder):
    """A student that learned from the cache, and its history."""
    cache = TeacherCache(folder)
    student = make_student(cache)
    return student, fit(student, cache.batches(make_batches(num_threads=2)))


def test_cached_and_live_teachers_train_the_same_student(trained, teachers):
    live = make_student(teachers)
    begin = weights(live)
    history = fit(live, make_batches())
    cached, cached_history = trained
    assert sorted(history) == sorted(cached_history)
    for name, values in history.items():
        np.testing.assert_allclose(cached_history[name], values, rtol=1e-3)
    for one, other in zip(weights(live), weights(cached), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-5)
    changes = zip(begin, weights(cached), strict=True)
    assert max(np.abs(a - b).max() for a, b in changes) > 0.01


def test_a_training_goes_on_where_it_was(trained, folder):
    cache = TeacherCache(folder)
    student = make_student(cache)
    fit(student, cache.batches(make_batches()), epochs=2)
    again = TeacherCache(folder).batches(make_batches(num_threads=0))
    fit(student, again, initial_epoch=2)
    for one, other in zip(weights(trained[0]), weights(student), strict=True):
        np.testing.assert_array_equal(other, one)


def test_a_training_of_more_epochs_does_not_begin(trained, folder):
    student = trained[0]
    before = weights(student)
    batches = TeacherCache(folder).batches(make_batches())
    with pytest.raises(ValueError, match="epochs=4, and 'teacher_features'"):
        fit(student, batches, initial_epoch=2, epochs=4)
    for one, other in zip(before, weights(student), strict=True):
        np.testing.assert_array_equal(other, one)


def test_a_training_with_another_objective(tmp_path, teachers):
    cache = TeacherCache(tmp_path)
    batches = make_batches(transform=PLAIN)
    for teacher in teachers:
        cache.add(teacher, batches, verbose=0)
    student = make_student(cache, Robustness(COUNTS))
    history = fit(student, cache.batches(batches), epochs=2)
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(history["val_loss"]).all()
    assert "robustness_radius_mean" in history


def test_batches_without_outputs_are_refused(folder):
    student = make_student(TeacherCache(folder))
    with pytest.raises(Exception, match="cache.batches"):
        fit(student, make_batches())
