"""What fit and evaluate tell of a model with exits, by hand."""

import keras
import numpy as np
import pytest

from keras_lt import metrics
from tests.checks import EAGER
from tests.metrics.references import class_mean
from tests.models import dense_exits
from tests.models.exit_models import dense_model
from tests.models.exit_models import seeded_weights
from tests.models.exit_models import vectors
from tests.models.small_models import SPARSE
from tests.models.small_models import softmax

ROWS = 40
COUNTS = [500, 200, 50, 5]
GROUPS = {"many": [0, 1], "medium": [2], "few": [3]}
WEIGHTS = np.linspace(0.0, 2.0, ROWS).astype("float32")


def compiled_model(*given, **kwargs):
    """Returns a model that does not move, whose exits all are used."""
    model = seeded_weights(
        dense_model(
            threshold=[0.55, 0.5],
            training_threshold=[0.35, 0.4],
            criterion="true_probability",
        )
    )
    model.compile(
        keras.optimizers.SGD(0.0),
        SPARSE(from_logits=True),
        metrics=list(given),
        **kwargs,
    )
    return model


class Outcome:
    """The answers of that model to some rows, in NumPy."""

    def __init__(self, x, y):
        model = compiled_model()
        _, logits = dense_exits.forward(model, x)
        rows = np.arange(len(y))
        self.y = y
        self.exits = dense_exits.exits_of(
            logits, y, "confidence", model.threshold
        )
        self.hard = 3 == dense_exits.exits_of(
            logits, y, "true_probability", model.training_threshold
        )
        self.answers = logits[rows, self.exits - 1]
        self.full = logits[:, -1]
        values = dense_exits.losses(logits, y)
        self.losses = values[rows, self.exits - 1]

    def correct(self, full=False):
        logits = self.full if full else self.answers
        return logits.argmax(axis=-1) == self.y

    def shares(self):
        found = {f"exit_{k}_share": (self.exits == k).mean() for k in (1, 2, 3)}
        return {**found, "hard_share": self.hard.mean()}

    def group_shares(self):
        return {
            f"exit_{k}_share_{group}": (
                self.exits[np.isin(self.y, classes)] == k
            ).mean()
            for k in (1, 2, 3)
            for group, classes in GROUPS.items()
        }


TRAINING = vectors(ROWS, seed=3)
HELD_OUT = vectors(ROWS // 2, seed=27)


@pytest.fixture(scope="module")
def outcome():
    return Outcome(*TRAINING)


def test_the_rows_tell_the_answers_apart(outcome):
    """Or the other tests show little."""
    assert set(outcome.exits) == {1, 2, 3}
    assert outcome.correct().mean() != outcome.correct(full=True).mean()
    assert 0 < outcome.hard.mean() != (outcome.exits == 3).mean()


def test_logs_of_fit_and_validation(outcome):
    model = compiled_model("accuracy")
    logs = model.fit(
        *TRAINING,
        validation_data=HELD_OUT,
        batch_size=16,
        epochs=2,
        verbose=0,
    ).history
    names = {"loss", "accuracy", "full_accuracy", *outcome.shares()}
    assert set(logs) == names | {f"val_{name}" for name in names}
    for prefix, of_rows in (("", outcome), ("val_", Outcome(*HELD_OUT))):
        expected = {
            "accuracy": of_rows.correct().mean(),
            "full_accuracy": of_rows.correct(full=True).mean(),
            **of_rows.shares(),
        }
        if prefix:
            expected["loss"] = of_rows.losses.mean()
        for name, value in expected.items():
            # Twice, as each epoch starts anew.
            assert logs[prefix + name] == pytest.approx([value] * 2, rel=1e-4)


def test_logs_of_evaluate(outcome):
    model = compiled_model(
        "accuracy",
        metrics.GroupAccuracy(COUNTS),
        metrics.ExitShares(3, class_counts=COUNTS),
        keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top_2"),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="w")],
    )
    logs = model.evaluate(
        *TRAINING,
        sample_weight=WEIGHTS,
        batch_size=16,
        verbose=0,
        return_dict=True,
    )
    expected = {
        "loss": np.mean(outcome.losses * WEIGHTS),
        **outcome.shares(),
        **outcome.group_shares(),
    }
    for prefix, full in (("", False), ("full_", True)):
        logits = outcome.full if full else outcome.answers
        correct = outcome.correct(full)
        best = np.argsort(logits, axis=-1)[:, -2:]
        expected[f"{prefix}accuracy"] = correct.mean()
        expected[f"{prefix}w"] = np.average(correct, weights=WEIGHTS)
        expected[f"{prefix}top_2"] = (best == outcome.y[:, None]).any(1).mean()
        for group, classes in GROUPS.items():
            value = class_mean(outcome.y, logits, classes)
            expected[f"{prefix}{group}"] = value
    assert logs.keys() == expected.keys()
    assert logs == pytest.approx(expected, rel=1e-4)


def test_one_name_in_metrics_and_weighted_metrics(outcome):
    model = compiled_model("accuracy", weighted_metrics=["accuracy"])
    logs = model.evaluate(
        *TRAINING, sample_weight=WEIGHTS, verbose=0, return_dict=True
    )
    for prefix, full in (("", False), ("full_", True)):
        correct = outcome.correct(full)
        assert logs[f"{prefix}accuracy"] == pytest.approx(correct.mean())
        assert logs[f"{prefix}weighted_accuracy"] == pytest.approx(
            np.average(correct, weights=WEIGHTS)
        )


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("acc", "acc"),
        ("sparse_categorical_accuracy", "sparse_categorical_accuracy"),
        (keras.metrics.sparse_categorical_accuracy, None),
        (keras.metrics.SparseCategoricalAccuracy(name="own"), "own"),
        (keras.metrics.SparseCategoricalAccuracy, None),
    ],
)
def test_kinds_of_metrics(metric, name, outcome):
    name = name or "sparse_categorical_accuracy"
    model = compiled_model(metric, **EAGER)
    logs = model.test_on_batch(*TRAINING, return_dict=True)
    found = {key: float(value) for key, value in logs.items()}
    assert found[name] == pytest.approx(outcome.correct().mean())
    assert found[f"full_{name}"] == pytest.approx(outcome.correct(True).mean())


