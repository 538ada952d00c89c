import dataclasses
import json

import keras
import numpy as np
import pytest

from applications import dro_lt
from applications import judging
from keras_lt import report
from tests.applications.quick_runs import plain_run
from tests.applications.quick_runs import settings_of
from tests.applications.small_digits import SMALL
from tests.applications.small_digits import quick_recipe

pytest.importorskip("sklearn")


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A small network, and no plots but where they are tested."""
    with quick_recipe(lambda folder: "whole" in str(folder)):
        yield


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return plain_run(tmp_path_factory)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder and the result of a run of all three stages."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, SMALL.run(settings_of(folder))


def assert_same_epochs(history, other):
    """Compares all but the clock."""
    assert len(history) == len(other)
    for one, two in zip(history, other, strict=True):
        one, two = dict(one, seconds=0), dict(two, seconds=0)
        assert (one.pop("stage"), one) == (
            two.pop("stage"),
            pytest.approx(two, abs=1e-4),
        )


def test_result_says_what_each_stage_did(whole):
    folder, result = whole
    record = json.loads((folder / "result.json").read_text())
    assert record == json.loads(json.dumps(result.record()))
    lengths = {name: one["epochs"] for name, one in record["stages"].items()}
    assert lengths == {"classification": 1, "features": 2, "classifier": 1}
    seconds = [one["seconds"] for one in record["stages"].values()]
    assert record["seconds"] == pytest.approx(sum(seconds), abs=0.2)
    assert record["initial_run"] is None
    history = record["history"]
    assert all(len(curve) == 4 for curve in history.values())
    assert None not in history["loss"] + history["val_accuracy"]
    for name in ("radius_mean", "distance_few", "nearest_few"):
        first, *features, last = history[f"robustness_{name}"]
        assert first is None and last is None and None not in features
    rate, *others = history["learning_rate"]
    assert rate > 0 and others == [None] * 3
    card = report.load(folder / "report" / "as_trained")
    assert card.history["robustness_nearest_few"][0] is None
    plot = folder / "report" / "as_trained" / "training_curves.png"
    assert plot.exists()


def test_scores_on_held_out_images_are_recorded(whole):
    folder, result = whole
    record = json.loads((folder / "result.json").read_text())
    examples, logits = result.split.validation, result.held_out_logits
    shift = record["tau"] * np.log(result.split.class_counts)
    expected = {"images": 20}
    for name, answers in {
        "as_trained": logits,
        "adjusted": logits - shift,
    }.items():
        hits = answers.argmax(axis=-1) == examples.y
        accuracies = [hits[examples.y == label].mean() for label in range(10)]
        expected[name] = pytest.approx(np.mean(accuracies), abs=1e-5)
    assert record["held_out"] == expected


def test_saved_model_is_judged_like_the_run(whole):
    folder, result = whole
    card = judging.judge(folder)
    assert card.accuracy == result.cards["as_trained"].accuracy


def test_initial_run_is_the_first_stage(whole, plain, tmp_path):
    result = SMALL.run(settings_of(tmp_path / "run", initial_run=str(plain)))
    _, long_way = whole
    stages = [row["stage"] for row in result.history]
    assert stages == ["features", "features", "classifier"]
    assert_same_epochs(result.history, long_way.history[1:])
    np.testing.assert_allclose(result.logits, long_way.logits, atol=1e-3)
    record = json.loads((tmp_path / "run" / "result.json").read_text())
    first = json.loads((plain / "result.json").read_text())
    assert record["initial_run"] == {
        "folder": "plain",
        "method": ["crossentropy"],
        "augmentation": "plain",
        "epochs": 1,
        "scores": first["scores"]["as_trained"],
        **{name: first[name] for name in ("seed", "commit", "date", "seconds")},
    }
    assert record["settings"]["initial_run"] == "plain"


class Stop(keras.callbacks.Callback):
    """Ends the training as a power cut would."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


def test_run_goes_on_in_the_middle_of_the_features(
    whole, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        features = dro_lt.features

        def stopped(setup):
            stage = features(setup)
            callbacks = [*stage.callbacks, Stop()]
            return dataclasses.replace(stage, callbacks=callbacks)

        patch.setattr(dro_lt, "features", stopped)
        with pytest.raises(InterruptedError):
            SMALL.run(settings_of(folder))
    assert not (folder / "result.json").exists()
    result = SMALL.run(settings_of(folder, resume=True))
    _, long_way = whole
    stages = [row["stage"] for row in result.history]
    assert stages == ["classification", "features", "features", "classifier"]
    assert_same_epochs(result.history, long_way.history)
    np.testing.assert_allclose(result.logits, long_way.logits, atol=1e-3)
