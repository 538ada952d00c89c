import json

import keras
import numpy as np
import pytest

from applications import exits
from keras_lt import data
from keras_lt import models
from keras_lt.data import transforms

COUNTS = [60, 20, 4]
UNCHANGED = transforms.Compose([])


@pytest.fixture(scope="module")
def split():
    """Noise around one point for each class, of 48 numbers as images."""
    generator = np.random.default_rng(0)
    centres = 2 * generator.normal(size=(3, 4, 4, 3))

    def draw(counts):
        labels = np.repeat(np.arange(3), counts)
        noise = generator.normal(size=(len(labels), 4, 4, 3))
        return (centres[labels] + noise).astype("float32"), labels

    x, y = draw(COUNTS)
    full = data.from_arrays(x, y, test=draw([30, 30, 30]))
    held_out = data.Examples(*draw([20, 20, 20]))
    return full, data.Split(
        train=full.train,
        class_names=full.class_names,
        validation=held_out,
        test=full.test,
    )


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    images = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(images)
    x = keras.layers.Dense(8, activation="relu", name="one")(x)
    x = keras.layers.Dense(8, activation="relu", name="two")(x)
    backbone = keras.Model(images, x)
    return models.EarlyExitModel(backbone, ["one"], 3, threshold=0.6)


@pytest.fixture
def model(network):
    """Returns the one model, whose threshold a test may change."""
    network.threshold = 0.6
    return network


def test_chosen_thresholds_are_those_of_the_held_out_images(split, model):
    with_held_out = split[1]
    logits, result = exits.use_exits(model, with_held_out, UNCHANGED, 0.02)
    record = result.record()
    assert record["thresholds_are"] == "chosen on held-out images"
    assert record["thresholds"] == pytest.approx(model.threshold)
    assert model.threshold != [0.6]
    held_out = with_held_out.validation
    outcomes = model.exit_outcomes(
        held_out.x, held_out.y, with_held_out.class_counts, verbose=0
    )
    expected = outcomes.at(model.threshold).scores["balanced"]
    assert expected.accuracy_loss + expected.standard_error <= 0.02 + 1e-9
    found = record["held_out"]["balanced"]
    assert found["accuracy"] == pytest.approx(expected.accuracy, abs=1e-5)
    assert found["saved"] == pytest.approx(expected.saving, abs=1e-5)


def test_without_held_out_images_the_threshold_stays(split, model):
    logits, result = exits.use_exits(model, split[0], UNCHANGED, 0.02)
    record = result.record()
    assert record["thresholds_are"] == "fixed"
    assert record["held_out"] is None
    assert model.threshold == [0.6]


def test_record_is_what_predict_does(split, model):
    logits, result = exits.use_exits(model, split[0], UNCHANGED, 0.0)
    test = split[0].test
    answer = model.predict_with_exits(test.x, verbose=0)
    np.testing.assert_allclose(logits, answer.logits, atol=1e-4)
    record = json.loads(json.dumps(result.record(), allow_nan=False))
    hits = answer.logits.argmax(-1) == test.y
    assert record["test"]["all"]["accuracy"] == pytest.approx(
        hits.mean(), abs=1e-5
    )
    assert record["saved"] == pytest.approx(answer.flops_saved, abs=1e-4)
    assert record["test"]["all"]["saved"] == pytest.approx(
        answer.flops_saved, abs=1e-5
    )
    few = test.y == 2
    shares = np.bincount(answer.exits[few] - 1, minlength=2) / few.sum()
    np.testing.assert_allclose(
        record["test"]["few"]["exit_shares"], shares, atol=1e-5
    )


def test_record_has_every_exit_and_the_curve(split, model):
    _, result = exits.use_exits(model, split[0], UNCHANGED, 0.0)
    record = result.record()
    assert record["costs"] == model.exit_costs()
    test = split[0].test
    hits = model.exit_logits(test.x, verbose=0).argmax(-1) == test.y[:, None]
    each = [point["all"]["accuracy"] for point in record["each_exit"]]
    assert each == pytest.approx(hits.mean(axis=0).tolist(), abs=1e-5)
    thresholds = [point["thresholds"] for point in record["curve"]]
    assert thresholds == [[one] for one in exits.THRESHOLDS]
    assert exits.THRESHOLDS[-1] == 1
    last = record["curve"][-1]["all"]
    assert last["exit_shares"] == [0, 1]
    assert last["accuracy"] == each[-1]
