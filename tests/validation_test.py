import keras
import numpy as np
import pytest

from keras_lt import validation

NO_NUMBERS = ["1", b"1", None, [1], 1j]
"""What Python itself would refuse in its own words, or take for a number."""


def refused(check, *args):
    """Returns the message; says what held not, what came and what to do."""
    with pytest.raises(ValueError) as error:
        check(*args)
    *_, needed, received, advice = str(error.value).split(". ", 2)
    assert needed.startswith(f"`{args[0]}` must be ")
    assert received.startswith(f"Received: {args[0]}=")
    assert advice.startswith("Pass ")
    return str(error.value)


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, *NO_NUMBERS])
def test_check_positive(value):
    assert validation.check_positive("scale", 0.5) == 0.5
    message = refused(validation.check_positive, "scale", value)
    assert f"greater than 0. Received: scale={value!r}." in message


@pytest.mark.parametrize("value", [-1e-9, np.nan, np.inf, *NO_NUMBERS])
def test_check_not_negative(value):
    assert validation.check_not_negative("tau", 0) == 0
    message = refused(validation.check_not_negative, "tau", value)
    assert f"0 or greater. Received: tau={value!r}." in message


@pytest.mark.parametrize("value", [2.5, 2.0, True, np.True_, np.nan, np.inf])
@pytest.mark.parametrize("least", [0, 1])
def test_what_is_no_whole_number_is_refused(least, value):
    check = [validation.check_not_negative_int, validation.check_positive_int]
    for one in (least - 1, value, *NO_NUMBERS):
        message = refused(check[least], "size", one)
        assert f"number, {least} or greater. Received: size={one!r}" in message


@pytest.mark.parametrize("least", [0, 1])
@pytest.mark.parametrize("kind", [int, np.int64, np.uint8, np.array])
def test_whole_numbers_come_back_as_ints(least, kind):
    check = [validation.check_not_negative_int, validation.check_positive_int]
    for number in (least, 7):
        found = check[least]("size", kind(number))
        assert (found, type(found)) == (number, int)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf, *NO_NUMBERS])
def test_check_fraction(value):
    for inside in (0, 0.5, 1):
        assert validation.check_fraction("head", inside) == inside
    message = refused(validation.check_fraction, "head", value)
    assert f"at most 1. Received: head={value!r}" in message


def test_check_fraction_with_an_open_end():
    assert validation.check_fraction("beta", 0.999, open_end=True) == 0.999
    with pytest.raises(ValueError, match="smaller than 1. Received: beta=1"):
        validation.check_fraction("beta", 1, open_end=True)


def test_check_choice():
    assert validation.check_choice("form", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match="one of 'a', 'b'. Received.*'c'"):
        validation.check_choice("form", "c", ("a", "b"))


@pytest.mark.parametrize(
    "counts, message",
    [
        ([5], r"2 classes or more. Received: an array of shape \(1,\)"),
        ([[5, 4]], r"one count per class.*shape \(1, 2\)"),
        (["5", "4"], "must hold numbers. Received: dtype=<U1"),
        ([5, np.nan, 4], "1 of 3 that are not, first at label 1: nan"),
        ([5, 4, 0.5], "1 of 3 that are not, first at label 2: 0.5"),
        ([0, 4, 0], "2 of 3 classes below 1, first at label 0: 0"),
        ([3, -4, 1], "1 of 3 classes below 1, first at label 1: -4"),
    ],
)
def test_wrong_class_counts_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        validation.check_class_counts(counts)


def test_class_counts_come_back_as_plain_ints():
    counts = validation.check_class_counts(np.array([3.0, 2.0]))
    assert counts == (3, 2)
    assert [type(count) for count in counts] == [int, int]


def test_zero_counts_pass_where_they_are_allowed():
    assert validation.check_class_counts([3, 0], allow_zero=True) == (3, 0)
    with pytest.raises(ValueError, match="0 or greater.*-2 at label 1"):
        validation.check_class_counts([3, -2], allow_zero=True)


def test_the_message_does_not_hold_thousands_of_counts():
    with pytest.raises(ValueError) as error:
        validation.check_class_counts(np.zeros(8142))
    assert "8142 of 8142" in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("labels", [[0, 2], [[0], [2]]])
def test_labels_come_back_as_int32(labels):
    ids = validation.check_labels(np.array(labels, dtype="uint8"), 3)
    assert ids.dtype == "int32"
    assert ids.tolist() == [0, 2]


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0.0, 1.0], "`labels` must be integer class ids.*dtype=float64"),
        (["cat"], "`labels` must be integer class ids.*dtype=<U3"),
        ([0, -1], "`labels` must be 0 or greater. Received: -1 at row 1"),
        ([0, 3], "below the number of classes, 3. Received: 3 at row 1"),
        ([[0, 1]], r"shape \(n,\). Received: shape \(1, 2\)"),
    ],
)
def test_wrong_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        validation.check_labels(np.array(labels), 3)


