"""Runs with what raises accuracy whatever the method."""

import json

import keras
import numpy as np
import pytest

from applications import judging
from applications.distillation_settings import DistillationSettings
from applications.settings import Settings
from applications.training_settings import TrainingSettings
from keras_lt import training
from tests.applications.small_digits import SMALL
from tests.applications.small_digits import quick_recipe
from tests.checks import to_numpy

pytest.importorskip("sklearn")


@pytest.fixture(scope="module", autouse=True)
def quick():
    """A small network, and no plots."""
    with quick_recipe():
        yield


def run(folder, method, choices, **others):
    settings = Settings(
        method=method,
        training=TrainingSettings(**choices),
        **{
            "epochs": 2,
            "output_dir": str(folder),
            "validation_per_class": 2,
            **({"exits": ("stage_1",)} if "elf" in method else {}),
            "verbose": 0,
            **others,
        },
    )
    return SMALL.run(settings)


FIRST = {"weight_decay": 1e-3, "batch_size": 64, "mixing": "mixup", "ema": 0.9}
SECOND = {
    "max_norm": 0.25,
    "classifier_start": "trained",
    "retraining_decay": 0.1,
}


def model_of(folder):
    return keras.models.load_model(folder / "model.keras", compile=False)


def norms_of(model):
    kernel = to_numpy(model.classifier.kernel)
    return np.linalg.norm(kernel, axis=0)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "first"
    run(folder, ("crossentropy",), FIRST)
    return folder


def test_run_says_what_it_was_told(first):
    record = json.loads((first / "result.json").read_text())
    found = record["settings"]["training"]
    assert {name: found[name] for name in FIRST} == FIRST
    assert record["schedule"]["weight_decay"] == 1e-3
    assert record["schedule"]["batch_size"] == 64
    card = judging.judge(first)
    assert card.accuracy == record["scores"]["as_trained"]["accuracy"]


def test_norms_are_bound_by_those_of_the_first_stage(first, tmp_path):
    choices = {"initial_run": str(first), "retraining_epochs": 3}
    bound = {"max_norm": 0.25, "classifier_start": "trained"}
    run(tmp_path / "a", ("crt",), bound, **choices)
    (limit,) = training.norm_limits(model_of(first), 0.25)
    before, after = (
        norms_of(model_of(first)),
        norms_of(model_of(tmp_path / "a")),
    )
    assert before.max() > limit * 1.01
    assert after.max() == pytest.approx(limit, rel=1e-5)
    record = json.loads((tmp_path / "a" / "result.json").read_text())
    assert list(record["stages"]) == ["crt"]
    assert record["settings"]["training"]["max_norm"] == 0.25


class Cut(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


@pytest.mark.slow
def test_run_of_both_stages_goes_on_in_the_second(tmp_path, monkeypatch):
    choices = {"retraining_epochs": 2, "resume": True}
    both = {**FIRST, **SECOND}
    with monkeypatch.context() as patch:
        whole = training.retrained_classifier
        patch.setattr(
            training,
            "retrained_classifier",
            lambda **options: whole(**options, callbacks=[Cut()]),
        )
        with pytest.raises(InterruptedError):
            run(tmp_path / "cut", ("crt",), both, **choices)
    resumed = run(tmp_path / "cut", ("crt",), both, **choices)
    straight = run(tmp_path / "whole", ("crt",), both, **choices)
    stages = [row["stage"] for row in resumed.history]
    assert stages == ["classification"] * 2 + ["crt"] * 2
    np.testing.assert_allclose(resumed.logits, straight.logits, atol=1e-5)


@pytest.mark.slow
def test_students_and_teachers_with_everything(tmp_path):
    result = run(
        tmp_path / "run",
        ("cbd", "elf"),
        {**FIRST, "mixing": "cutmix"},
        distillation=DistillationSettings(logit_weight=0.5),
    )
    assert np.isfinite(result.history[-1]["loss"])
    path = tmp_path / "run" / "teacher_1" / "result.json"
    teacher = json.loads(path.read_text())["settings"]["training"]
    assert teacher["mixing"] == "cutmix" and teacher["ema"] == 0.9
    names = {"as_trained", "adjusted", "full_depth", "exit_average"}
    assert set(result.cards) == names