def test_loss_as_a_metric(outcome):
    model = compiled_model(SPARSE(from_logits=True), **EAGER)
    logs = model.test_on_batch(*TRAINING, return_dict=True)
    for prefix, logits in (("", outcome.answers), ("full_", outcome.full)):
        chances = softmax(logits)[np.arange(ROWS), outcome.y]
        found = float(logs[f"{prefix}sparse_categorical_crossentropy"])
        assert found == pytest.approx(-np.log(chances).mean(), rel=1e-4)


def test_metric_without_a_configuration():
    class Scaled(keras.metrics.Mean):
        def __init__(self, scale):
            super().__init__(name="scaled")

    wrapped = keras.metrics.MeanMetricWrapper(lambda y, y_pred: y, "wrapped")
    for metric in (Scaled(2.0), wrapped):
        with pytest.raises(ValueError, match=f"'{metric.name}'.*`get_config`"):
            compiled_model(metric)


def test_given_metric_does_not_share_its_state():
    given = keras.metrics.SparseCategoricalAccuracy(name="own")
    model = compiled_model(given, **EAGER)
    model.test_on_batch(*TRAINING)
    first = [id(one) for one in given.variables]
    for metric in model.metrics:
        if metric.name.startswith("full_"):
            assert not set(first) & {id(one) for one in metric.variables}


def test_metrics_are_no_weights_of_the_model():
    model = compiled_model("accuracy", metrics.ExitShares(3, COUNTS), **EAGER)
    before = len(model.weights)
    model.test_on_batch(*TRAINING)
    assert len(model.weights) == before
    assert len({id(one) for one in model.weights}) == before


def test_names_of_one_exit():
    model = dense_model(exits=[])
    model.compile("sgd", SPARSE(from_logits=True), metrics=["accuracy"])
    logs = model.train_on_batch(*TRAINING, return_dict=True)
    assert set(logs) == {
        "loss",
        "accuracy",
        "full_accuracy",
        "exit_1_share",
        "hard_share",
    }
    assert float(logs["accuracy"]) == float(logs["full_accuracy"])
    assert float(logs["exit_1_share"]) == float(logs["hard_share"]) == 1.0


def test_measure_of_use_follows_an_entropy_criterion():
    x, y = TRAINING
    settings = {"threshold": [0.2, 0.15], "criterion": "entropy"}
    model = seeded_weights(dense_model(**settings))
    _, logits = dense_exits.forward(model, x)
    exits = dense_exits.exits_of(logits, y, "entropy", [0.2, 0.15])
    assert set(exits) == {1, 2, 3}
    assert model.measure == "entropy"
    found = keras.ops.convert_to_numpy(model(x)["leaves_at"])
    np.testing.assert_array_equal(found, exits)
    assert dense_model(criterion="correct").measure == "confidence"


def test_shares_must_be_of_the_exits_of_the_model():
    with pytest.raises(ValueError, match="the number of exits.*num_exits=4"):
        compiled_model(metrics.ExitShares(4))
