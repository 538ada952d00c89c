"""What holds for every public loss; `cases.py` has a row for each."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_lt
from keras_lt import losses
from tests.checks import check_serialization
from tests.checks import check_trains
from tests.checks import small_classifier
from tests.checks import small_data
from tests.checks import to_numpy
from tests.gradients import gradient
from tests.losses.cases import CASES
from tests.losses.cases import COUNTS
from tests.losses.cases import PAIRS
from tests.losses.cases import values

NUM_CLASSES = len(COUNTS)
MANY_CLASSES = 8142  # iNaturalist 2018, more than float16 ids can tell apart.
WITH_COUNTS = [
    getattr(losses, name)
    for name in sorted(CASES)
    if "class_counts" in CASES[name][0]
]


@pytest.fixture(params=PAIRS, ids=lambda pair: "-".join(map(str, pair)))
def loss(request):
    name, arguments = request.param
    return getattr(losses, name)(**arguments)


@pytest.fixture(params=sorted(CASES))
def kind(request):
    return getattr(losses, request.param)


def batch(seed=0, size=12, scale=3.0):
    generator = np.random.default_rng(seed)
    logits = scale * generator.normal(size=(size, NUM_CLASSES))
    return np.arange(size) % NUM_CLASSES, logits.astype("float32")


def with_counts(kind, class_counts, **kwargs):
    if kind in WITH_COUNTS:
        kwargs["class_counts"] = class_counts
    return kind(**kwargs)


def test_every_public_loss_has_a_case():
    assert set(CASES) == set(losses.__all__)


def test_serialization(loss):
    labels, logits = batch()
    copy = check_serialization(loss)
    expected = values(loss, labels, logits)
    np.testing.assert_array_equal(values(copy, labels, logits), expected)


@pytest.mark.parametrize("name", sorted(CASES))
def test_trains(name):
    loss = getattr(losses, name)(**CASES[name][-1])
    check_trains(loss, NUM_CLASSES)


def test_default_reduction_is_the_mean_over_the_batch(loss):
    labels, logits = batch()
    weights = np.linspace(0, 2, len(labels)).astype("float32")
    each = values(loss, labels, logits)
    assert each.shape == (len(labels),)
    np.testing.assert_allclose(
        to_numpy(loss(labels, logits, sample_weight=weights)),
        (each * weights).mean(),
        rtol=1e-5,
    )


def test_inputs_are_left_as_they_are(loss):
    labels, logits = map(keras.ops.convert_to_tensor, batch())
    loss.call(labels, logits)
    for tensor, expected in zip((labels, logits), batch(), strict=True):
        np.testing.assert_array_equal(to_numpy(tensor), expected)


def test_label_kinds_agree(loss):
    labels, logits = batch()
    expected = values(loss, labels, logits)
    one_hot = np.eye(NUM_CLASSES)[labels]
    for same in (labels[:, None], labels.astype("float32"), one_hot):
        np.testing.assert_allclose(
            values(loss, same, logits), expected, rtol=1e-5, atol=1e-6
        )


def test_soft_labels_give_the_mean_over_the_label(loss):
    _, logits = batch()
    soft = np.random.default_rng(1).dirichlet(np.ones(NUM_CLASSES), len(logits))
    per_class = [
        values(loss, np.full(len(logits), label), logits)
        for label in range(NUM_CLASSES)
    ]
    expected = np.sum(soft.T * per_class, axis=0)
    np.testing.assert_allclose(values(loss, soft, logits), expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_logits_are_computed_in_float32(loss, dtype):
    labels, logits = batch()
    low = keras.ops.cast(logits, dtype)
    result = loss.call(
        keras.ops.convert_to_tensor(labels), keras.ops.convert_to_tensor(low)
    )
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    rounded = to_numpy(keras.ops.cast(low, "float32"))
    np.testing.assert_array_equal(
        to_numpy(result), values(loss, labels, rounded)
    )


@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize("soft", [False, True])
def test_extreme_logits_keep_values_and_gradients_finite(loss, size, soft):
    signs = np.array([[1, -1, 0, 1], [-1, -1, -1, 1], [0, 0, 0, 0]])
    logits = np.repeat((size * signs).astype("float32"), NUM_CLASSES, axis=0)
    labels = np.tile(np.arange(NUM_CLASSES), len(signs))
    if soft:
        labels = np.eye(NUM_CLASSES, dtype="float32")[labels]
    result = values(loss, labels, logits)
    assert np.all(np.isfinite(result)) and np.all(result >= 0)
    labels = keras.ops.convert_to_tensor(labels)
    slopes = gradient(lambda z: loss.call(labels, z), logits)
    assert np.all(np.isfinite(slopes))


@pytest.mark.parametrize("soft", [False, True])
def test_gradient_is_that_of_the_values(loss, soft):
    labels, logits = batch(size=4, scale=1.0)
    if soft:
        generator = np.random.default_rng(2)
        labels = generator.dirichlet(np.ones(NUM_CLASSES), 4).astype("float32")
    tensor = keras.ops.convert_to_tensor(labels)
    slopes = gradient(lambda z: loss.call(tensor, z), logits)
    step = 1e-2
    for column in range(NUM_CLASSES):
        move = step * np.eye(NUM_CLASSES, dtype="float32")[column]
        rise = values(loss, labels, logits + move)
        rise = rise - values(loss, labels, logits - move)
        np.testing.assert_allclose(
            slopes[:, column], rise / (2 * step), rtol=2e-2, atol=2e-3
        )


def test_many_classes_keep_the_last_label_apart(kind):
    loss = with_counts(kind, np.arange(MANY_CLASSES, 0, -1))
    logits = np.zeros((2, MANY_CLASSES), dtype="float32")
    logits[:, -1] = 60.0
    labels = np.array([MANY_CLASSES - 1, MANY_CLASSES - 2])
    result = to_numpy(
        type(loss)(**{**loss.get_config(), "reduction": None})(labels, logits)
    )
    assert result[0] < result[1] / 2


def test_is_float32_when_the_default_is_lower(kind):
    keras.config.set_floatx("bfloat16")
    try:
        loss = with_counts(kind, COUNTS)
    finally:
        keras.config.set_floatx("float32")
    assert loss.dtype == "float32"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes_are_refused(kind, dtype):
    with pytest.raises(ValueError, match=f"`dtype` must be .*'{dtype}'"):
        with_counts(kind, COUNTS, dtype=dtype)


@pytest.mark.parametrize("kind", WITH_COUNTS)
def test_wrong_number_of_logits_is_named(kind):
    loss = kind(COUNTS)
    with pytest.raises(ValueError, match=r"4 classes.*shape \(2, 5\)"):
        loss(np.array([0, 1]), np.zeros((2, 5)))


def test_wrong_number_of_logits_is_named_in_fit():
    x, y = small_data(NUM_CLASSES)
    model = small_classifier(NUM_CLASSES + 1)
    model.compile("sgd", loss=losses.LogitAdjusted(COUNTS))
    with pytest.raises(ValueError, match="there are 4 classes"):
        model.fit(x, y, verbose=0)


def test_wrong_shape_of_labels_is_named(kind):
    loss = with_counts(kind, COUNTS)
    with pytest.raises(ValueError, match=r"`y_true` must .*shape \(2, 3\)"):
        loss(np.zeros((2, 3)), np.zeros((2, NUM_CLASSES)))


@pytest.mark.parametrize("kind", WITH_COUNTS)
def test_empty_class_is_named(kind):
    with pytest.raises(ValueError, match="1 of 3 classes .* at label 1"):
        kind([10, 0, 5])


SCRIPT = """
import sys
import keras_lt
import keras, numpy as np
folder, count = sys.argv[1], int(sys.argv[2])
data = np.load(folder + "/data.npz")
answers = {}
for i in range(count):
    model = keras.models.load_model(f"{folder}/{i}.keras")
    logits = keras.ops.convert_to_numpy(model(data["x"]))
    answers[f"logits_{i}"] = logits
    answers[f"loss_{i}"] = float(model.loss(data["y"], logits))
answers["evaluate"] = model.evaluate(data["x"], data["y"], verbose=0)
np.savez(folder + "/answers.npz", **answers)
"""


def test_compiled_models_load_in_a_fresh_process(tmp_path):
    x, y = small_data(NUM_CLASSES)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    expected = {}
    for i, name in enumerate(sorted(CASES)):
        head = keras_lt.layers.CosineClassifier(NUM_CLASSES, scale=10.0)
        model = small_classifier(NUM_CLASSES, head)
        loss = getattr(losses, name)(**CASES[name][-1])
        model.compile("sgd", loss=loss)
        model.save(tmp_path / f"{i}.keras")
        logits = to_numpy(model(x))
        expected[f"logits_{i}"] = logits
        expected[f"loss_{i}"] = float(loss(y, logits))
    expected["evaluate"] = model.evaluate(x, y, verbose=0)
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(len(CASES))],
        check=True,
        capture_output=True,
    )
    answers = np.load(tmp_path / "answers.npz")
    assert set(answers) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(answers[name], value, rtol=1e-5, atol=1e-6)
