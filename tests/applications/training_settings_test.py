"""Settings that raise accuracy whatever the method."""

import json
import pathlib

import keras
import numpy as np
import pytest

from applications import cbd
from applications import classifier_stages
from applications import experiment
from applications.distillation_settings import DistillationSettings
from applications.robustness_settings import RobustnessSettings
from applications.settings import Settings
from applications.training_settings import TrainingSettings
from keras_lt import callbacks
from keras_lt import losses
from tests.applications.small_digits import SMALL
from tests.applications.small_digits import setup_of

pytest.importorskip("sklearn")


def settings_of(method=("crossentropy",), others=None, **choices):
    return Settings(
        method=method,
        training=TrainingSettings(**choices),
        **({"exits": ("stage_1",)} if "elf" in method else {}),
        **{"epochs": 3, "verbose": 0, **(others or {})},
    )


@pytest.fixture
def first_stage(monkeypatch):
    """Returns the setup of a run, and its first stage."""

    def make(method=("crossentropy",), others=None, **choices):
        settings = settings_of(method, others, **choices)
        setup = setup_of(settings, monkeypatch)
        return setup, experiment.make_stages(setup)[0]

    return make


@pytest.mark.parametrize(
    ("choices", "match"),
    [
        ({"weight_decay": -1e-4}, "`weight_decay` must be"),
        ({"weight_decay": float("nan")}, "`weight_decay` must be"),
        ({"batch_size": 0}, "`batch_size` must be a whole number"),
        ({"accumulation_steps": 0}, "`accumulation_steps` must be a whole"),
        ({"mixing": "much"}, "`mixing` must be one of 'none', 'mixup', 'cutm"),
        ({"mixing": "mixup", "mixing_alpha": 0.0}, "`mixing_alpha` must be"),
        ({"mixing_alpha": 0.2}, "Received: mixing_alpha=0.2 with mixing='no"),
        ({"ema": 1.0}, "`ema` must be greater than 0 and smaller than 1"),
        ({"ema": 0.0}, "Received: ema=0.0. 0.99 averages"),
        ({"class_balanced_beta": 1.5}, "`class_balanced_beta` must be"),
        ({"max_norm": 1.5}, "`max_norm` must be"),
        ({"retraining_decay": -1.0}, "`retraining_decay` must be"),
        ({"lora_rank": 0}, "`lora_rank` must be a whole number"),
        ({"trainable_layers": -1}, "`trainable_layers` must be"),
        (
            {"trainable": ("a",), "lora_rank": 2},
            "Received: trainable and lora_rank. Leave one",
        ),
        ({"classifier_start": "old"}, "`classifier_start` must be one of 'new"),
    ],
)
def test_wrong_choice_is_refused(choices, match):
    with pytest.raises(ValueError, match=match):
        TrainingSettings(**choices)


@pytest.mark.parametrize(
    ("method", "others", "choices", "match"),
    [
        ("lws", {}, {"max_norm": 0.1}, "method `crt`.*max_norm=0.1.*'lws'"),
        ("ldam", {}, {"retraining_decay": 0.1}, "retraining_decay=0.1"),
        ("drw", {}, {"class_balanced_beta": 0.9}, "`class_balanced`, as it"),
        ("class_balanced,cbd", {}, {"class_balanced_beta": 0.9}, "Leave it"),
        ("drw", {}, {"classifier_start": "trained"}, "method `crt`"),
        ("crt,cosine", {}, {"max_norm": 0.1}, "a linear classifier"),
        ("crt,cbd", {}, {"max_norm": 0.1}, "a linear classifier"),
        ("ldam,lws", {}, {"classifier_start": "trained"}, "method `crt`"),
        (
            "logit_adjusted",
            {},
            {"classifier_start": "class_means"},
            "with the method cosine",
        ),
        (
            "crt,ldam",
            {"initial_run": "a"},
            {"classifier_start": "class_means"},
            "without `initial_run`",
        ),
        ("dro_lt", {}, {"trainable": ("a",)}, "without stages of `dro_lt`"),
        ("crt", {"initial_run": "a"}, {"lora_rank": 2}, "without `initial_ru"),
        ("crt", {"initial_run": "a"}, {"ema": 0.9}, "without `initial_run`"),
        ("crt", {"initial_run": "a"}, {"trainable": ("a",)}, "without `init"),
        ("lws", {"initial_run": "a"}, {"trainable_layers": 1}, "without `i"),
        ("crt", {"initial_run": "a"}, {"accumulation_steps": 2}, "without `"),
        (
            "crt",
            {"initial_run": "a"},
            {"mixing": "mixup"},
            "without `initial_run`",
        ),
        ("dro_lt,cbd", {}, {"mixing": "mixup"}, "class-aware batches"),
        (
            "dro_lt",
            {"robustness": RobustnessSettings(form="joint")},
            {"mixing": "cutmix"},
            "class-aware batches",
        ),
    ],
)
def test_choice_without_effect_is_refused(method, others, choices, match):
    with pytest.raises(ValueError, match=match):
        settings_of(tuple(method.split(",")), others, **choices)


