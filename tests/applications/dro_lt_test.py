import dataclasses

import keras
import numpy as np
import pytest

from applications import dro_lt
from applications import experiment
from applications import schedules
from applications.robustness_settings import RobustnessSettings
from applications.settings import Settings
from keras_lt import callbacks
from keras_lt import losses
from keras_lt import objectives
from keras_lt import samplers
from keras_lt import training
from tests.applications.small_digits import setup_of
from tests.checks import to_numpy

pytest.importorskip("sklearn")


WITH_EXITS = {"elf", "exit_distillation"}


def settings_of(*others, epochs=1, **robustness):
    return Settings(
        method=("dro_lt", *others),
        **({"exits": ("stage_1",)} if WITH_EXITS & {*others} else {}),
        robustness=RobustnessSettings(**robustness),
        epochs=epochs,
        verbose=0,
    )


@pytest.fixture
def setup(monkeypatch):
    """Makes what the recipe puts together for these settings."""
    return lambda *args, **kwargs: setup_of(
        settings_of(*args, **kwargs), monkeypatch
    )


def class_weights_in(stage):
    (found,) = (
        one
        for one in stage.callbacks
        if isinstance(one, callbacks.VariableSchedule)
    )
    return found.schedule(0)


def test_three_stages_are_those_of_the_paper(setup):
    made = setup(epochs=30)
    first, second, third = stages = experiment.make_stages(made)
    counts = made.split.class_counts
    names = [stage.name for stage in stages]
    assert names == ["classification", "features", "classifier"]
    assert [stage.epochs for stage in stages] == [30, 12, 3]

    assert isinstance(first.batches.sampler, samplers.InstanceBalanced)
    assert not first.objectives
    assert first.trainable is None
    kinds = [type(one) for one in first.callbacks]
    assert kinds == [keras.callbacks.LearningRateScheduler]

    for stage in (second, third):
        assert isinstance(stage.batches.sampler, samplers.ClassAware)
        assert stage.batches.sampler.samples_per_class == 4
        assert stage.batches.batch_size == made.schedule.batch_size
        assert stage.optimizer.momentum == 0.9
    (term,) = second.objectives
    assert isinstance(term, objectives.Robustness)
    assert term.class_counts == counts
    assert second.trainable == "backbone"
    assert float(second.optimizer.learning_rate) == pytest.approx(0.005)
    np.testing.assert_allclose(class_weights_in(second), np.array(counts) / 144)

    assert third.objectives == ()
    assert third.trainable == "classifier"
    assert float(third.optimizer.learning_rate) == pytest.approx(0.01)
    assert class_weights_in(third).tolist() == [1.0] * 10


def test_published_lengths():
    assert schedules.LDAM.epochs * dro_lt.FEATURE_SHARE == 80
    assert schedules.LDAM.epochs * dro_lt.CLASSIFIER_SHARE == 20


def test_short_training_has_all_stages(setup):
    stages = experiment.make_stages(setup(epochs=1))
    assert [stage.epochs for stage in stages] == [1, 1, 1]


def test_settings_reach_the_stages(setup):
    made = setup(
        weight=0.3,
        mean_radius=0.2,
        radius="shared",
        bound="strict",
        distance="chord",
        centroids="moving_average",
        temperature=0.5,
        feature_epochs=7,
        classifier_epochs=2,
        feature_rate=0.02,
        classifier_rate=0.03,
        batch_size=40,
    )
    _, second, third = experiment.make_stages(made)
    config = second.objectives[0].get_config()
    for name in ("radius", "bound", "distance", "centroids", "temperature"):
        assert config[name] == getattr(made.settings.robustness, name)
    assert (config["weight"], config["base_weight"]) == (0.3, 1.0)
    np.testing.assert_allclose(second.objectives[0].current_radii(), 0.2)
    assert (second.epochs, third.epochs) == (7, 2)
    assert float(second.optimizer.learning_rate) == pytest.approx(0.02)
    assert float(third.optimizer.learning_rate) == pytest.approx(0.03)
    assert second.batches.batch_size == third.batches.batch_size == 40


def test_natural_frequencies_are_restored(setup):
    made = setup()
    second = experiment.make_stages(made)[1]
    labels = second.batches.labels[second.batches.rows(0)]
    drawn = np.bincount(labels, minlength=10)
    assert drawn.max() - drawn.min() <= 4
    shares = drawn * class_weights_in(second)
    counts = np.array(made.split.class_counts)
    np.testing.assert_allclose(
        shares / shares.sum(), counts / counts.sum(), rtol=0.15
    )


def values_of(model):
    """The weights of the classifier and of the rest, by what they are."""
    variables = model.backbone.variables
    heads = [v for one in model.classifiers() for v in one.variables]
    parts = {
        "classifier": heads,
        "moving": [v for v in variables if "moving" in v.path],
        "trained": [v for v in variables if "moving" not in v.path],
    }
    return {name: list(map(to_numpy, part)) for name, part in parts.items()}


def changed(before, after):
    return {
        name: not all(
            np.array_equal(one, two)
            for one, two in zip(before[name], after[name], strict=True)
        )
        for name in before
    }


