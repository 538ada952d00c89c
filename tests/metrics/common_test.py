"""What holds for metrics of logits; a new one adds a line to `CASES`."""

import keras
import numpy as np
import pytest

from keras_lt import metrics
from tests.checks import check_serialization
from tests.checks import small_classifier
from tests.checks import small_data
from tests.checks import to_numpy
from tests.metrics.references import COUNTS
from tests.metrics.references import NUM_CLASSES
from tests.metrics.references import batches
from tests.metrics.references import joined

CASES = {
    "BalancedAccuracy": {"num_classes": NUM_CLASSES},
    "CalibrationError": {"class_counts": COUNTS, "num_bins": 7, "many": 90},
    "GroupAccuracy": {"class_counts": COUNTS, "few": 25, "prefix": "a_"},
}
KEYS = {
    "BalancedAccuracy": {"balanced_accuracy"},
    "CalibrationError": {"ece", "ece_many", "ece_medium", "ece_few"},
    "GroupAccuracy": {"a_many", "a_medium", "a_few"},
}
OF_EXITS = {"ExitShares"}


@pytest.fixture(params=sorted(CASES))
def kind(request):
    return request.param


def make(kind, **kwargs):
    return getattr(metrics, kind)(**{**CASES[kind], **kwargs})


def numbers(result):
    if not isinstance(result, dict):
        result = {"": result}
    return {key: float(to_numpy(value)) for key, value in result.items()}


def after(metric, *arguments, **kwargs):
    metric.update_state(*arguments, **kwargs)
    return numbers(metric.result())


def test_every_public_metric_has_a_case():
    assert set(CASES) | OF_EXITS == set(metrics.__all__)
    assert set(CASES) == set(KEYS)


def test_serialization(kind):
    metric = make(kind)
    labels, logits = joined(batches())
    copy = check_serialization(metric)
    assert after(copy, labels, logits) == after(metric, labels, logits)


def test_batches_add_up_and_reset_starts_anew(kind):
    metric = make(kind)
    labels, logits = joined(batches())
    at_once = after(make(kind), labels, logits)
    for _ in range(2):
        metric.reset_state()
        for part in batches():
            metric.update_state(*part)
        assert numbers(metric.result()) == pytest.approx(at_once, abs=1e-6)


def test_is_zero_before_any_example(kind):
    assert set(numbers(make(kind).result()).values()) == {0.0}


def test_label_kinds_agree(kind):
    labels, logits = joined(batches())
    expected = after(make(kind), labels, logits)
    one_hot = np.eye(NUM_CLASSES)[labels]
    soft = 0.7 * one_hot + 0.3 / NUM_CLASSES
    for same in (labels[:, None], labels.astype("float32"), one_hot, soft):
        assert after(make(kind), same, logits) == expected


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_rows_of_weight_zero_are_left_out(kind, shape):
    labels, logits = joined(batches())
    keep = np.arange(len(labels)) % 3 > 0
    weights = keep.astype("float32").reshape(shape)
    result = after(make(kind), labels, logits, sample_weight=weights)
    expected = after(make(kind), labels[keep], logits[keep])
    assert result == pytest.approx(expected, abs=1e-6)


def test_weights_count_like_repeated_rows(kind):
    labels, logits = joined(batches())
    repeats = 1 + np.arange(len(labels)) % 3
    weights = repeats.astype("float32")
    result = after(make(kind), labels, logits, sample_weight=weights)
    expected = after(
        make(kind), np.repeat(labels, repeats), np.repeat(logits, repeats, 0)
    )
    assert result == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_logits_are_taken(kind, dtype):
    labels, logits = joined(batches())
    low = keras.ops.cast(logits, dtype)
    rounded = to_numpy(keras.ops.cast(low, "float32"))
    result = after(make(kind), labels, low)
    assert result == pytest.approx(after(make(kind), labels, rounded), abs=1e-6)


def test_is_float32_when_the_default_is_lower(kind):
    keras.config.set_floatx("bfloat16")
    try:
        metric = make(kind)
    finally:
        keras.config.set_floatx("float32")
    assert {variable.dtype for variable in metric.variables} == {"float32"}


def test_other_dtypes_are_refused(kind):
    with pytest.raises(ValueError, match="`dtype` must be .*'bfloat16'"):
        make(kind, dtype="bfloat16")


def test_wrong_number_of_predictions_is_named(kind):
    with pytest.raises(ValueError, match=r"6 classes.*shape \(2, 5\)"):
        make(kind).update_state(np.array([0, 1]), np.zeros((2, 5)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A plain model that was trained with all metrics, and its file."""
    keras.utils.set_random_seed(0)
    x, y = small_data(NUM_CLASSES, size=70)
    model = small_classifier(NUM_CLASSES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    every = [make(kind) for kind in sorted(CASES)]
    second = metrics.GroupAccuracy(COUNTS, prefix="b_")
    model.compile("adam", loss=loss, metrics=[*every, second, "accuracy"])
    history = model.fit(
        x, y, epochs=2, batch_size=32, validation_data=(x, y), verbose=0
    )
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return model, history.history, path


def test_fit_logs_every_result_in_every_epoch(trained):
    _, history, _ = trained
    keys = set.union({"b_many", "b_medium", "b_few"}, *KEYS.values())
    for key in keys:
        for name in (key, f"val_{key}"):
            assert len(history[name]) == 2
            assert all(0 <= value <= 1 for value in history[name])


def test_evaluate_gives_the_values_of_the_predictions(trained, kind):
    model, _, _ = trained
    x, y = small_data(NUM_CLASSES, size=70)
    logs = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    logits = model.predict(x, verbose=0)
    expected = after(make(kind), y, logits)
    assert [logs[key] for key in sorted(KEYS[kind])] == pytest.approx(
        [value for _, value in sorted(expected.items())], abs=1e-5
    )


def test_saved_model_evaluates_the_same(trained):
    model, _, path = trained
    x, y = small_data(NUM_CLASSES, size=70)
    loaded = keras.models.load_model(path)
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    logs = loaded.evaluate(x, y, verbose=0, return_dict=True)
    assert logs == pytest.approx(expected, abs=1e-5)