@pytest.mark.parametrize("dtype", [None, "float32"])
def test_float32_passes(dtype):
    assert validation.check_float32(dtype) == "float32"
    assert validation.check_float32(keras.DTypePolicy("float32")) == "float32"


@pytest.mark.parametrize("name", ["bfloat16", "mixed_float16", "float64"])
def test_other_float_types_are_refused(name):
    with pytest.raises(ValueError, match="`dtype` must be 'float32' or None"):
        validation.check_float32(keras.DTypePolicy(name))


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 3)])
def test_batches_of_each_kind_of_label_pass(shape):
    validation.check_batch(np.zeros(shape), np.zeros((5, 3)), 3)


@pytest.mark.parametrize(
    "labels, logits, message",
    [
        ((5,), (5, 4), r"there are 3 classes. Received: shape \(5, 4\)"),
        ((5,), (3,), r"shape \(batch, 3\).*Received: shape \(3,\)"),
        ((5, 2), (5, 3), r"`y_true` must .*Received: shape \(5, 2\)"),
        ((5, 3, 1), (5, 3), r"`y_true` must .*Received: shape \(5, 3, 1\)"),
        ((), (5, 3), r"`y_true` must .*Received: shape \(\)"),
    ],
)
def test_batches_of_other_shapes_are_refused(labels, logits, message):
    with pytest.raises(ValueError, match=message):
        validation.check_batch(np.zeros(labels), np.zeros(logits), 3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8"])
def test_soft_labels_of_every_type_pass(dtype):
    smooth = np.full((3, 8142), 0.1 / 8142) + 0.9 * np.eye(8142)[:3]
    one_hot = np.eye(5)[[3, 1]]
    labels = one_hot if dtype == "uint8" else smooth
    validation.check_soft_labels("y", labels.astype(dtype))


@pytest.mark.parametrize(
    ("row", "received"),
    [
        ([7.0, 0.0], "row 2 with numbers from 0 to 7 and the sum 7."),
        ([0.0, 0.0], "row 2 with numbers from 0 to 0 and the sum 0."),
        ([-0.6, 1.6], "row 2 with numbers from -0.6 to 1.6 and the sum 1."),
        ([np.nan, 1.0], "row 2 with numbers from nan to nan and the sum nan."),
        ([np.inf, 0.0], "row 2 with numbers from 0 to inf and the sum inf."),
        ([0.5, 0.48], "row 2 with numbers from 0.48 to 0.5 and the sum 0.98."),
    ],
)
def test_soft_labels_that_are_no_shares_are_refused(row, received):
    labels = np.array([[0.0, 1.0], [0.5, 0.5], row, [9.0, 9.0]])
    with pytest.raises(ValueError, match="`y` must be 0 or greater") as error:
        validation.check_soft_labels("y", labels)
    assert received in str(error.value)
    assert "Divide each row by its sum" in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 2, 3)])
def test_check_finite_names_the_row(monkeypatch, value, shape):
    monkeypatch.setattr(validation, "_VALUES_AT_A_TIME", 4)
    values = np.zeros(shape, "float32")
    validation.check_finite("x", values)
    values[5, ...] = values[6, ...] = value
    with pytest.raises(ValueError, match="`x` must.* row 5 of 7. Try again."):
        validation.check_finite("x", values, "Try again.")


def test_check_finite_with_a_limit():
    values = np.array([1.0, -1e39])
    validation.check_finite("x", values)
    with pytest.raises(ValueError, match="in row 1 of 2. Repair that row"):
        validation.check_finite("x", values, limit=1e38)


def test_check_finite_takes_what_has_no_rows_or_no_floats():
    validation.check_finite("x", np.zeros((0, 3)))
    validation.check_finite("x", np.array(["a"]))
    with pytest.raises(ValueError, match="row 0 of 1"):
        validation.check_finite("x", np.array(np.nan))


@pytest.mark.parametrize("value", [0.5, [0.5, 0.5], np.float32(0.5)])
def test_thresholds_come_back_one_an_exit(value):
    found = validation.check_thresholds("threshold", value, 2)
    assert found.dtype == "float64" and found.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0.5], r"each exit but the last, 2. Received: .* shape \(1,\)"),
        ([0.5, 1.5], "`threshold` must be from 0 to 1.*Received: 1.5"),
        (np.nan, "`threshold` must be from 0 to 1.*Received: nan"),
    ],
)
def test_wrong_thresholds_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        validation.check_thresholds("threshold", value, 2)


def test_labels_that_would_wrap_around():
    with pytest.raises(ValueError, match="fit into 32 bits.*4294967297 at row"):
        validation.check_labels(np.array([0, 2**32 + 1]))
    largest = 2**31 - 1
    assert validation.check_labels(np.array([largest])).tolist() == [largest]


@pytest.mark.parametrize("names", [{"dog": 1, "cat": 0}, {"dog", "cat"}, "dc"])
def test_names_of_classes_have_an_order(names):
    with pytest.raises(ValueError, match="in the order of the labels"):
        validation.check_class_names(names)
    assert validation.check_class_names(("a", 1)) == ["a", "1"]