@pytest.mark.parametrize("others", [(), ("logit_adjusted", "elf")])
def test_each_stage_trains_its_part(setup, others):
    made = setup(*others)
    model = made.model
    states, weights = [values_of(model)], []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(
            to_numpy(model.class_weights)
        )
    )
    for stage in experiment.make_stages(made):
        stage = dataclasses.replace(
            stage, epochs=1, callbacks=[*stage.callbacks, watch]
        )
        training.train(model, [stage], verbose=0)
        states.append(values_of(model))
        np.testing.assert_array_equal(to_numpy(model.class_weights), 1)
    first, second, third = map(changed, states, states[1:])
    assert first == {"classifier": True, "moving": True, "trained": True}
    assert second == {"classifier": False, "moving": True, "trained": True}
    assert third == {"classifier": True, "moving": False, "trained": False}
    counts = np.array(made.split.class_counts)
    np.testing.assert_allclose(weights[1], counts / 144, rtol=1e-6)
    np.testing.assert_allclose(weights[0], 1)
    np.testing.assert_allclose(weights[2], 1)


@pytest.mark.parametrize(
    ("name", "balanced"),
    [
        ("crossentropy", keras.losses.SparseCategoricalCrossentropy),
        ("logit_adjusted", keras.losses.SparseCategoricalCrossentropy),
        ("balanced_softmax", keras.losses.SparseCategoricalCrossentropy),
        ("class_balanced", keras.losses.SparseCategoricalCrossentropy),
        ("ldam", losses.LDAM),
        ("focal", losses.Focal),
    ],
)
def test_balanced_batches_are_not_balanced_twice(setup, name, balanced):
    made = setup(name)
    first, second, third = experiment.make_stages(made)
    assert type(first.loss) is type(second.loss)
    assert type(first.loss) is type(made.method.make_loss([3, 2]))
    assert type(third.loss) is balanced
    for stage in (first, second, third):
        made.model.compile("sgd", stage.loss)  # The head fits the loss.


def test_reweighting_and_sampling_are_of_the_first_stage(setup):
    made = setup("drw", "square_root_sampling")
    first, second, third = experiment.make_stages(made)
    assert isinstance(first.batches.sampler, samplers.SquareRoot)
    kinds = {type(one) for one in first.callbacks}
    assert callbacks.DeferredReweighting in kinds
    for stage in (second, third):
        assert [type(one) for one in stage.callbacks] == [
            callbacks.VariableSchedule
        ]


def plain(stage):
    """What a stage is made of, without what the robust term is."""
    return {
        "name": stage.name,
        "epochs": stage.epochs,
        "sampler": stage.batches.sampler.get_config(),
        "rows": stage.batches.rows(0).tolist(),
        "loss": type(stage.loss),
        "rate": float(stage.optimizer.learning_rate),
        "momentum": stage.optimizer.momentum,
        "trainable": stage.trainable,
        "objectives": len(stage.objectives or ()),
    }


@pytest.mark.parametrize("control", [{"weight": 0.0}, {"mean_radius": 0.0}])
def test_controls_differ_in_one_number(setup, control):
    stages = experiment.make_stages(setup())
    others = experiment.make_stages(setup(**control))
    assert list(map(plain, stages)) == list(map(plain, others))
    own = stages[1].objectives[0].get_config()
    other = others[1].objectives[0].get_config()
    assert other == {**own, **control}
    np.testing.assert_array_equal(
        class_weights_in(stages[1]), class_weights_in(others[1])
    )


def trained(made, stage):
    """The weights that a stage leads to from the same start."""
    keras.utils.set_random_seed(3)
    training.train(made.model, [stage], verbose=0)
    return values_of(made.model)["trained"]


def test_control_without_the_term_is_the_stage_without_it(setup):
    made = setup(weight=0.0)
    stage = experiment.make_stages(made)[1]
    found = trained(made, stage)
    made = setup(weight=0.0)
    stage = experiment.make_stages(made)[1]
    expected = trained(made, dataclasses.replace(stage, objectives=()))
    for one, two in zip(expected, found, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_joint_form_is_one_stage_of_both_losses(setup):
    made = setup(form="joint", joint_lambda=0.3, epochs=4)
    (stage,) = experiment.make_stages(made)
    assert stage.epochs == 4
    assert isinstance(stage.batches.sampler, samplers.ClassAware)
    config = stage.objectives[0].get_config()
    assert config["weight"] == pytest.approx(0.7)
    assert config["base_weight"] == 0.3
    assert float(stage.optimizer.learning_rate) == pytest.approx(0.1)
    assert isinstance(stage.callbacks[0], keras.callbacks.LearningRateScheduler)
    counts = np.array(made.split.class_counts)
    np.testing.assert_allclose(class_weights_in(stage), counts / 144)
    assert stage.trainable is None


def test_joint_form_keeps_the_terms_of_a_method(setup):
    made = setup("exit_distillation", form="joint")
    (stage,) = experiment.make_stages(made)
    names = [type(one).__name__ for one in stage.objectives]
    assert names == ["ExitDistillation", "Robustness"]


def test_joint_control_keeps_the_classification_loss(setup):
    made = setup(form="joint", joint_lambda=0.3, weight=0.0)
    (stage,) = experiment.make_stages(made)
    config = stage.objectives[0].get_config()
    assert (config["weight"], config["base_weight"]) == (0.0, 0.3)


@pytest.mark.parametrize(
    ("method", "part"),
    [("drw", "callback"), ("class_balanced_sampling", "sampler")],
)
def test_joint_form_sets_batches_and_weights_itself(setup, method, part):
    made = setup(method, form="joint")
    with pytest.raises(ValueError, match=f"has a {part} of its own"):
        experiment.make_stages(made)
