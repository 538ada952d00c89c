"""Thresholds and other settings change while a model trains."""

import numpy as np
import pytest
from keras import ops

from keras_lt import callbacks
from keras_lt import losses
from tests.checks import to_numpy
from tests.models import dense_exits
from tests.models.exit_models import dense_model
from tests.models.exit_models import vectors
from tests.models.small_models import COUNTS
from tests.models.still_models import expected_loss
from tests.models.still_models import losses_seen
from tests.models.still_models import still_model


def test_training_settings_change_while_training():
    model, x, y = still_model()
    thresholds = [[0.5, 0.7], [1.0, 1.0], [0.0, 0.0], [0.9, 0.3]]
    exit_weights = [[1, 1, 1], [1, 1, 1], [2, 1, 0.5], [0, 0, 1]]
    schedules = [
        callbacks.VariableSchedule(
            model.exit_loss.thresholds, thresholds.__getitem__
        ),
        callbacks.VariableSchedule(
            model.exit_loss.exit_weights, exit_weights.__getitem__
        ),
    ]
    found = losses_seen(model, x, y, epochs=4, callbacks=schedules)
    expected = [
        expected_loss(model, x, y, t, exit_weights=w)
        for t, w in zip(thresholds, exit_weights, strict=True)
    ]
    np.testing.assert_allclose(found, expected, 1e-4)
    assert np.abs(np.diff(expected)).min() > 0.01
    # And between one fit and the next, without another compile.
    model.training_threshold = 1.0
    model.exit_loss.exit_weights.assign([1.0, 2.0, 3.0])
    expected = expected_loss(model, x, y, [1, 1], exit_weights=[1, 2, 3])
    np.testing.assert_allclose(losses_seen(model, x, y), [expected], 1e-4)


def test_thresholds_in_use_change_while_training():
    model, x, y = still_model(compiled={"metrics": ["accuracy"]})
    thresholds = [[0.0, 0.0], [1.0, 1.0], [0.6, 0.5]]
    schedule = callbacks.VariableSchedule(
        model.thresholds, thresholds.__getitem__
    )
    logs = model.fit(
        x,
        y,
        epochs=3,
        callbacks=[schedule],
        validation_data=(x, y),
        verbose=0,
    ).history
    _, logits = dense_exits.forward(model, x)
    for epoch, values in enumerate(thresholds):
        exits = dense_exits.exits_of(logits, y, "confidence", values)
        correct = logits[np.arange(20), exits - 1].argmax(axis=-1) == y
        for prefix in ("", "val_"):
            assert logs[f"{prefix}accuracy"][epoch] == pytest.approx(
                correct.mean()
            )
            for k in (1, 2, 3):
                share = logs[f"{prefix}exit_{k}_share"][epoch]
                assert share == pytest.approx((exits == k).mean())
    model.threshold = [0.9, 0.0]
    exits = dense_exits.exits_of(logits, y, "confidence", [0.9, 0.0])
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["exit_2_share"] == pytest.approx((exits == 2).mean())
    assert logs["exit_3_share"] == 0


def test_thresholds_stay_exact_in_half_precision():
    # The layers are in float32, for the same logits in `evaluate` and in use.
    model = dense_model(dtype="mixed_bfloat16")
    model.compile("sgd", losses.BalancedSoftmax(COUNTS))
    x, y = vectors(60)
    x = np.round(8 * x) / 8  # The same in half precision.
    logits = model.exit_logits(x, verbose=0).astype("float64")[:, 0]
    scores = np.exp(logits).max(-1) / np.exp(logits).sum(-1)
    low, high = np.sort(scores)[:-1], np.sort(scores)[1:]
    between = (low + high) / 2
    rounded = ops.cast(ops.cast(between, "bfloat16"), "float32")
    moved = (to_numpy(rounded) < low) | (to_numpy(rounded) > high)
    threshold = between[moved & (high - low > 1e-4)][0]
    model.threshold = [threshold, 1.0]
    expected = pytest.approx((scores > threshold).mean())
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["exit_1_share"] == expected
    answer = model.predict_with_exits(x, verbose=0)
    assert (answer.exits == 1).mean() == expected


def test_thresholds_of_training_and_of_use_are_two():
    model = dense_model(threshold=0.25, training_threshold=[0.5, 0.75])
    assert model.threshold == [0.25, 0.25]
    assert model.training_threshold == [0.5, 0.75]
    model.threshold = [0.5, 1.0]
    model.training_threshold = 0.0
    assert model.threshold == [0.5, 1.0]
    assert model.training_threshold == [0.0, 0.0]
    assert to_numpy(model.thresholds).tolist() == [0.5, 1.0]
    assert to_numpy(model.exit_loss.thresholds).tolist() == [0.0, 0.0]
    for one in (model.thresholds, model.exit_loss.thresholds):
        assert not one.trainable
        assert any(one is weight for weight in model.weights)