@pytest.mark.parametrize(
    ("method", "others", "choices"),
    [
        ("dro_lt", {}, {"mixing": "mixup", "ema": 0.9}),
        ("cbd", {}, {"mixing": "cutmix", "ema": 0.9}),
        ("dro_lt,cbd", {}, {"ema": 0.9, "weight_decay": 0.0}),
        ("crt", {"initial_run": "a"}, {"max_norm": 0.1, "weight_decay": 1e-3}),
        ("crt,cosine", {}, {"classifier_start": "trained"}),
        ("ldam", {}, {"classifier_start": "class_means", "lora_rank": 2}),
        ("dro_lt", {}, {"lora_rank": 2}),
        ("dro_lt,cbd", {}, {"trainable_layers": 2}),
    ],
)
def test_choice_with_effect_is_taken(method, others, choices):
    settings_of(tuple(method.split(",")), others, **choices)


def test_settings_come_back_from_json():
    settings = settings_of(
        ("crt",), max_norm=0.1, ema=0.99, batch_size=16, trainable=("a", "b")
    )
    content = settings.what_is_trained()
    stored = json.loads(json.dumps(content))
    assert stored["training"]["ema"] == 0.99
    assert Settings.from_json(stored).what_is_trained() == content


def test_settings_from_before_are_read():
    stored = Settings().what_is_trained()
    del stored["training"]
    assert Settings.from_json(stored) == Settings()


def test_schedule_is_as_set(first_stage):
    setup, stage = first_stage(weight_decay=3e-3, batch_size=50)
    assert setup.schedule.weight_decay == setup.model.weight_decay == 3e-3
    assert setup.schedule.batch_size == stage.batches.batch_size == 50
    assert setup.schedule.epochs == 3
    setup, _ = first_stage()
    assert setup.schedule.weight_decay == 5e-4
    assert setup.schedule.batch_size == 32
    setup, _ = first_stage(weight_decay=0.0)
    assert setup.schedule.weight_decay == setup.model.weight_decay == 0.0


def test_memory_is_saved_as_asked(first_stage):
    choices = {"accumulation_steps": 4, "rematerialize": ("stage_1",)}
    setup, stage = first_stage(**choices)
    assert stage.optimizer.gradient_accumulation_steps == 4
    assert setup.model.rematerialize == ("stage_1",)
    exits, _ = first_stage(method=("elf",), **choices)
    assert exits.model.rematerialize == ("stage_1",)
    content = json.loads(json.dumps(setup.settings.what_is_trained()))
    assert Settings.from_json(content).training == setup.settings.training
    _, usual = first_stage()
    assert usual.optimizer.gradient_accumulation_steps is None


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
@pytest.mark.parametrize(
    ("method", "loss"),
    [
        (("crossentropy",), keras.losses.CategoricalCrossentropy),
        (("cosine", "drw", "elf"), keras.losses.CategoricalCrossentropy),
        (("ldam_drw",), losses.LDAM),
        (("logit_adjusted",), losses.LogitAdjusted),
        (("label_aware_smoothing",), losses.LabelAwareSmoothing),
    ],
)
def test_images_and_labels_are_mixed(first_stage, kind, method, loss):
    setup, stage = first_stage(method, mixing=kind, mixing_alpha=5.0)
    _, plain = first_stage(method)
    images, labels = stage.batches[0]
    same, ids = plain.batches[0]
    assert labels.shape == (len(ids), 10)
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)
    assert np.abs(images - same).max() > 0.1
    share = labels[np.arange(len(ids)), ids]
    assert (share[share < 1] > 0).all() and (share < 1).any()
    assert type(stage.loss) is loss
    setup.model.compile("sgd", stage.loss, stage.metrics)
    if kind == "mixup":
        value = setup.model.fit(stage.batches, verbose=0).history["loss"][0]
    else:
        outputs = setup.model(images, training=True)
        value = float(setup.model.compute_loss(images, labels, outputs))
    assert np.isfinite(value)


