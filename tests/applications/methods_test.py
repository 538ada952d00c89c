import keras
import numpy as np
import pytest

import applications
from applications import methods
from applications import schedules
from applications.schedules import SCHEDULES
from keras_lt import callbacks
from keras_lt import losses
from keras_lt import samplers

COUNTS = [300, 50, 5]


def test_command_line_offers_what_there_is():
    assert tuple(methods.METHODS) == applications.METHODS
    assert set(SCHEDULES) == set(applications.SCHEDULES)


@pytest.mark.parametrize("name", applications.METHODS)
def test_each_method_builds_its_parts(name):
    method = methods.combine([name])
    value = method.make_loss(COUNTS)(np.array([0, 2]), np.eye(3)[:2] * 30)
    assert np.isfinite(float(value))
    sampler = method.make_sampler(10, 8)
    if sampler is not None:
        labels = np.repeat([0, 1, 2], COUNTS)
        rows = sampler(labels, seed=0, epoch=3)
        assert 0 <= rows.min() and rows.max() < len(labels)
    for callback in method.make_callbacks(COUNTS, 8):
        assert isinstance(callback, callbacks.DeferredReweighting)
        assert callback.start_epoch == 8


def test_combination_takes_each_part_from_its_method():
    method = methods.combine(["ldam", "drw", "square_root_sampling"])
    assert isinstance(method.make_loss(COUNTS), losses.LDAM)
    assert method.classifier == "cosine"
    assert isinstance(method.make_sampler(5, 4), samplers.SquareRoot)
    assert len(method.make_callbacks(COUNTS, 4)) == 1


def test_exits_go_with_any_other_method():
    assert methods.combine(["elf"]).exits
    assert not methods.combine(["ldam_drw"]).exits
    method = methods.combine(["ldam_drw", "square_root_sampling", "elf"])
    assert method.exits
    assert method.classifier == "cosine"
    assert isinstance(method.make_loss(COUNTS), losses.LDAM)


def test_deferred_resampling_starts_where_reweighting_does():
    sampler = methods.combine(["deferred_resampling"]).make_sampler(30, 24)
    labels = np.repeat([0, 1, 2], COUNTS)
    before = np.bincount(labels[sampler(labels, epoch=23)])
    assert before.tolist() == COUNTS
    after = np.bincount(labels[sampler(labels, epoch=24)])
    assert after.min() > 80


def test_plain_parts_where_no_method_sets_them():
    method = methods.combine(["drw"])
    loss = method.make_loss(COUNTS)
    assert isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
    assert loss.get_config()["from_logits"]
    assert method.classifier is None
    assert method.make_sampler(5, 4) is None


def test_methods_that_set_one_part_are_refused():
    match = "'focal' and 'logit_adjusted', which both set the loss"
    with pytest.raises(ValueError, match=match):
        methods.combine(["focal", "logit_adjusted"])


@pytest.mark.parametrize(
    "names",
    [
        ("cbd", "ldam_drw"),
        ("drw", "class_balanced_sampling"),
        ("class_balanced_sampling", "balanced_softmax"),
        ("class_balanced", "deferred_resampling"),
    ],
)
def test_frequencies_are_made_up_for_once(names):
    with pytest.raises(ValueError, match="make up for how frequent a class"):
        methods.combine(names)


@pytest.mark.parametrize(
    "names",
    [
        ("cbd", "balanced_softmax"),
        ("class_balanced_sampling", "ldam"),
        ("elf", "ldam_drw"),
    ],
)
def test_margins_and_students_go_with_samplers(names):
    assert methods.combine(names).parts()


def test_unknown_method_is_named():
    with pytest.raises(ValueError, match="Received: 'magic'"):
        methods.combine(["magic"])


def test_ldam_schedule_is_the_published_one():
    rate = schedules.LDAM.rate()
    expected = np.full(200, 0.1)
    expected[:5] = [0.02, 0.04, 0.06, 0.08, 0.1]
    expected[160:] = 0.001
    expected[180:] = 0.00001
    found = [rate(epoch) for epoch in range(200)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert schedules.LDAM.deferred_epoch == 160


def test_short_schedule_warms_up_and_falls():
    rate = schedules.SHORT.rate()
    found = np.array([rate(epoch) for epoch in range(30)])
    half = 0.1 * (1 + np.cos(np.pi * np.arange(28) / 28)) / 2
    np.testing.assert_allclose(found[:2], [0.05, 0.1], rtol=1e-9)
    np.testing.assert_allclose(found[2:], half, rtol=1e-9)
    assert schedules.SHORT.deferred_epoch == 24


@pytest.mark.parametrize("epochs", [1, 2, 7, 50])
@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_any_number_of_epochs_has_a_rate(name, epochs):
    schedule = SCHEDULES[name].with_epochs(epochs)
    rates = [schedule.rate()(epoch) for epoch in range(epochs)]
    assert max(rates) == pytest.approx(schedule.learning_rate)
    assert min(rates) > 0


@pytest.mark.parametrize(
    "names, scale", [(["cosine"], 20.0), (["ldam_drw"], 30.0)]
)
def test_scale_of_the_cosine_classifier_is_that_of_its_loss(names, scale):
    classifier = methods.combine(names).make_classifier(10)
    assert classifier.get_config()["scale"] == scale


def test_classifier_is_linear_by_default():
    assert methods.combine(["crossentropy"]).make_classifier(10) == "linear"
