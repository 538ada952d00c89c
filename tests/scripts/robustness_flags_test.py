import dataclasses

import pytest
from absl import flags
from absl.testing import flagsaver

from applications.robustness_settings import RobustnessSettings
from scripts import robustness_flags

OTHER_NAMES = {
    "form": "robust_form",
    "weight": "robust_weight",
    "joint_lambda": "robust_lambda",
    "batch_size": "robust_batch_size",
}


@pytest.fixture(autouse=True)
def parsed_flags():
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py"])
        yield


def test_defaults_are_those_of_the_settings():
    assert robustness_flags.settings() == RobustnessSettings()


@pytest.mark.parametrize(
    "choices",
    [
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
        {"form": "joint", "joint_lambda": 0.3},
    ],
)
def test_each_flag_reaches_its_setting(choices):
    words = {OTHER_NAMES.get(name, name): one for name, one in choices.items()}
    with flagsaver.flagsaver(**words):
        found = robustness_flags.settings()
    assert found == RobustnessSettings(**choices)


def test_every_setting_has_a_flag():
    for field in dataclasses.fields(RobustnessSettings):
        name = OTHER_NAMES.get(field.name, field.name)
        assert name in flags.FLAGS
