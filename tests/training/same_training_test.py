"""A training goes on only as what it was started as."""

import json
import shutil

import keras
import numpy as np
import pytest
from keras import ops

from keras_lt import data
from keras_lt import losses
from keras_lt import samplers
from keras_lt.objectives import Robustness
from keras_lt.training import train
from tests.training.small_stages import make_batches
from tests.training.small_stages import make_long_tail
from tests.training.small_stages import make_plain
from tests.training.small_stages import make_stage


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Returns the folder of a training, and its history."""
    folder = tmp_path_factory.mktemp("trained")
    keras.utils.set_random_seed(0)
    return folder, train(make_plain(), [make_stage()], folder, verbose=0)


@pytest.fixture
def folder(trained, tmp_path):
    """Returns a copy of the folder, to go on with."""
    return shutil.copytree(trained[0], tmp_path / "run")


def test_other_stages_are_refused(folder):
    with pytest.raises(
        ValueError,
        match="'one' of 3 epochs; the checkpoint .*has 'one' of 2 epochs",
    ):
        train(make_plain(), [make_stage(epochs=3)], folder, verbose=0)


def relabelled():
    images = make_batches().images
    return data.Batches((images, np.arange(12)[::-1] % 3), batch_size=4)


OTHER_SETTINGS = {
    "learning_rate": (
        lambda: {"optimizer": keras.optimizers.SGD(0.25, momentum=0.9)},
        r"optimizer.learning_rate=0.25 in stage 'one'; .* has 0.1000",
    ),
    "optimizer": (
        lambda: {"optimizer": "adam"},
        "optimizer.class='Adam' in stage 'one'; .* has 'SGD'",
    ),
    "loss": (
        lambda: {"loss": losses.BalancedSoftmax([4, 4, 4])},
        "loss.class='BalancedSoftmax' .* has 'SparseCategoricalCrossentropy'",
    ),
    "argument_of_the_loss": (
        lambda: {
            "loss": keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, ignore_class=2
            )
        },
        "loss.ignore_class=2 in stage 'one'; .* has None",
    ),
    "sampler": (
        lambda: {"batches": make_batches(sampler=samplers.ClassAware(2))},
        "batches.sampler.class='ClassAware' .* has 'InstanceBalanced'",
    ),
    "batch_size": (
        lambda: {"batches": make_batches(batch_size=6)},
        "batches.batch_size=6 in stage 'one'; .* has 4",
    ),
    "last_batch": (
        lambda: {"batches": make_batches(last_batch="drop")},
        "batches.last_batch='drop' in stage 'one'; .* has 'keep'",
    ),
    "examples": (
        lambda: {"batches": make_batches(examples=15)},
        "batches.examples=15 in stage 'one'; .* has 12",
    ),
    "labels": (
        lambda: {"batches": relabelled()},
        "batches.labels_sha256='.*' in stage 'one'; .* has '",
    ),
    "seed": (
        lambda: {"batches": make_batches(3)},
        "batches.seed=3 in stage 'one'; .* has 0.",
    ),
}


@pytest.mark.parametrize("what", sorted(OTHER_SETTINGS))
def test_other_settings_are_refused(what, folder):
    changes, match = OTHER_SETTINGS[what]
    with pytest.raises(ValueError, match=match):
        train(make_plain(), [make_stage(**changes())], folder, verbose=0)


def with_objectives(*terms):
    """Returns a stage with an objective for each weight and temperature."""
    own = [
        Robustness([4, 4, 4], weight=weight, temperature=temperature)
        for weight, temperature in terms
    ]
    return make_stage(epochs=1, objectives=own)


@pytest.fixture(scope="module")
def robust(tmp_path_factory):
    """Returns the folder of a training with an objective, and its history."""
    folder = tmp_path_factory.mktemp("robust")
    keras.utils.set_random_seed(0)
    stages = [with_objectives((1.0, 1.0))]
    return folder, train(make_long_tail(), stages, folder, verbose=0)


@pytest.fixture
def robust_folder(robust, tmp_path):
    return shutil.copytree(robust[0], tmp_path / "run")


def test_same_objectives_go_on(robust, robust_folder):
    stages = [with_objectives((1.0, 1.0))]
    history = train(make_long_tail(), stages, robust_folder, verbose=0)
    assert history == robust[1]


@pytest.mark.parametrize(
    ("terms", "match"),
    [
        (
            [(0.0, 1.0)],
            r"objectives\[0\].weight=0.0 in stage 'one'; .* has 1.0",
        ),
        ([(1.0, 0.5)], r"objectives\[0\].temperature=0.5 .* has 1.0"),
        ([(1.0, 1.0)] * 2, r"objectives=\[.*Robustness.* has \[.*Robustness"),
        ([], r"objectives=\[\] in stage 'one'"),
    ],
)
def test_other_objectives_are_refused(terms, match, robust_folder):
    stages = [with_objectives(*terms)]
    with pytest.raises(ValueError, match=match):
        train(make_long_tail(), stages, robust_folder, verbose=0)


@pytest.mark.parametrize("lacks", ["settings", "objectives"])
def test_checkpoint_from_before_settings_were_kept_goes_on(
    lacks, trained, folder
):
    path = folder / "checkpoint.npz"
    with np.load(path) as file:
        arrays = dict(file)
    content = json.loads(arrays["content"].item())
    progress = content["progress"]
    (of_stage,) = progress["settings"]
    del {"settings": progress, "objectives": of_stage}[lacks][lacks]
    np.savez(path, **{**arrays, "content": np.array(json.dumps(content))})
    other = make_stage(batches=make_batches(3 if lacks == "settings" else 0))
    assert train(make_plain(), [other], folder, verbose=0) == trained[1]


def test_equal_settings_go_on_whatever_they_are_made_of(tmp_path):
    """Names that Keras numbers, schedules, own samplers and functions."""

    def stages():
        class Backwards(samplers.Sampler):
            def draw(self, index, generator, epoch):
                return np.arange(len(index), dtype="int32")[::-1]

        schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
        scaled = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.Adam(schedule), initial_scale=1.0
        )
        deferred = samplers.Deferred(Backwards(), samplers.ClassAware(), 1)
        return [
            make_stage("a", optimizer=scaled),
            make_stage("b", batches=make_batches(sampler=deferred)),
            make_stage("c", loss=mean_of_squares, optimizer="sgd"),
            make_stage("d", loss=losses.LDAM(np.arange(100, 97, -1))),
        ]

    def mean_of_squares(y, logits):
        return ops.mean(logits**2, axis=-1)

    history = train(make_plain(), stages(), tmp_path, verbose=0)
    assert len(history) == 8
    assert train(make_plain(), stages(), tmp_path, verbose=0) == history


def test_other_model_is_refused(folder):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="must be of the same model"):
        train(other, [make_stage()], folder, verbose=0)


def test_model_without_variables_is_refused():
    model = keras.Sequential([keras.layers.Dense(3)], name="later")
    with pytest.raises(ValueError, match="model 'later', which is not built"):
        train(model, [make_stage()], verbose=0)
