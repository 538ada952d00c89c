"""Each flag of a training reaches its setting."""

import dataclasses
import re
import subprocess
import sys

import pytest
from absl import flags
from absl.testing import flagsaver

from applications.distillation_settings import DistillationSettings
from applications.robustness_settings import RobustnessSettings
from applications.settings import Settings
from applications.training_settings import TrainingSettings
from scripts import settings_flags
from scripts import train
from tests.scripts.run_script import SCRIPTS

OTHER_NAMES = {
    (RobustnessSettings, "form"): "robust_form",
    (RobustnessSettings, "weight"): "robust_weight",
    (RobustnessSettings, "joint_lambda"): "robust_lambda",
    (RobustnessSettings, "batch_size"): "robust_batch_size",
    (DistillationSettings, "combine"): "combine_teachers",
    (DistillationSettings, "temperature"): "logit_temperature",
}
GROUPS = {"robustness", "distillation", "training"}
OWN_FLAGS = {"image_size": None, "verbose": "auto"}
CASES = [
    (
        RobustnessSettings,
        {
            "weight": 0.25,
            "mean_radius": 0.0,
            "radius": "shared",
            "bound": "strict",
            "distance": "chord",
            "centroids": "batch",
            "temperature": 0.5,
            "feature_epochs": 7,
            "classifier_epochs": 2,
            "feature_rate": 0.02,
            "classifier_rate": 0.03,
            "batch_size": 40,
        },
    ),
    (RobustnessSettings, {"form": "joint", "joint_lambda": 0.3}),
    (
        DistillationSettings,
        {
            "teachers": 3,
            "teacher_method": ("ldam", "drw"),
            "alpha": 0.2,
            "beta": 10.0,
            "combine": "mean",
            "projection_mode": "always",
            "logit_weight": 0.5,
            "temperature": 3.0,
        },
    ),
    (DistillationSettings, {"teacher_runs": ("runs/a", "runs/b")}),
    (
        TrainingSettings,
        {
            "weight_decay": 5e-3,
            "batch_size": 64,
            "accumulation_steps": 4,
            "rematerialize": ("stage_1",),
            "mixing": "cutmix",
            "mixing_alpha": 0.2,
            "ema": 0.99,
            "class_balanced_beta": 0.9,
            "classifier_start": "trained",
            "max_norm": 0.1,
            "retraining_decay": 0.1,
            "trainable": ("stage_3", "stage_2"),
        },
    ),
    (TrainingSettings, {"trainable_layers": 0}),
    (TrainingSettings, {"lora_rank": 4}),
    (
        Settings,
        {
            "method": ("logit_adjusted", "elf", "crt"),
            "imbalance_factor": 10.0,
            "profile": "step",
            "schedule": "cosine",
            "epochs": 7,
            "validation_fraction": 0.1,
            "validation_per_class": 5,
            "exits": ("stage_1",),
            "branch": "pooled",
            "threshold": 0.8,
            "training_threshold": 0.6,
            "exit_weights": (0.5, 1.0),
            "trunk_gradient": 0.25,
            "max_accuracy_loss": 0.05,
            "initial_run": "runs/a",
            "retraining_epochs": 3,
            "retraining_rate": 0.2,
            "augmentation": "strong",
            "backbone": "resnet20",
            "pretrained": True,
            "data_dir": "data",
            "broken_images": "replace",
            "output_dir": "runs/b",
            "resume": True,
            "seed": 3,
            "split_seed": 4,
            "device_data": True,
            "steps_per_execution": 2,
        },
    ),
    (Settings, {"pretrained_weights": "weights.h5"}),
]


@pytest.fixture(autouse=True)
def flags_as_before():
    with flagsaver.flagsaver():
        yield


def parse(**words):
    flags.FLAGS(["train.py", *(f"--{k}={v}" for k, v in words.items())])


def word(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def read(cls):
    return settings_flags.read(cls, **(OWN_FLAGS if cls is Settings else {}))


@pytest.mark.parametrize(("cls", "choices"), CASES)
def test_each_flag_reaches_its_setting(cls, choices):
    parse(
        **{
            OTHER_NAMES.get((cls, name), name): word(value)
            for name, value in choices.items()
        }
    )
    found = read(cls)
    assert found.changed() == choices
    assert found == cls(**choices)


def test_all_settings_are_among_the_cases():
    for cls in {cls for cls, _ in CASES}:
        tried = {name for one, own in CASES if one is cls for name in own}
        names = {field.name for field in dataclasses.fields(cls)}
        assert tried == names - GROUPS - set(OWN_FLAGS)


def test_defaults_are_those_of_the_settings():
    parse()
    assert train._settings() == Settings(verbose=1)


def test_groups_and_own_flags_reach_the_settings_of_a_run():
    parse(
        method="dro_lt,cbd",
        mean_radius=0,
        alpha=0.2,
        ema=0.9,
        image_size=32,
        progress="lines",
    )
    assert train._settings() == Settings(
        method=("dro_lt", "cbd"),
        robustness=RobustnessSettings(mean_radius=0.0),
        distillation=DistillationSettings(alpha=0.2),
        training=TrainingSettings(ema=0.9),
        image_size=(32, 32),
        verbose=2,
    )


def test_empty_list_is_none_where_that_is_the_default():
    parse(method="elf", exits="", exit_weights="", trainable="")
    found = train._settings()
    assert found.exits == ()
    assert found.exit_weights is None
    assert found.training.trainable is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"method": "dro_lt", "temperature": 0}, "`temperature` must be a fin"),
        ({"feature_rate": -1}, "`feature_rate` must be a finite number great"),
        ({"method": "crt", "retraining_rate": 0}, "`retraining_rate` must be"),
        ({"mixing": "mixup", "mixing_alpha": 0}, "`mixing_alpha` must be a f"),
        ({"weight_decay": "nan"}, "`weight_decay` must be a finite number, 0"),
        ({"max_norm": "nan"}, "`max_norm` must be at least 0 and at most 1"),
    ],
)
def test_what_a_flag_lets_pass_is_refused_by_its_setting(words, message):
    parse(**words)
    with pytest.raises(ValueError, match=re.escape(message)):
        train._settings()


def test_help_is_what_the_settings_say_of_themselves():
    assert flags.FLAGS["robust_weight"].help == (
        "With dro_lt: factor on the robust term. 0 is the control: the same "
        "stages without it."
    )
    for name in ("method", "teacher_method"):
        assert "label_aware_smoothing" in flags.FLAGS[name].help


def test_flags_are_there_before_keras():
    code = (
        "import sys; from scripts import train; from absl import flags; "
        "assert 'ema' in flags.FLAGS; print('keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=SCRIPTS.parent,
    )
    assert done.stdout == "False\n"
