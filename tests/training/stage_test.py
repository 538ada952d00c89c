import pytest

from keras_lt.training import Stage
from keras_lt.training.stage import resolved


def stage(name="one", **arguments):
    return Stage(**{"name": name, "epochs": 1, "batches": None, **arguments})


def test_takes_from_the_stage_before_what_is_none():
    stages = resolved(
        [
            stage("a", loss="x", optimizer="sgd", trainable="all"),
            stage("b", loss="y", metrics=["accuracy"], objectives=[1]),
            stage("c", objectives=(), trainable="classifier"),
        ]
    )
    assert [one.loss for one in stages] == ["x", "y", "y"]
    assert [one.optimizer for one in stages] == ["sgd"] * 3
    assert [one.metrics for one in stages] == [None, ["accuracy"], ["accuracy"]]
    assert [one.objectives for one in stages] == [None, [1], ()]
    assert [one.trainable for one in stages] == ["all", "all", "classifier"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stage(epochs=0), "`epochs` must be a whole number"),
        (lambda: stage(name=""), "`name` must be a word without a slash"),
        (lambda: stage(name="a/b"), "`name` must be a word without a slash"),
        (lambda: resolved([]), "`stages` must hold one stage or more"),
        (
            lambda: resolved([stage("a"), stage("a")]),
            r"a name of its own. Received: names=\['a', 'a'\]",
        ),
        (
            lambda: resolved([stage("a", optimizer="sgd")]),
            "first stage must have a `loss`.*stage 'a'",
        ),
        (
            lambda: resolved([stage("a", loss="mse")]),
            "first stage must have a `optimizer`",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
