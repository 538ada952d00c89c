import dataclasses

import pytest
from absl import flags
from absl.testing import flagsaver

from applications.training_settings import TrainingSettings
from scripts import training_flags


@pytest.fixture(autouse=True)
def parsed_flags():
    with flagsaver.flagsaver():
        flags.FLAGS(["train.py"])
        yield


def test_defaults_are_those_of_the_settings():
    assert training_flags.settings() == TrainingSettings()


def test_each_flag_reaches_its_setting():
    choices = {
        "weight_decay": 5e-3,
        "batch_size": 64,
        "accumulation_steps": 4,
        "rematerialize": ("stage_1",),
        "mixing": "cutmix",
        "mixing_alpha": 0.2,
        "ema": 0.99,
        "classifier_start": "trained",
        "max_norm": 0.1,
        "retraining_decay": 0.1,
        "trainable": ["stage_3", "stage_2"],
    }
    ways = [{}, {"trainable_layers": 0}, {"lora_rank": 4}]
    assert set(choices) | {name for way in ways for name in way} == {
        f.name for f in dataclasses.fields(TrainingSettings)
    }
    for way in ways:
        # Of the ways to freeze a backbone, one at a time.
        given = {**choices, "trainable": None, **way} if way else choices
        with flagsaver.flagsaver(**given):
            found = training_flags.settings()
        names = given["trainable"] and tuple(given["trainable"])
        assert found == TrainingSettings(**{**given, "trainable": names})
