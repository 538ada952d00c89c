import dataclasses
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

from applications import dro_lt
from applications import initial_run
from applications import judging
from applications.digits_lt import recipe
from applications.robustness_settings import RobustnessSettings
from applications.run_folder import RunFolder
from applications.settings import Settings
from keras_lt import report
from tests.applications.small_digits import quick_recipe
from tests.applications.small_digits import setup_of
from tests.checks import to_numpy

pytest.importorskip("sklearn")

DRO_LT = RobustnessSettings(feature_epochs=2)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A small network, and no plots but where they are tested."""
    with quick_recipe(lambda folder: "whole" in str(folder)):
        yield


def settings_of(folder, method=("dro_lt",), robustness=DRO_LT, **others):
    return Settings(
        method=method,
        robustness=robustness,
        epochs=1,
        validation_per_class=2,
        output_dir=str(folder),
        verbose=0,
        **others,
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The folder of a run of the first stage alone."""
    folder = tmp_path_factory.mktemp("runs") / "plain"
    robustness = RobustnessSettings()
    recipe.run(settings_of(folder, ("crossentropy",), robustness))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder and the result of a run of all three stages."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return folder, recipe.run(settings_of(folder))


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
    result = recipe.run(settings_of(tmp_path / "run", initial_run=str(plain)))
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


def test_initial_weights_are_those_of_the_run(plain, monkeypatch):
    settings = settings_of("unused", initial_run=str(plain), seed=5)
    setup = setup_of(settings, monkeypatch)
    initial_run.load_initial_run(setup)
    saved = keras.models.load_model(plain / "model.keras", compile=False)
    for one, two in zip(
        setup.model.get_weights(), saved.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_thresholds_are_those_of_the_settings(plain, tmp_path, monkeypatch):
    method = ("dro_lt", "elf")
    settings = settings_of("unused", method, exits=("stage_1",), threshold=0.8)
    first = setup_of(settings, monkeypatch).model
    first.threshold = 0.3
    first.training_threshold = 0.4
    first.class_weights.assign(np.full(10, 7.0))

    def change(record):
        record["settings"].update(method=["elf"], exits=["stage_1"])

    folder = changed_run(plain, tmp_path / "exits", change)
    first.save(folder / "model.keras")
    settings = dataclasses.replace(settings, initial_run=str(folder), seed=1)
    setup = setup_of(settings, monkeypatch)
    initial_run.load_initial_run(setup)
    assert setup.model.threshold == [0.8]
    assert setup.model.training_threshold == [0.9]
    assert to_numpy(setup.model.class_weights).tolist() == [1.0] * 10
    for one, two in zip(
        setup.model.trainable_variables, first.trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(two))


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
            recipe.run(settings_of(folder))
    assert not (folder / "result.json").exists()
    result = recipe.run(settings_of(folder, resume=True))
    _, long_way = whole
    stages = [row["stage"] for row in result.history]
    assert stages == ["classification", "features", "features", "classifier"]
    assert_same_epochs(result.history, long_way.history)
    np.testing.assert_allclose(result.logits, long_way.logits, atol=1e-3)


def changed_run(plain, folder, change):
    """A copy of the record of a run, with some of it changed."""
    record = json.loads((plain / "result.json").read_text())
    change(record)
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            lambda record: record.update(application="cifar10_lt"),
            "of application='cifar10_lt', for one of 'digits_lt'",
        ),
        (
            lambda record: record["split"].update(imbalance_factor=20),
            "of imbalance_factor=20, for one of 50",
        ),
        (
            lambda record: record["split"].update(seed=4),
            "of split_seed=4, for one of 0",
        ),
        (
            lambda record: record["split"].update(validation_fraction=0.1),
            "of validation_fraction=0.1, for one of 0",
        ),
        (
            lambda record: record["class_counts"].pop(),
            "of class_counts='others, 9 in all', for one of '10 entries'",
        ),
        (
            lambda record: record["settings"].update(method=["ldam"]),
            "of classifier='cosine', for one of 'linear'",
        ),
        (
            lambda record: record["settings"].update(method=["elf"]),
            "of early exits=True, for one of False",
        ),
        (
            lambda record: record["settings"].update(backbone="resnet56"),
            "of backbone='resnet56', for one of 'resnet20'",
        ),
        (
            lambda record: record["settings"].update(method=["dro_lt"]),
            "whose method has dro_lt",
        ),
        (
            lambda record: record["settings"].update(method=["focal", "crt"]),
            "whose method has crt",
        ),
    ],
)
def test_initial_run_of_something_else_is_refused(
    plain, tmp_path, monkeypatch, change, match
):
    folder = changed_run(plain, tmp_path / "other", change)
    setup = setup_of(
        settings_of("unused", initial_run=str(folder)), monkeypatch
    )
    named = dataclasses.replace(setup.settings, backbone="resnet20")
    setup = dataclasses.replace(setup, settings=named)
    with pytest.raises(ValueError, match=match):
        initial_run.load_initial_run(setup)


