"""Runs whose last stage fits the classifier to features that are kept."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest

import applications
from applications import cbd
from applications import classifier_stages
from applications import experiment
from applications import judging
from applications import methods
from applications.robustness_settings import RobustnessSettings
from applications.settings import Settings
from keras_lt import callbacks
from keras_lt import layers
from keras_lt import samplers
from keras_lt import training
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


def settings_of(folder, *method, **others):
    return Settings(
        method=method,
        **{
            "epochs": 1,
            "validation_per_class": 2,
            "output_dir": str(folder),
            "verbose": 0,
            **others,
        },
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The folder of a run of the first stage alone."""
    folder = tmp_path_factory.mktemp("runs") / "plain"
    SMALL.run(settings_of(folder, "cosine"))
    return folder


@pytest.fixture(scope="module")
def scaled(tmp_path_factory):
    """The folder and the result of a run of both stages of LWS."""
    folder = tmp_path_factory.mktemp("runs") / "lws"
    settings = settings_of(folder, "cosine", "lws", retraining_epochs=2)
    return folder, SMALL.run(settings)


def parts_of(path):
    """The variables of a saved model, those of its classifier apart."""
    model = keras.models.load_model(path / "model.keras", compile=False)
    heads = model.classifiers()[-1].variables
    own = {id(v) for v in heads}
    others = [v for v in model.variables if id(v) not in own]
    return [to_numpy(v) for v in heads], [to_numpy(v) for v in others]


def test_new_classifier_on_the_features_of_a_run(plain, tmp_path):
    folder = tmp_path / "crt"
    settings = settings_of(
        folder,
        "cosine",
        "crt",
        initial_run=str(plain),
        retraining_epochs=2,
        retraining_rate=0.04,
    )
    SMALL.run(settings)
    record = json.loads((folder / "result.json").read_text())
    assert {n: s["epochs"] for n, s in record["stages"].items()} == {"crt": 2}
    assert record["history"]["learning_rate"] == pytest.approx([0.04, 0.02])
    assert record["initial_run"]["folder"] == "plain"
    assert record["settings"]["initial_run"] == "plain"
    heads, others = parts_of(plain)
    new_heads, same = parts_of(folder)
    for one, two in zip(others, same, strict=True):
        np.testing.assert_array_equal(one, two)
    assert np.abs(heads[0] - new_heads[0]).max() > 0.1


def test_scales_on_the_model_of_a_run(plain, tmp_path):
    folder = tmp_path / "lws"
    SMALL.run(settings_of(folder, "cosine", "lws", initial_run=str(plain)))
    (kernel,), others = parts_of(plain)
    (scales, same_kernel), same = parts_of(folder)
    np.testing.assert_array_equal(kernel, same_kernel)
    for one, two in zip(others, same, strict=True):
        np.testing.assert_array_equal(one, two)
    assert scales.shape == (10,) and np.abs(scales - 1).min() > 0


def test_run_of_both_stages_of_scales_is_judged(scaled):
    folder, result = scaled
    record = json.loads((folder / "result.json").read_text())
    lengths = {name: one["epochs"] for name, one in record["stages"].items()}
    assert lengths == {"classification": 1, "lws": 2}
    rates = record["history"]["learning_rate"]
    assert rates == pytest.approx([0.1, 0.1, 0.05])
    assert None not in record["history"]["val_accuracy"]
    card = judging.judge(folder)
    assert card.accuracy == result.cards["as_trained"].accuracy


class Stop(keras.callbacks.Callback):
    """Ends the training as a power cut would."""

    def __init__(self, at):
        super().__init__()
        self.at = at

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise InterruptedError


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 1])
def test_run_goes_on_in_the_stage_of_scales(scaled, tmp_path, monkeypatch, at):
    def settings(resume):
        return settings_of(
            tmp_path / "run",
            "cosine",
            "lws",
            retraining_epochs=2,
            resume=resume,
        )

    with monkeypatch.context() as patch:
        whole = training.weight_scaling
        patch.setattr(
            training,
            "weight_scaling",
            lambda **options: whole(**options, callbacks=[Stop(at)]),
        )
        with pytest.raises(InterruptedError):
            SMALL.run(settings(False))
    result = SMALL.run(settings(True))
    _, long_way = scaled
    stages = [row["stage"] for row in result.history]
    assert stages == ["classification", "lws", "lws"]
    for one, two in zip(result.history, long_way.history, strict=True):
        assert one["loss"] == pytest.approx(two["loss"], abs=1e-4)
    np.testing.assert_allclose(result.logits, long_way.logits, atol=1e-3)


@pytest.fixture
def setup(monkeypatch):
    """Makes what the recipe puts together for a method."""
    return lambda *method, **others: setup_of(
        settings_of("unused", *method, **others), monkeypatch
    )


