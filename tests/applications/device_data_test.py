"""Recipes whose training images live on the device."""

import json

import keras
import numpy as np
import pytest

from applications import find_recipe
from applications.cbd import teacher_settings
from applications.distillation_settings import DistillationSettings
from applications.settings import Settings
from keras_lt import data
from keras_lt import training
from tests.applications.small_digits import SMALL
from tests.applications.small_digits import quick_recipe
from tests.applications.small_digits import setup_of

QUICK = {"verbose": 0, "epochs": 2}


@pytest.fixture(autouse=True)
def needs_digits():
    pytest.importorskip("sklearn")


def test_results_are_those_of_the_host(tmp_path):
    scores = []
    for device_data in (False, True):
        settings = Settings(
            **QUICK,
            output_dir=str(tmp_path / str(device_data)),
            device_data=device_data,
            # More raise in Keras on torch.
            steps_per_execution=1 + (keras.config.backend() != "torch"),
        )
        with quick_recipe():
            result = SMALL.run(settings)
        scores.append(result)
    np.testing.assert_allclose(
        scores[0].logits, scores[1].logits, rtol=1e-3, atol=1e-4
    )
    stored = json.loads((tmp_path / "True" / "result.json").read_text())
    assert stored["settings"]["device_data"] is True


def test_settings_decide_the_batches_and_the_steps(monkeypatch):
    settings = Settings(**QUICK, device_data=True, steps_per_execution=4)
    setup = setup_of(settings, monkeypatch)
    assert isinstance(setup.batches(), data.DeviceBatches)
    stage = training.Stage(
        name="a", epochs=1, batches=None, compile_options={"jit_compile": False}
    )
    [compiled] = setup.compiled([stage])
    assert compiled.compile_options == {
        "jit_compile": False,
        "steps_per_execution": 4,
    }
    plain = setup_of(Settings(**QUICK), monkeypatch).batches()
    assert type(plain) is data.Batches


def test_files_from_before_are_of_the_host():
    stored = json.loads(json.dumps(Settings().what_is_trained()))
    del stored["device_data"], stored["steps_per_execution"]
    assert Settings.from_json(stored) == Settings()


def test_teachers_are_trained_on_the_device_too(tmp_path):
    settings = Settings(
        method=("cbd",),
        distillation=DistillationSettings(teachers=2),
        device_data=True,
        steps_per_execution=2,
    )
    cifar = find_recipe("cifar10_lt")
    found = [
        teacher_settings(cifar, settings, number, tmp_path)
        for number in range(settings.distillation.teachers)
    ]
    for one in found:
        assert one.device_data
        assert one.steps_per_execution == 2
    assert {one.augmentation for one in found} == {"plain", "strong"}