def test_runs_from_before_name_a_backbone_of_their_own(
    plain, tmp_path, monkeypatch
):
    def change(record):
        record["settings"].update(backbone="resnet20", image_size=[64, 64])

    folder = changed_run(plain, tmp_path / "older", change)
    shutil.copy(plain / "model.keras", folder)
    settings = settings_of("unused", initial_run=str(folder))
    setup = setup_of(settings, monkeypatch)
    found = initial_run.load_initial_run(setup)
    assert found["folder"] == "older"


def test_folders_from_before_name_a_backbone_of_their_own(plain, tmp_path):
    start = json.loads((plain / "settings.json").read_text())
    start["settings"].update(backbone="resnet20", image_size=[64, 64])
    (tmp_path / "settings.json").write_text(json.dumps(start))
    own = Settings.from_json(start["settings"])
    own = dataclasses.replace(
        own, output_dir=str(tmp_path), resume=True, image_size=None
    )
    same = dataclasses.replace(own, backbone=None)
    assert RunFolder.check("digits_lt", same) == start
    other = dataclasses.replace(own, backbone="resnet32")
    with pytest.raises(ValueError, match="backbone='resnet32'.*'resnet20'"):
        RunFolder.check("digits_lt", other)


def test_initial_run_with_other_exits_is_refused(plain, tmp_path, monkeypatch):
    def change(record):
        record["settings"].update(method=["elf"], exits=["stage_2"])

    folder = changed_run(plain, tmp_path / "other", change)
    settings = settings_of(
        "unused",
        ("dro_lt", "elf"),
        exits=("stage_1",),
        initial_run=str(folder),
    )
    setup = setup_of(settings, monkeypatch)
    with pytest.raises(ValueError, match=r"of exits=.*for one of"):
        initial_run.load_initial_run(setup)


def test_initial_run_must_be_finished(tmp_path, monkeypatch):
    settings = settings_of(tmp_path / "run", initial_run=str(tmp_path))
    with pytest.raises(ValueError, match="must be the output folder of a"):
        recipe.run(settings)
    assert not pathlib.Path(settings.output_dir).exists()


def test_initial_run_of_another_network_is_refused(plain, monkeypatch):
    settings = settings_of("unused", initial_run=str(plain))
    setup = setup_of(settings, monkeypatch)
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(5, 3, name="stage_1_conv")(images)
    model = type(setup.model)(keras.Model(images, x), 10)
    setup = dataclasses.replace(setup, model=model)
    with pytest.raises(ValueError, match="with 14 variables, .* with 4, or"):
        initial_run.load_initial_run(setup)


def test_initial_run_without_a_model_is_refused(plain, tmp_path, monkeypatch):
    folder = changed_run(plain, tmp_path / "other", lambda record: None)
    settings = settings_of("unused", initial_run=str(folder))
    setup = setup_of(settings, monkeypatch)
    with pytest.raises(ValueError, match="must hold a model that can be read"):
        initial_run.load_initial_run(setup)
