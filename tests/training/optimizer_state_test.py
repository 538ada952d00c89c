import dataclasses

import keras
import numpy as np
import pytest

from keras_lt.training import train
from keras_lt.training.optimizer_state import continue_from
from keras_lt.training.optimizer_state import fresh_optimizer
from tests.training.small_stages import make_plain
from tests.training.small_stages import make_stage

MAKERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.1, amsgrad=True),
}


def variable(path, seed):
    value = np.random.default_rng(seed).normal(size=(2,)).astype("float32")
    owner, name = path.split("/")
    with keras.name_scope(owner):
        return keras.Variable(value, name=name)


def step(optimizer, variables, seed):
    rng = np.random.default_rng(seed)
    optimizer.apply(
        [
            keras.ops.convert_to_tensor(rng.normal(size=(2,)).astype("float32"))
            for _ in variables
        ],
        variables,
    )


@pytest.mark.parametrize("name", MAKERS)
def test_continued_steps_equal_those_of_one_optimizer(name):
    """With the variables of before, going on is as if nothing had changed."""
    one = [variable("a/kernel", 0), variable("a/kernel_2", 1)]
    two = [variable("a/kernel", 0), variable("a/kernel_2", 1)]
    steady, first = MAKERS[name](), MAKERS[name]()
    for optimizer, variables in ((steady, one), (first, two)):
        step(optimizer, variables, seed=5)
        step(optimizer, variables, seed=6)
    second = fresh_optimizer(first)
    second.build(two)
    continue_from(second, two, first, two)
    step(steady, one, seed=7)
    step(second, two, seed=7)
    for expected, value in zip(one, two, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(value),
            keras.ops.convert_to_numpy(expected),
        )
    assert int(second.iterations) == 3


@pytest.mark.parametrize("path", ["a/kernel", "a/kernel_2"])
def test_slots_follow_their_variables_when_the_set_changes(path):
    """Two variables of one path, or nearly so; the second goes on."""
    both = [variable("a/kernel", 0), variable(path, 1)]
    first = MAKERS["sgd"]()
    step(first, both, seed=5)
    fresh = variable("b/kernel", 2)
    second = fresh_optimizer(first)
    second.build([fresh, both[1]])
    continue_from(second, [fresh, both[1]], first, both)
    old = [slot for slot in first.variables if slot.shape == (2,)]
    new = [slot for slot in second.variables if slot.shape == (2,)]
    assert not np.any(keras.ops.convert_to_numpy(new[0]))
    expected = keras.ops.convert_to_numpy(old[1])
    assert np.any(expected)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(new[1]), expected)


def test_loss_scale_goes_on():
    variables = [variable("a/kernel", 0)]
    optimizers = [
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))
        for _ in range(2)
    ]
    for number, optimizer in enumerate(optimizers):
        optimizer.build(variables)
        for slot in optimizer.variables:
            slot.assign(np.full(slot.shape, 5 + number))
    first, second = optimizers
    continue_from(second, variables, first, variables)
    values = {
        slot.name: float(keras.ops.convert_to_numpy(slot).max())
        for slot in second.variables
    }
    assert values.pop("learning_rate") == 6
    assert set(values.values()) == {5.0}
    assert len(values) == 5  # Two counts of steps, the scale, two moments.


def test_rate_is_that_of_the_configuration():
    first = keras.optimizers.SGD(0.5)
    first.build([])
    second = keras.optimizers.SGD(0.125)
    second.build([])
    first.learning_rate = 0.25
    continue_from(second, [], first, [])
    assert float(second.learning_rate) == 0.125


def test_fresh_optimizer_takes_names_and_shares_nothing():
    assert isinstance(fresh_optimizer("adam"), keras.optimizers.Adam)
    optimizer = keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(0.1, 10), momentum=0.9
    )
    copy = fresh_optimizer(optimizer)
    assert copy is not optimizer
    assert copy.get_config() == optimizer.get_config()


def test_another_kind_of_optimizer():
    first, second = keras.optimizers.SGD(), keras.optimizers.Adam()
    with pytest.raises(ValueError, match="Received: Adam after SGD"):
        continue_from(second, [], first, [])


def test_averages_of_what_was_not_trained_start_at_its_values():
    """From 0, they would end as a part of these."""
    old, fresh = variable("a/kernel", 0), variable("b/kernel", 1)
    first = keras.optimizers.SGD(0.0, use_ema=True, ema_momentum=0.9)
    step(first, [old], seed=5)
    second = fresh_optimizer(first)
    second.build([old, fresh])
    continue_from(second, [old, fresh], first, [old])
    step(second, [old, fresh], seed=6)
    values = [keras.ops.convert_to_numpy(one) for one in (old, fresh)]
    second.finalize_variable_values([old, fresh])
    for one, value in zip((old, fresh), values, strict=True):
        found = keras.ops.convert_to_numpy(one)
        np.testing.assert_allclose(found, value, 1e-5)


def test_averages_go_on_where_more_is_trained():
    """In compiled steps, of which those of JAX take memory."""
    model = make_plain()
    before = model.get_weights()
    still = keras.optimizers.SGD(0.0, use_ema=True)
    stages = [
        make_stage("a", epochs=1, trainable="outer", optimizer=still),
        make_stage("b", epochs=1, trainable="all", continue_optimizer=True),
    ]
    stages[1] = dataclasses.replace(stages[1], optimizer=still)
    train(model, stages, verbose=0)
    for one, two in zip(model.get_weights(), before, strict=True):
        np.testing.assert_allclose(one, two, 1e-5)


@pytest.mark.parametrize("scaled", [False, True])
def test_fresh_optimizer_leaves_the_same_out_of_the_decay(scaled):
    kernel, bias = variable("a/kernel", 0), variable("a/bias", 1)
    adam = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    adam.exclude_from_weight_decay(var_names=["bias"])
    given = keras.optimizers.LossScaleOptimizer(adam) if scaled else adam
    optimizer = fresh_optimizer(given)
    # Outside of a compiled step, JAX takes no step with a scaled loss.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    before = [keras.ops.convert_to_numpy(one) for one in (kernel, bias)]
    zeros = [keras.ops.zeros((2,))] * 2
    optimizer.apply(zeros, [kernel, bias])
    for one, value, factor in zip(
        (kernel, bias), before, (0.95, 1.0), strict=True
    ):
        found = keras.ops.convert_to_numpy(one)
        np.testing.assert_allclose(found, factor * value, 1e-5)
