import keras
import numpy as np
import pytest
from keras import ops

from keras_lt.ops import early_exit
from tests import early_exit_reference as reference
from tests.checks import to_numpy
from tests.gradients import gradient

GOLDEN_EXITS = {
    "correct_and_confident": [1, 2, 3, 1],
    "true_probability": [1, 2, 3, 1],
    "confidence": [1, 2, 1, 1],
    "correct": [1, 1, 3, 1],
    "entropy": [2, 3, 3, 3],
}
LABELS = np.arange(60) % 5


def logits(exits=4, seed=0):
    rng = np.random.default_rng(seed)
    return (3 * rng.normal(size=(60, exits, 5))).astype("float32")


def soft_labels():
    return np.random.default_rng(1).dirichlet(np.ones(5), 60).astype("float32")


def scores(criterion, exit_logits, labels):
    return early_exit.exit_scores(
        ops.convert_to_tensor(exit_logits),
        ops.convert_to_tensor(labels),
        early_exit.CRITERIA[criterion],
    )


def exits_at(values, thresholds):
    return to_numpy(
        early_exit.exit_of(
            ops.convert_to_tensor(values, "float32"),
            ops.convert_to_tensor(thresholds, "float32"),
        )
    )


@pytest.mark.parametrize("criterion", sorted(early_exit.CRITERIA))
def test_exits_of_the_golden_table(criterion):
    found = scores(criterion, reference.golden_logits(), reference.LABELS)
    assert exits_at(found, [0.9, 0.9]).tolist() == GOLDEN_EXITS[criterion]


def test_alive_in_the_golden_table():
    found = scores(
        "correct_and_confident", reference.golden_logits(), reference.LABELS
    )
    alive = to_numpy(early_exit.alive(found, ops.array([0.9, 0.9])))
    expected = [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 0]]
    assert alive.tolist() == expected
    assert alive.dtype == "float32"


@pytest.mark.parametrize("criterion", sorted(early_exit.CRITERIA))
@pytest.mark.parametrize(
    "labels", [LABELS, LABELS[:, None], soft_labels()], ids=["1d", "2d", "soft"]
)
def test_scores_match_their_equations(criterion, labels):
    found = to_numpy(scores(criterion, logits(), labels))
    kept = labels[:, 0] if labels.shape[1:] == (1,) else labels
    expected = reference.all_scores(criterion, logits(), kept)
    assert found.shape == (60, 3)
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


