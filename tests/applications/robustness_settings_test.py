import dataclasses
import json

import numpy as np
import pytest

from applications import find_recipe
from applications.robustness_settings import RobustnessSettings
from applications.run_folder import RunFolder
from applications.settings import Settings
from keras_lt import data
from keras_lt.objectives import Robustness

EXAMPLES = data.Examples(np.zeros((2, 2, 2, 1)), np.array([0, 1]))
SPLIT = data.Split(EXAMPLES, ["cat", "dog"])


def test_defaults_are_those_of_the_library():
    own = dataclasses.asdict(RobustnessSettings())
    config = Robustness([3, 2]).get_config()
    names = ("weight", "mean_radius", "radius", "bound", "distance")
    for name in (*names, "centroids", "temperature"):
        assert own[name] == config[name]


def test_settings_of_a_group_come_back_from_json():
    settings = Settings(
        method=("dro_lt",), robustness=RobustnessSettings(mean_radius=0.0)
    )
    stored = json.loads(json.dumps(settings.what_is_trained()))
    found = Settings.from_json(stored)
    assert found.robustness.mean_radius == 0.0
    assert found.what_is_trained() == settings.what_is_trained()


def test_settings_from_before_the_group_are_read():
    stored = Settings().what_is_trained()
    del stored["robustness"], stored["augmentation"]
    assert Settings.from_json(stored) == Settings()


@pytest.mark.parametrize(
    ("choices", "match"),
    [
        ({"form": "both"}, "`form` must be one of 'stages', 'joint'"),
        ({"weight": -1.0}, "`weight` must be a finite number, 0 or"),
        ({"joint_lambda": 2.0, "form": "joint"}, "`joint_lambda` must be"),
        ({"feature_epochs": 0}, "`feature_epochs` must be a whole number"),
        ({"mean_radius": float("nan")}, "`mean_radius` must be a finite"),
        ({"radius": "large"}, "`radius` must be one of 'sqrt_n', 'shared'"),
        ({"bound": "loose"}, "`bound` must be one of 'same_class', 'strict'"),
        ({"distance": "far"}, "`distance` must be one of 'euclidean', 'chord"),
        ({"centroids": "old"}, "`centroids` must be one of 'epoch', 'moving"),
        ({"temperature": 0.0}, "`temperature` must be .* greater than 0"),
        ({"batch_size": 2.5}, "`batch_size` must be a whole number"),
        ({"feature_rate": 0.0}, "`feature_rate` must be .* greater than 0"),
        ({"classifier_rate": float("nan")}, "`classifier_rate` must be"),
        ({"joint_lambda": 0.3}, "form 'joint'. Received: joint_lambda=0.3"),
        (
            {"form": "joint", "classifier_epochs": 2},
            "Received: classifier_epochs=2 with the form 'joint'",
        ),
    ],
)
def test_wrong_choice_is_refused(choices, match):
    with pytest.raises(ValueError, match=match):
        RobustnessSettings(**choices)


def test_choices_without_effect_are_refused():
    match = r"Received: mean_radius=0.0 with the method 'ldam,drw'"
    with pytest.raises(ValueError, match=match):
        Settings(
            method=("ldam", "drw"),
            robustness=RobustnessSettings(mean_radius=0.0),
        )


def test_resumed_run_keeps_its_robust_term(tmp_path):
    def settings(resume, **choices):
        return Settings(
            method=("dro_lt",),
            robustness=RobustnessSettings(**choices),
            output_dir=str(tmp_path),
            resume=resume,
        )

    RunFolder.open("digits_lt", settings(False), SPLIT)
    RunFolder.open("digits_lt", settings(True), SPLIT)
    match = r"Received: robustness.mean_radius=0.0; .* has 0.5"
    with pytest.raises(ValueError, match=match):
        RunFolder.open("digits_lt", settings(True, mean_radius=0.0), SPLIT)


@pytest.mark.parametrize("name", ["digits_lt", "image_folder"])
def test_strong_augmentation_is_for_cifar(name):
    with pytest.raises(ValueError, match="Leave out --augmentation"):
        find_recipe(name).load(Settings(augmentation="strong"))
