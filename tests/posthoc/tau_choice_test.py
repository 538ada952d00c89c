"""The chosen strength against each strength in turn, class by class."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_lt import posthoc
from keras_lt.data import Batches
from keras_lt.posthoc.tau_choice import TAUS
from tests.checks import to_numpy
from tests.models import exit_models
from tests.models import small_models

COUNTS = [500, 150, 60, 25, 12, 5]
GROUPS = {"many": [0, 1], "medium": [2, 3], "few": [4, 5]}


def held_out(size=240, seed=0):
    """Logits of a model that prefers the head; class 3 has no examples."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([0, 1, 2, 4, 5], size=size)
    logits = 2.0 * np.eye(6)[labels] + rng.normal(size=(size, 6))
    return logits + np.log(COUNTS), labels


def reference(answers, labels):
    """Scores of one `tau`, counted class by class."""
    by_class = {}
    for label in np.unique(labels):
        own = [
            a == label
            for a, t in zip(answers, labels, strict=True)
            if t == label
        ]
        by_class[label] = sum(own) / len(own)
    scores = {
        "accuracy": np.mean(answers == labels),
        "balanced_accuracy": np.mean(list(by_class.values())),
    }
    for group, members in GROUPS.items():
        known = [by_class[label] for label in members if label in by_class]
        scores[group] = np.mean(known)
    return scores


def check_scores(sweep, row, expected, exit=...):
    for name, value in expected.items():
        assert sweep.scores[name][row][exit] == pytest.approx(value), name


def test_every_strength():
    logits, labels = held_out()
    sweep = posthoc.choose_tau(logits, labels, COUNTS)
    assert sweep.taus == TAUS
    np.testing.assert_allclose(sweep.taus, np.linspace(0, 2, 21))
    balanced = []
    for row, tau in enumerate(sweep.taus):
        adjusted = logits - tau * np.log(np.array(COUNTS) / sum(COUNTS))
        expected = reference(adjusted.argmax(axis=1), labels)
        check_scores(sweep, row, expected)
        balanced.append(expected["balanced_accuracy"])
    best = int(np.argmax(balanced))
    assert sweep.tau == sweep.taus[best]
    assert 0 < best < 20
    assert sweep.balanced_accuracy == pytest.approx(max(balanced))


def test_tau_is_the_best_on_average_over_classes():
    # Of the rare class, one example is found from tau = 0.5 on, the other from
    # 1.0 on; at 1.2 the examples of the frequent class are lost.
    counts = [1000, 10]
    gaps = np.log(1000 / 10) * np.array([1.15, 1.15, 1.15, 0.45, 0.95])
    logits = np.stack([gaps, np.zeros(5)], axis=-1)
    sweep = posthoc.choose_tau(logits, [0, 0, 0, 1, 1], counts)
    assert sweep.tau == 1.0
    balanced = sweep.scores["balanced_accuracy"]
    np.testing.assert_allclose(balanced[:5], 0.5)
    np.testing.assert_allclose(balanced[5:10], 0.75)
    np.testing.assert_allclose(balanced[10:12], 1.0)
    np.testing.assert_allclose(balanced[12:], 0.5)


def test_equally_good_taus_give_the_smallest():
    logits = np.array([[9.0, 0.0], [0.0, 9.0]])
    sweep = posthoc.choose_tau(logits, [0, 1], [10, 5], taus=[1.0, 0.5])
    assert sweep.taus == (0.5, 1.0)
    assert sweep.tau == 0.5


def test_groups_of_other_bounds_and_without_examples():
    logits, labels = held_out()
    sweep = posthoc.choose_tau(logits, labels, COUNTS, many=1000, few=10)
    assert sweep.scores["many"] is None
    few = (logits.argmax(axis=1) == 5)[labels == 5].mean()
    assert sweep.scores["few"][0] == pytest.approx(few)


def test_each_exit():
    parts = [held_out(seed=seed)[0] for seed in range(3)]
    labels = held_out(seed=1)[1]
    logits = np.stack(parts, axis=1)
    logits[:, 2] -= np.log(COUNTS)
    sweep = posthoc.choose_tau(logits, labels, COUNTS)
    for k in range(3):
        one = posthoc.choose_tau(logits[:, k], labels, COUNTS)
        assert sweep.tau[k] == one.tau
        assert sweep.balanced_accuracy[k] == one.balanced_accuracy
        for name, values in one.scores.items():
            np.testing.assert_array_equal(sweep.scores[name][:, k], values)
    adjusted = posthoc.adjust_logits(logits, COUNTS, sweep.tau)
    hits = adjusted[:, 1].argmax(axis=1) == labels
    best = np.mean([hits[labels == label].mean() for label in set(labels)])
    assert sweep.balanced_accuracy[1] == pytest.approx(best)


