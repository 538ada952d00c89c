import dataclasses
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

from applications import initial_run
from applications.run_folder import RunFolder
from applications.settings import Settings
from keras_lt import data
from tests.applications.quick_runs import plain_run
from tests.applications.quick_runs import settings_of
from tests.applications.small_digits import SMALL
from tests.applications.small_digits import quick_recipe
from tests.applications.small_digits import setup_of
from tests.checks import to_numpy

pytest.importorskip("sklearn")


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A small network, and no plots."""
    with quick_recipe():
        yield


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return plain_run(tmp_path_factory)


def changed_run(plain, folder, change):
    """A copy of the record of a run, with some of it changed."""
    record = json.loads((plain / "result.json").read_text())
    change(record)
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(record))
    return folder


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


def test_initial_run_of_other_pixels_is_refused(plain, monkeypatch):
    settings = settings_of("unused", initial_run=str(plain))
    setup = setup_of(settings, monkeypatch)
    other = dataclasses.replace(
        setup, evaluation=data.transforms.Normalize(0.3, 0.5)
    )
    with pytest.raises(ValueError, match=r"backbone=None with weights=False"):
        initial_run.load_initial_run(other)


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
        SMALL.run(settings)
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