@pytest.mark.parametrize("measure", ["confidence", "entropy"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_certainty_needs_no_label_and_is_float32(measure, dtype):
    low = ops.cast(logits(), dtype)
    found = early_exit.certainty(low, measure)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    rounded = to_numpy(ops.cast(low, "float32"))
    expected = [
        [reference.score(measure, z, 0) for z in row] for row in rounded
    ]
    np.testing.assert_allclose(to_numpy(found), expected, 1e-5, 1e-6)


def test_certainty_is_confidence_if_nothing_is_said():
    np.testing.assert_array_equal(
        to_numpy(early_exit.certainty(logits())),
        to_numpy(early_exit.certainty(logits(), "confidence")),
    )


@pytest.mark.parametrize("measure", ["confidence", "entropy"])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_certainty_of_extreme_logits_stays_in_its_range(measure, size):
    extreme = (size * np.eye(3)).astype("float32")
    uniform = np.full((1, 3), size, "float32")
    found = to_numpy(
        early_exit.certainty(np.concatenate([extreme, uniform]), measure)
    )
    least = 1 / 3 if measure == "confidence" else 0.0
    np.testing.assert_allclose(found, [1, 1, 1, least], atol=1e-6)
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_sure_of_the_label_is_correct_and_confident(threshold):
    """True from a threshold of one half up, and only there."""
    found = [
        exits_at(scores(name, logits(), LABELS), np.full(3, threshold))
        for name in ("correct_and_confident", "true_probability")
    ]
    assert len(set(found[0].tolist())) == 4
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("criterion", sorted(early_exit.CRITERIA))
def test_threshold_of_one_keeps_all(criterion):
    sure = np.zeros((60, 2, 5), "float32")
    sure[np.arange(60), :, LABELS] = 1e4
    found = scores(criterion, sure, LABELS)
    # On some processors, TensorFlow's softmax of these is one rounding less.
    np.testing.assert_allclose(to_numpy(found), np.ones((60, 1)), rtol=1e-7)
    assert exits_at(found, [1.0]).tolist() == [2] * 60


def test_score_must_be_greater_than_the_threshold():
    values = [[0.5, 0.9], [0.4, 0.9], [np.nextafter(0.5, 1, dtype="f4"), 0]]
    assert exits_at(values, [0.5, 0.75]).tolist() == [2, 2, 1]
    assert exits_at(values, [0.5, 0.9]).tolist() == [3, 3, 1]


def test_threshold_of_zero_lets_the_confident_leave():
    confident = scores("confidence", logits(), LABELS)
    assert exits_at(confident, [0.0] * 3).tolist() == [1] * 60
    wrong = np.zeros((1, 2, 5), "float32")
    wrong[..., 3] = 9.0
    found = scores("correct_and_confident", wrong, np.array([0]))
    assert exits_at(found, [0.0]).tolist() == [2]


def test_one_threshold_for_each_exit():
    values = np.random.default_rng(2).uniform(size=(200, 3)).astype("float32")
    thresholds = np.array([0.8, 0.5, 0.6], "float32")
    expected = [reference.exit_of(row, thresholds) for row in values]
    found = exits_at(values, thresholds)
    assert found.tolist() == expected and set(expected) == {1, 2, 3, 4}
    assert found.dtype == "int32"
    alive = to_numpy(
        early_exit.alive(
            ops.convert_to_tensor(values), ops.convert_to_tensor(thresholds)
        )
    )
    reached = np.arange(4)[None, :] < np.array(expected)[:, None]
    np.testing.assert_array_equal(alive, reached)


@pytest.mark.parametrize(
    "criterion",
    ["correct_and_confident", "confidence", "true_probability", "entropy"],
)
@pytest.mark.parametrize("threshold", [0.0, 0.9])
def test_nan_does_not_leave(criterion, threshold):
    broken = np.full((5, 3, 5), np.nan, "float32")
    found = scores(criterion, broken, np.arange(5))
    assert exits_at(found, [threshold] * 2).tolist() == [3] * 5


def test_nan_at_one_exit_leaves_the_next_one_alone():
    assert exits_at([[np.nan, 0.9], [0.9, np.nan]], [0.5, 0.5]).tolist() == [
        2,
        1,
    ]


@pytest.mark.parametrize("criterion", sorted(early_exit.CRITERIA))
def test_a_single_exit_is_the_last(criterion):
    found = scores(criterion, logits(exits=1), LABELS)
    assert tuple(found.shape) == (60, 0)
    if criterion in early_exit.MEASURES:
        early = ops.convert_to_tensor(logits(exits=1))[:, :-1]
        certain = early_exit.certainty(early, criterion)
        assert tuple(certain.shape) == (60, 0)
    assert exits_at(found, np.zeros(0)).tolist() == [1] * 60
    alive = to_numpy(early_exit.alive(found, ops.zeros((0,))))
    np.testing.assert_array_equal(alive, np.ones((60, 1)))


def test_logits_at_the_exit():
    exits = (np.arange(60) % 4 + 1).astype("int32")
    found = early_exit.at_exit(
        ops.convert_to_tensor(logits()), ops.convert_to_tensor(exits)
    )
    expected = [row[k - 1] for row, k in zip(logits(), exits, strict=True)]
    np.testing.assert_array_equal(to_numpy(found), expected)


@pytest.mark.parametrize(
    "criterion", ["correct_and_confident", "confidence", "entropy", "own"]
)
def test_no_gradient_flows_through_scores(criterion):
    labels = ops.convert_to_tensor(LABELS)
    own = early_exit.CRITERIA.get(
        criterion, lambda z, y: ops.sigmoid(ops.sum(z, axis=-1))
    )

    def summed(z):
        found = early_exit.exit_scores(z, labels, own)
        return ops.sum(found) + 0.0 * ops.sum(z)

    np.testing.assert_array_equal(
        gradient(summed, logits()), np.zeros_like(logits())
    )


def test_gradient_of_the_masked_loss_is_that_of_the_exits_reached():
    labels = ops.convert_to_tensor(LABELS)
    criterion = early_exit.CRITERIA["correct_and_confident"]

    def summed(z):
        values = early_exit.exit_scores(z, labels, criterion)
        alive = early_exit.alive(values, ops.array([0.8, 0.6, 0.4]))
        return ops.sum(alive * ops.sum(z**2, axis=-1))

    expected = 2 * logits()
    values = reference.all_scores("correct_and_confident", logits(), LABELS)
    for row, value in zip(expected, values, strict=True):
        row[reference.exit_of(value, [0.8, 0.6, 0.4]) :] = 0
    assert np.any(expected[:, -1]) and not np.all(expected[:, -1])
    np.testing.assert_allclose(gradient(summed, logits()), expected, 1e-5)
