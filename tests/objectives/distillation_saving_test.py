"""A student is whole without its teachers: in files and after a crash."""

import gc
import os
import warnings
import weakref

import keras
import numpy as np
import pytest

from keras_lt import data
from keras_lt import training
from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives import LogitDistillation
from tests.checks import to_numpy
from tests.objectives.distillation_models import SIZE
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import outputs_of
from tests.objectives.distillation_models import restless_teacher
from tests.objectives.distillation_models import state_of
from tests.objectives.distillation_models import teachers
from tests.objectives.distillation_models import total_loss

WIDE = 20_000  # Features of a teacher whose weights would be seen in a file.


def compiled_student(masters, rate=0.1, **kwargs):
    model = linear_model(5, 3, projection_dim=8)
    term = FeatureDistillation(masters, **kwargs)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    model.compile(optimizer, crossentropy(), objectives=[term])
    return model


def assert_equal_states(one, other):
    for now, then in zip(state_of(one), state_of(other), strict=True):
        np.testing.assert_allclose(now, then, 1e-6, 1e-7)


def test_files_hold_no_teacher(tmp_path):
    x, y = examples()
    masters = teachers((WIDE,))
    model = linear_model(5, 3)
    model.compile(
        "sgd", crossentropy(), objectives=[LogitDistillation(masters)]
    )
    model.train_on_batch(x, y)
    held = sum(to_numpy(one).nbytes for one in model.objectives[0].constants)
    assert held > 4 * WIDE * SIZE
    for name in ("student.keras", "student.weights.h5"):
        if name.endswith("h5"):
            model.save_weights(tmp_path / name)
        else:
            model.save(tmp_path / name)
        assert os.path.getsize(tmp_path / name) < 100_000


def test_student_is_loaded_without_its_teachers(tmp_path):
    x, y = examples()
    masters = teachers()
    model = compiled_student(masters, projection_mode="distill_only")
    model.fit(x, y, verbose=0)
    model.objectives[0].weight.assign(0.3)
    model.save(tmp_path / "student.keras")
    copy = keras.saving.load_model(tmp_path / "student.keras")
    np.testing.assert_allclose(
        copy.predict(x, verbose=0), model.predict(x, verbose=0), 1e-5, 1e-6
    )
    assert copy.evaluate(x, y, verbose=0) == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-5
    )
    (term,), (old,) = copy.objectives, model.objectives
    assert term.get_config() == old.get_config()
    assert float(term.weight) == pytest.approx(0.4)  # As its configuration.
    np.testing.assert_array_equal(
        to_numpy(term.projection.kernel), to_numpy(old.projection.kernel)
    )
    assert not term.constants
    with pytest.raises(ValueError, match="must have its teachers.*`compile`"):
        copy.fit(x, y, verbose=0)
    term = FeatureDistillation(masters, projection_mode="distill_only")
    copy.compile("sgd", crossentropy(), objectives=[term])
    copy.fit(x, y, verbose=0)


def test_compiling_again_leaves_nothing_behind():
    model = linear_model(5, 3, projection_dim=8)
    model.compile("sgd", crossentropy())
    alone = len(model.variables), len(model.trainable_variables)
    losses = []
    for masters in (teachers(), teachers((8,)), teachers()):
        term = FeatureDistillation(masters)
        model.compile("sgd", crossentropy(), objectives=[term])
        held = len(term.constants)
        assert held == sum(len(one.variables) for one in masters)
        # Beside the teachers, the two weights of the objective.
        assert len(model.variables) == alone[0] + held + 2
        assert len(model.trainable_variables) == alone[1]
        losses.append(total_loss(model, *examples()))
    assert losses[0] == pytest.approx(losses[2], rel=1e-5)
    assert abs(losses[0] - losses[1]) > 1e-3
    model.compile("sgd", crossentropy())
    assert (len(model.variables), len(model.trainable_variables)) == alone


@pytest.mark.parametrize("mode", ["auto", "distill_only"])
def test_weights_of_an_earlier_stage_load_with_one_warning(tmp_path, mode):
    x, _ = examples()
    first = linear_model(5, 7, projection_dim=8)
    first.compile("sgd", crossentropy())
    first.save_weights(tmp_path / "first.weights.h5")
    model = compiled_student(teachers(), projection_mode=mode)
    constants = [to_numpy(one) for one in model.objectives[0].constants]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.load_weights(tmp_path / "first.weights.h5")
    own = [one for one in caught if "holds no state" in str(one.message)]
    assert len(own) == 1
    np.testing.assert_allclose(
        model.predict(x, verbose=0), first.predict(x, verbose=0), 1e-6
    )
    for now, then in zip(model.objectives[0].constants, constants, strict=True):
        np.testing.assert_array_equal(to_numpy(now), then)


def test_weights_of_a_student_load_into_one_with_other_teachers(tmp_path):
    x, y = examples()
    model = compiled_student(teachers())
    model.fit(x, y, verbose=0)
    model.save_weights(tmp_path / "student.weights.h5")
    others = [linear_model(8, seed=30)]
    other = compiled_student(others)
    other.load_weights(tmp_path / "student.weights.h5")
    np.testing.assert_allclose(
        other.predict(x, verbose=0), model.predict(x, verbose=0), 1e-6
    )
    features, _ = outputs_of(others, x)
    found, _ = other.objectives[0].teachers.outputs(x, None)
    np.testing.assert_allclose(to_numpy(found[0]), features[0], 1e-4, 1e-5)


class Stop(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


def train(directory, stop_at=None):
    keras.utils.set_random_seed(3)
    masters = [restless_teacher(3), linear_model(5, 11)]
    model = linear_model(5, 3, projection_dim=8)
    stage = training.Stage(
        name="student",
        epochs=3,
        batches=data.Batches(examples(12), 4, seed=1),
        loss=crossentropy(),
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9),
        objectives=[FeatureDistillation(masters, logit_weight=1.0)],
        callbacks=[Stop(stop_at)],
    )
    training.train(model, [stage], directory, verbose=0)
    return model


def test_training_goes_on_after_a_crash(tmp_path):
    whole = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", stop_at=2)
    resumed = train(tmp_path / "stopped")
    assert_equal_states(resumed, whole)
    with np.load(tmp_path / "whole" / "checkpoint.npz") as file:
        number = sum(name.startswith("model_") for name in file.files)
    held = len(whole.objectives[0].constants)
    assert number == len(whole.variables) - held


@pytest.mark.skipif(
    keras.config.backend() != "torch", reason="torch keeps them by their paths"
)
@pytest.mark.parametrize("number", [0, 1], ids=["none", "another"])
def test_teachers_that_are_dropped_leave_the_memory(number):
    student = linear_model(5, 3)
    first = LogitDistillation(teachers((8,)))
    student.compile("sgd", crossentropy(), objectives=[first])
    student.train_on_batch(*examples())
    value = weakref.ref(first.constants[0].value)
    others = [LogitDistillation(teachers((8,))) for _ in range(number)]
    student.compile("sgd", crossentropy(), objectives=others)
    del first
    gc.collect()
    assert value() is None