def test_stages_by_their_share_of_the_schedule(setup):
    made = setup("ldam_drw", "crt", epochs=27)
    first, second = experiment.make_stages(made)
    assert [first.name, second.name] == ["classification", "crt"]
    assert [first.epochs, second.epochs] == [27, 3]
    kinds = {type(one) for one in first.callbacks}
    assert callbacks.DeferredReweighting in kinds
    kinds = {type(one) for one in second.callbacks}
    assert callbacks.DeferredReweighting not in kinds
    assert isinstance(second.batches.sampler, samplers.ClassBalanced)
    assert second.batches.batch_size == made.schedule.batch_size
    assert isinstance(second.loss, keras.losses.SparseCategoricalCrossentropy)
    assert second.trainable == second.reset == "classifier"
    assert second.callbacks[0].schedule(0) == made.schedule.learning_rate

    (first,) = experiment.make_stages(setup("lws", epochs=36))
    assert first.name == "classification"
    arguments = classifier_stages._arguments(setup("lws", epochs=36))
    assert arguments["epochs"] == 2


def test_after_robust_features_too(setup):
    stages = experiment.make_stages(setup("dro_lt", "crt"))
    names = [stage.name for stage in stages]
    assert names == ["classification", "features", "classifier", "crt"]
    assert stages[-1].objectives == ()


def test_after_distillation_too(setup, monkeypatch):
    monkeypatch.setattr(cbd, "stages", lambda setup: ["student"])
    method = methods.combine(["cbd", "crt"])
    made = dataclasses.replace(setup("cosine", "crt"), method=method)
    student, crt = experiment.make_stages(made)
    assert student == "student"
    assert crt.name == "crt" and crt.objectives == ()


@pytest.mark.parametrize("method", ["crt", "lws"])
def test_every_exit_has_its_classifier_fitted(setup, method):
    made = setup("balanced_softmax", "elf", method, exits=("stage_1",))
    before = [to_numpy(v) for v in made.model.weights]
    stages = experiment.make_stages(made)[1:]
    model, history = classifier_stages.train(made, stages, None)
    assert [row["stage"] for row in history] == [method]
    heads = model.classifiers()
    if method == "lws":
        for head in heads:
            assert isinstance(head, layers.LearnableWeightScaling)
            assert np.abs(to_numpy(head.scales) - 1).max() > 0
        return
    own = {id(head.kernel) for head in heads}
    for variable, old in zip(model.weights, before, strict=True):
        if id(variable) in own:
            assert not np.array_equal(to_numpy(variable), old)
        elif "conv" in variable.path or "bn" in variable.path:
            np.testing.assert_array_equal(to_numpy(variable), old)


@pytest.mark.parametrize(
    ("others", "match"),
    [
        (
            {"initial_run": "runs/a"},
            "second stage for it, dro_lt or crt or lws. Received: "
            "initial_run='runs/a' with the method 'cosine'. Leave it out",
        ),
        ({"retraining_epochs": 3}, "Received: retraining_epochs=3 with the"),
        ({"retraining_rate": 0.1}, "Received: retraining_rate=0.1 with the"),
        (
            {
                "method": ("dro_lt",),
                "initial_run": "a",
                "robustness": RobustnessSettings(form="joint"),
            },
            "with the method 'dro_lt', which has one stage",
        ),
        (
            {"method": ("crt",), "retraining_epochs": 0},
            "`retraining_epochs` must be a whole number",
        ),
        (
            {"method": ("lws",), "retraining_rate": 0.0},
            "`retraining_rate` must be a finite number greater than 0",
        ),
    ],
)
def test_choices_without_effect_are_refused(others, match):
    with pytest.raises(ValueError, match=match):
        Settings(**{"method": ("cosine",), **others})


def test_two_last_stages_are_refused():
    with pytest.raises(ValueError, match="both set the classifier_stage"):
        methods.combine(["crt", "lws"])


def test_settings_come_back_from_json():
    settings = Settings(
        method=("cosine", "crt"),
        initial_run="runs/plain",
        retraining_epochs=4,
        retraining_rate=0.02,
    )
    stored = json.loads(json.dumps(settings.what_is_trained()))
    assert stored["initial_run"] == "plain"
    found = Settings.from_json(stored)
    assert found == dataclasses.replace(settings, initial_run="plain")


COMMITTED = sorted(
    pathlib.Path(applications.__file__).parent.glob("cifar*/results/*.json")
)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_settings_of_older_results_are_read(path):
    stored = json.loads(path.read_text())["settings"]
    settings = Settings.from_json(stored)
    assert list(settings.method) == stored["method"]
    old = stored.get("robustness", {}).get("initial_run")
    assert settings.initial_run == stored.get("initial_run", old)
