import keras
import numpy as np
import pytest

from keras_lt.objectives import FeatureDistillation
from keras_lt.objectives.frozen_copies import FrozenCopies
from tests.checks import to_numpy
from tests.objectives.distillation_models import crossentropy
from tests.objectives.distillation_models import examples
from tests.objectives.distillation_models import linear_model
from tests.objectives.distillation_models import restless_teacher
from tests.objectives.distillation_models import state_of
from tests.objectives.distillation_models import teachers


def test_copies_of_every_kind_of_variable():
    master = restless_teacher()
    copies = FrozenCopies(master.variables)
    assert len(copies.variables) == len(master.variables)
    pairs = zip(copies.variables, master.variables, strict=True)
    for copy, original in pairs:
        assert copy is not original
        assert copy.dtype == original.dtype
        np.testing.assert_array_equal(to_numpy(copy), to_numpy(original))
    assert not copies.trainable_variables


def test_models_compute_with_the_copies():
    x, _ = examples()
    (master,) = teachers((5,))
    copies = FrozenCopies(master.variables)
    expected = to_numpy(master(x)["logits"])
    for variable in master.trainable_variables:
        variable.assign(0.0 * variable)
    with copies.in_place():
        found = master(x)["logits"]
    np.testing.assert_allclose(to_numpy(found), expected, 1e-6)
    assert not to_numpy(master(x)["logits"]).any()


def test_what_is_assigned_in_place_is_dropped():
    (master,) = teachers((5,))
    copies = FrozenCopies(master.variables)
    before = state_of(master), state_of(copies)
    with copies.in_place():
        for variable in master.trainable_variables:
            variable.assign(variable + 1.0)
    for one, state in zip((master, copies), before, strict=True):
        for now, then in zip(state_of(one), state, strict=True):
            np.testing.assert_array_equal(now, then)


def test_copies_are_never_trained():
    x, y = examples()
    (master,) = teachers((5,))
    model = linear_model(5, 3)
    term = FeatureDistillation([master])
    model.compile(keras.optimizers.SGD(0.1), crossentropy(), objectives=[term])
    model.trainable = False
    model.trainable = True
    before = [to_numpy(one) for one in term.constants]
    assert len(model.trainable_variables) == 4
    model.compile(keras.optimizers.SGD(0.1), crossentropy(), objectives=[term])
    model.train_on_batch(x, y)
    for now, then in zip(term.constants, before, strict=True):
        np.testing.assert_array_equal(to_numpy(now), then)


def test_compiled_step_reads_the_copies_anew():
    """A constant in the program would cost memory and time to compile."""
    x, y = examples()
    (master,) = teachers((5,))
    model = linear_model(5, 3)
    term = FeatureDistillation([master], alpha=1.0)
    model.compile(keras.optimizers.SGD(0.0), crossentropy(), objectives=[term])
    first = float(model.train_on_batch(x, y))
    kernel = next(one for one in term.constants if tuple(one.shape) == (6, 5))
    kernel.assign(-1.0 * kernel)
    second = float(model.train_on_batch(x, y))
    assert abs(second - first) > 1.0


def test_nothing_is_saved_or_loaded():
    copies = FrozenCopies(teachers((5,))[0].variables)
    store, before = {}, state_of(copies)
    copies.save_own_variables(store)
    assert not store
    copies.load_own_variables({"0": np.zeros(3)})
    for now, then in zip(state_of(copies), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("value", [[1.0, np.nan], np.inf])
def test_variables_that_are_not_finite(value):
    variable = keras.Variable(value, name="scale")
    with pytest.raises(ValueError, match="variable .*scale of a teacher"):
        FrozenCopies([variable])