def test_strength_of_mixing_is_as_set(first_stage):
    shares = []
    for alpha in (0.05, 50.0):
        _, stage = first_stage(mixing="mixup", mixing_alpha=alpha)
        labels = np.concatenate([stage.batches[k][1] for k in range(10)])
        shares.append(labels.max(1).mean())
    assert shares[0] > 0.9 > 0.65 > shares[1]


@pytest.mark.parametrize("beta", [None, 0.0, 0.9])
def test_beta_of_class_balanced_loss_is_as_set(first_stage, beta):
    setup, stage = first_stage(("class_balanced",), class_balanced_beta=beta)
    assert stage.loss.beta == (0.9999 if beta is None else beta)
    counts = setup.split.class_counts
    assert list(stage.loss.class_counts) == list(counts)
    # On batches that hold all classes alike it stays plain cross-entropy.
    plain = setup.method.make_balanced_loss(counts)
    assert type(plain) is keras.losses.SparseCategoricalCrossentropy


def test_loss_and_labels_are_plain_without_mixing(first_stage):
    _, stage = first_stage()
    assert stage.batches[0][1].ndim == 1
    kind = keras.losses.SparseCategoricalCrossentropy
    assert type(stage.loss) is kind


def test_later_stages_are_not_mixed_nor_averaged(monkeypatch):
    settings = settings_of(("crt", "dro_lt"), mixing="mixup", ema=0.9)
    stages = experiment.make_stages(setup_of(settings, monkeypatch))
    names = ["classification", "features", "classifier", "crt"]
    assert [one.name for one in stages] == names
    assert [one.optimizer.use_ema for one in stages] == [True] + 3 * [False]
    assert stages[0].batches[0][1].ndim == 2
    for stage in stages[1:]:
        assert stage.batches[0][1].ndim == 1
        kinds = {type(one) for one in stage.callbacks}
        assert callbacks.AverageWeights not in kinds


@pytest.mark.parametrize("method", ["crossentropy", "dro_lt"])
def test_averages_are_of_the_batches_that_are_trained_on(first_stage, method):
    joint = {"robustness": RobustnessSettings(form="joint")}
    others = joint if method == "dro_lt" else {}
    _, stage = first_stage((method,), others, ema=0.95)
    assert stage.optimizer.ema_momentum == 0.95
    assert stage.optimizer.momentum == 0.9
    average = stage.callbacks[-1]
    assert isinstance(average, callbacks.AverageWeights)
    assert average.data is stage.batches
    _, plain = first_stage((method,), others)
    assert not plain.optimizer.use_ema
    assert len(plain.callbacks) == len(stage.callbacks) - 1


def test_teachers_are_trained_alike():
    settings = settings_of(
        ("cbd", "crt"),
        {"distillation": DistillationSettings(teachers=2)},
        weight_decay=1e-3,
        ema=0.9,
        mixing="mixup",
        mixing_alpha=0.2,
        retraining_decay=0.1,
        classifier_start="trained",
    )
    folder = pathlib.Path("runs")
    teacher = cbd.teacher_settings(SMALL, settings, 0, folder)
    expected = TrainingSettings(
        weight_decay=1e-3, ema=0.9, mixing="mixup", mixing_alpha=0.2
    )
    assert teacher.training == expected


@pytest.mark.parametrize(
    ("start", "reset"), [("new", True), ("trained", False)]
)
def test_classifier_is_new_or_goes_on(monkeypatch, start, reset):
    settings = settings_of(
        ("crt",), classifier_start=start, retraining_decay=0.2
    )
    setup = setup_of(settings, monkeypatch)
    (stage,) = classifier_stages.stages(setup)
    assert bool(stage.reset) is reset
    (limits,) = (c for c in stage.callbacks if hasattr(c, "weight_decay"))
    assert limits.weight_decay == 0.2