def test_many_examples_in_parts(monkeypatch):
    logits, labels = held_out()
    whole = posthoc.choose_tau(logits, labels, COUNTS)
    monkeypatch.setattr("keras_lt.posthoc.logit_arrays._VALUES_AT_A_TIME", 60)
    found = posthoc.choose_tau(logits, labels, COUNTS)
    for name, values in whole.scores.items():
        np.testing.assert_array_equal(found.scores[name], values)


def trained(model):
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if not variable.path.endswith("thresholds"):
            variable.assign(rng.uniform(-1.0, 1.5, size=variable.shape) ** 2)
    return model


def plain_model():
    inputs = keras.Input((3,))
    hidden = layers.Dense(8, activation="relu")(inputs)
    return trained(keras.Model(inputs, layers.Dense(6)(hidden)))


def vectors(size=30):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, 3)).astype("float32")
    return x, np.arange(size) % 5


@pytest.mark.parametrize("keep_bias", [False, True])
def test_every_normalised_model(keep_bias):
    model, (x, labels) = plain_model(), vectors()
    taus = [0.0, 0.7, 2.0]
    sweep = posthoc.choose_tau_normalization(
        model, x, labels, COUNTS, taus, keep_bias=keep_bias
    )
    for row, tau in enumerate(taus):
        copy = posthoc.tau_normalized(model, tau, keep_bias=keep_bias)
        answers = copy.predict(x, verbose=0).argmax(axis=1)
        check_scores(sweep, row, reference(answers, labels))
    assert sweep.tau in taus


def test_groups_of_normalised_models_have_bounds_that_are_free():
    x, labels = vectors()
    scores = posthoc.choose_tau_normalization(
        plain_model(), x, labels, COUNTS, [0.5], many=1000, few=10
    ).scores
    # Of the class with 5 training examples, there is none to look at.
    assert scores["many"] is scores["few"] is None
    assert scores["medium"][0] == pytest.approx(scores["balanced_accuracy"][0])


def test_long_tail_model_and_batches():
    """The labels stay with their images, in whatever order these come."""
    model = trained(small_models.vector_model())
    x, labels = vectors()
    labels = labels % small_models.CLASSES
    batches = Batches(
        (x, labels),
        batch_size=8,
        num_classes=small_models.CLASSES,
        one_hot=True,
    )
    assert not np.array_equal(batches.rows(), np.arange(30))
    found = posthoc.choose_tau_normalization(model, batches)
    expected = posthoc.choose_tau_normalization(model, x, labels)
    for name in ("accuracy", "balanced_accuracy"):
        np.testing.assert_allclose(found.scores[name], expected.scores[name])
    assert found.scores["many"] is None
    answers = model.predict(x, verbose=0) - to_numpy(model.classifier.bias)
    accuracy = (answers.argmax(axis=1) == labels).mean()
    assert found.scores["accuracy"][0] == pytest.approx(accuracy)


def test_each_exit_of_a_model():
    model = trained(exit_models.dense_model())
    x, labels = exit_models.vectors()
    sweep = posthoc.choose_tau_normalization(model, x, labels)
    assert len(sweep.tau) == model.num_exits
    copy = posthoc.tau_normalized(model, sweep.tau)
    logits = copy.exit_logits(x, verbose=0)
    for k, best in enumerate(sweep.balanced_accuracy):
        hits = logits[:, k].argmax(axis=1) == labels
        means = [hits[labels == label].mean() for label in set(labels)]
        assert np.mean(means) == pytest.approx(best)


def test_bad_input():
    logits, labels = held_out()
    with pytest.raises(ValueError, match="9 labels and 240 rows"):
        posthoc.choose_tau(logits, labels[:9], COUNTS)
    with pytest.raises(ValueError, match="0 labels and 0 rows"):
        posthoc.choose_tau(logits[:0], labels[:0], COUNTS)
    with pytest.raises(ValueError, match="below the number of classes, 6"):
        posthoc.choose_tau(logits, labels + 1, COUNTS)
    with pytest.raises(ValueError, match=r"\(n, 2\).*\(240, 6\)"):
        posthoc.choose_tau(logits, labels, [5, 5])
    with pytest.raises(ValueError, match="`tau` must be .* 0 or greater"):
        posthoc.choose_tau(logits, labels, COUNTS, taus=[0.5, -1.0])
    with pytest.raises(ValueError, match="`taus` must hold one number or more"):
        posthoc.choose_tau(logits, labels, COUNTS, taus=[])
    x, y = vectors()
    with pytest.raises(ValueError, match=r"\(n, 2\).*\(30, 6\)"):
        posthoc.choose_tau_normalization(plain_model(), x, y, [5, 5])
    with pytest.raises(ValueError, match="one example or more"):
        posthoc.choose_tau_normalization(plain_model(), x[:0], y[:0])
