"""The loss of a model with exits, from given logits."""

import itertools

import numpy as np
import pytest
from keras import ops

from keras_lt.models.batch_loss import weighted_mean
from keras_lt.models.exit_loss import NORMALIZERS
from keras_lt.models.exit_loss import ExitLoss
from keras_lt.ops.crossentropy import crossentropy
from keras_lt.ops.early_exit import CRITERIA
from tests import early_exit_reference as reference
from tests.checks import to_numpy
from tests.gradients import gradient
from tests.models.exit_models import dense_model
from tests.models.small_models import CLASSES
from tests.models.small_models import SPARSE
from tests.models.small_models import softmax

GOLDEN = reference.golden_logits()
WEIGHTS = np.array([0.5, 0.5, 2.0, 0.2])
ROWS = 30


def batch(seed=0, exits=3):
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(ROWS, exits, CLASSES))
    return logits.astype("float32"), rng.integers(0, CLASSES, ROWS)


def losses_of(logits, labels):
    """Returns the cross-entropy of each example at each exit."""
    p = softmax(logits.astype("float64"))
    return -np.log(p[np.arange(len(labels)), :, labels])


def loss_of(logits, labels, class_weights=None, sample_weight=None, **settings):
    """Returns the training loss that the model makes of these logits."""
    model = dense_model(exits=["one", "two"][: logits.shape[1] - 1], **settings)
    if class_weights is not None:
        model.class_weights.assign(class_weights)
    model.compile("sgd", SPARSE(from_logits=True))
    outputs = {"exits": ops.convert_to_tensor(logits)}
    return float(
        model.compute_loss(None, labels, outputs, sample_weight, training=True)
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 1.29805),
        ({"normalizer": "batch"}, 1.29805),
        ({"normalizer": "survivors"}, 1.60240),
        ({"training_threshold": 1.0}, 2.29124),
        ({"training_threshold": 1.0, "exit_weights": [0, 0, 1]}, 0.43063),
        ({"criterion": "confidence"}, 1.05084),
        ({"criterion": "true_probability"}, 1.29805),
        ({"criterion": "correct"}, 1.27721),
        ({"criterion": "correct", "normalizer": "survivors"}, 2.01885),
    ],
)
def test_golden_totals(settings, expected):
    found = loss_of(GOLDEN, reference.LABELS, **settings)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("normalizer", "expected"),
    [("batch_weight", 2.91370), ("batch", 2.33096), ("survivors", 3.10492)],
)
@pytest.mark.parametrize("given", ["class", "sample", "both"])
def test_golden_totals_with_weights(normalizer, expected, given):
    by_class = np.empty(CLASSES)
    by_class[reference.LABELS] = WEIGHTS
    found = loss_of(
        GOLDEN,
        reference.LABELS,
        class_weights={"class": by_class, "both": by_class**0.5}.get(given),
        sample_weight={
            "sample": WEIGHTS.astype("float32"),
            "both": WEIGHTS.astype("float32") ** 0.5,
        }.get(given),
        normalizer=normalizer,
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_exit_that_nobody_reaches_adds_nothing():
    """By confidence, all four have left before the third exit."""
    found = loss_of(
        GOLDEN, reference.LABELS, criterion="confidence", normalizer="survivors"
    )
    np.testing.assert_allclose(found, 1.02999 + 0.08338, atol=1e-5)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_loss_matches_the_reference(normalizer, criterion):
    logits, labels = batch()
    rng = np.random.default_rng(1)
    class_weights = rng.uniform(0.2, 2.0, CLASSES).astype("float32")
    sample_weight = rng.uniform(0.2, 2.0, ROWS).astype("float32")
    thresholds, exit_weights = [0.8, 0.6], [0.3, 0.0, 2.0]
    scores = reference.all_scores(criterion, logits, labels)
    exits = np.array([reference.exit_of(row, thresholds) for row in scores])
    assert set(exits) == {1, 2, 3} or criterion == "correct"
    expected = reference.total(
        losses_of(logits, labels),
        exits,
        class_weights[labels] * sample_weight,
        exit_weights,
        normalizer,
    )
    found = loss_of(
        logits,
        labels,
        class_weights,
        sample_weight,
        criterion=criterion,
        normalizer=normalizer,
        training_threshold=thresholds,
        exit_weights=exit_weights,
    )
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_one_exit_is_the_plain_loss(normalizer):
    logits, labels = batch(exits=1)
    expected = losses_of(logits, labels).mean()
    found = loss_of(logits, labels, normalizer=normalizer)
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_threshold_of_one_is_the_sum_over_exits(normalizer):
    logits, labels = batch()
    expected = losses_of(logits, labels).mean(axis=0).sum()
    found = loss_of(
        logits, labels, normalizer=normalizer, training_threshold=1.0
    )
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_only_the_first_exit_counts_if_all_leave_there(normalizer):
    logits, labels = batch()
    expected = 0.5 * losses_of(logits, labels)[:, 0].mean()
    found = loss_of(
        logits,
        labels,
        normalizer=normalizer,
        criterion="confidence",
        training_threshold=0.0,
        exit_weights=[0.5, 1.0, 1.0],
    )
    np.testing.assert_allclose(found, expected, 1e-5)


def test_an_example_counts_no_less_the_later_it_leaves():
    """As the threshold rises, for each example alone."""
    logits, labels = batch()
    criterion = ExitLoss(3, 0.5, "correct_and_confident", None, "batch")
    values = losses_of(logits, labels).astype("float32")
    counted = []
    for threshold in (0.0, 0.6, 0.8, 0.9, 1.0):
        criterion.threshold = threshold
        alive = to_numpy(
            criterion.alive(
                ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
            )
        )
        counted.append((alive * values).sum(axis=1))
    steps = np.diff(counted, axis=0)
    assert (steps >= 0).all() and (steps > 0.1).any(axis=1).all()


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_gradient_is_that_of_the_exits_reached(normalizer):
    """In NumPy: nothing of it goes through the decision to leave."""
    logits, labels = batch()
    weights = np.random.default_rng(2).uniform(0.2, 2.0, ROWS)
    exit_weights = np.array([0.5, 1.0, 2.0])
    layer = ExitLoss(
        3, [0.8, 0.6], "correct_and_confident", exit_weights, normalizer
    )
    ids = ops.convert_to_tensor(labels)

    def total(z):
        values = ops.stack([crossentropy(ids, z[:, k]) for k in range(3)], 1)
        given = ops.convert_to_tensor(weights, "float32")
        return layer.total(values, layer.alive(ids, z), given, weighted_mean)

    scores = reference.all_scores("correct_and_confident", logits, labels)
    exits = np.array([reference.exit_of(row, [0.8, 0.6]) for row in scores])
    alive = np.arange(3) < exits[:, None]
    shares = weights[:, None] * alive
    shares = shares / {
        "batch": ROWS,
        "batch_weight": weights.sum(),
        "survivors": shares.sum(axis=0),
    }[normalizer]  # fmt: skip
    error = softmax(logits.astype("float64"))
    error -= np.eye(CLASSES)[labels][:, None]
    expected = (exit_weights * shares)[:, :, None] * error
    np.testing.assert_allclose(gradient(total, logits), expected, 1e-4, 1e-6)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_order_of_the_examples_does_not_matter(normalizer):
    logits, labels = batch()
    order = np.random.default_rng(3).permutation(ROWS)
    found = [
        loss_of(z, y, [1, 2, 3, 4], normalizer=normalizer)
        for z, y in ((logits, labels), (logits[order], labels[order]))
    ]
    np.testing.assert_allclose(*found, 1e-5)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_an_example_of_weight_zero_is_left_out(normalizer):
    logits, labels = batch()
    keep = np.arange(ROWS) % 3 > 0
    found = loss_of(
        logits,
        labels,
        sample_weight=keep.astype("float32"),
        normalizer=normalizer,
    )
    expected = loss_of(logits[keep], labels[keep], normalizer=normalizer)
    if normalizer == "batch":  # Divides by all rows, whatever their weight.
        expected *= keep.mean()
    np.testing.assert_allclose(found, expected, 1e-5)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_scale_of_the_weights_drops_out_but_for_batch(normalizer):
    logits, labels = batch()
    small, large = (
        loss_of(logits, labels, scale * WEIGHTS, normalizer=normalizer)
        for scale in (1.0, 5.0)
    )
    factor = 5.0 if normalizer == "batch" else 1.0
    np.testing.assert_allclose(large, factor * small, 1e-5)


def test_all_weights_zero_is_finite():
    logits, labels = batch()
    for normalizer, threshold in itertools.product(NORMALIZERS, (0.0, 1.0)):
        found = loss_of(
            logits,
            labels,
            sample_weight=np.zeros(ROWS, "float32"),
            normalizer=normalizer,
            training_threshold=threshold,
        )
        assert found == 0.0


def test_own_criterion_gets_logits_and_labels():
    logits, labels = batch()
    seen = []

    def criterion(z, y):
        seen.append((to_numpy(z), to_numpy(y)))
        return ops.cast(ops.equal(y, 2), "float32")

    values = losses_of(logits, labels)
    expected = np.where(labels == 2, values[:, 0], values.sum(axis=1)).mean()
    found = loss_of(logits, labels, criterion=criterion)
    np.testing.assert_allclose(found, expected, 1e-5)
    for k, (z, y) in enumerate(seen):
        np.testing.assert_array_equal(z, logits[:, k])
        np.testing.assert_array_equal(y, labels)
    assert len(seen) == 2


def test_evaluation_counts_the_answer_of_each_example():
    """Of its exit in use: without weights of classes, exits or others."""
    logits, labels = batch()
    model = dense_model(training_threshold=0.3, exit_weights=[9.0, 0.0, 3.0])
    model.class_weights.assign([1, 2, 3, 4])
    model.compile("sgd", SPARSE(from_logits=True))
    leaves_at = np.arange(ROWS) % 3 + 1
    outputs = {
        "exits": ops.convert_to_tensor(logits),
        "leaves_at": ops.convert_to_tensor(leaves_at),
    }
    values = losses_of(logits, labels)[np.arange(ROWS), leaves_at - 1]
    found = model.compute_loss(None, labels, outputs, training=False)
    np.testing.assert_allclose(float(found), values.mean(), 1e-5)
    weights = np.linspace(0.5, 2.0, ROWS).astype("float32")
    found = model.compute_loss(None, labels, outputs, weights, training=False)
    expected = np.mean(values * weights)
    np.testing.assert_allclose(float(found), expected, 1e-5)
